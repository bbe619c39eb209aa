package gate

import (
	"context"
	"sync"
	"time"
)

// sockets ends connections that outlive the request that opened them, such as WebSockets, with the session
// that opened them: what was asked for by it must not go on after a logout.
type sockets struct {
	now   func() time.Time
	mutex sync.Mutex
	open  map[string]*held
}

// held is what one session has open.
type held struct {
	expires time.Time
	cancels map[*context.CancelFunc]struct{}
	timer   *time.Timer
}

func newSockets(now func() time.Time) *sockets { return &sockets{now: now, open: map[string]*held{}} }

// hold gives a context that is done when the session has ended; release is to be called when the connection
// is closed.
func (s *sockets) hold(parent context.Context, value session) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	of := s.open[value.id]
	if of == nil {
		of = &held{expires: value.expires, cancels: map[*context.CancelFunc]struct{}{}}
		of.timer = time.AfterFunc(value.expires.Sub(s.now()), func() { s.expire(value.id) })
		s.open[value.id] = of
	}
	of.cancels[&cancel] = struct{}{}
	return ctx, func() {
		cancel()
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(of.cancels, &cancel)
		if len(of.cancels) == 0 && s.open[value.id] == of {
			of.timer.Stop()
			delete(s.open, value.id)
		}
	}
}

// prolong lets what a session has open live as long as the session now does.
func (s *sockets) prolong(value session) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if of := s.open[value.id]; of != nil && value.expires.After(of.expires) {
		of.expires = value.expires
		of.timer.Reset(value.expires.Sub(s.now()))
	}
}

func (s *sockets) expire(id string) {
	s.mutex.Lock()
	of := s.open[id]
	early := of != nil && s.now().Before(of.expires)
	s.mutex.Unlock()
	// A timer that had fired when the session was prolonged.
	if !early {
		s.end(id)
	}
}

// end closes what a session has open.
func (s *sockets) end(id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	of := s.open[id]
	if of == nil {
		return
	}
	delete(s.open, id)
	of.timer.Stop()
	for cancel := range of.cancels {
		(*cancel)()
	}
}
