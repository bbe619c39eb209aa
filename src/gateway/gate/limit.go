package gate

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Failed logins: a few at once, then one every few seconds; for a client, and for all together. Behind
// Docker's proxy all clients of a machine are one.
const (
	clientBurst  = 10
	clientRefill = 3 * time.Second
	allBurst     = 60
	allRefill    = 500 * time.Millisecond
	mostClients  = 1024
	// A refused password is told after this long, by at most so many answers at a time.
	failureDelay = 400 * time.Millisecond
	mostDelayed  = 16
)

type bucket struct {
	tokens float64
	at     time.Time
}

func (b *bucket) refill(now time.Time, burst float64, every time.Duration) {
	b.tokens = min(burst, b.tokens+now.Sub(b.at).Seconds()/every.Seconds())
	b.at = now
}

type limit struct {
	now     func() time.Time
	delay   func(r *http.Request)
	delayed chan struct{}

	mutex   sync.Mutex
	all     bucket
	clients map[string]*bucket
}

func newLimit() *limit {
	l := &limit{now: time.Now, delayed: make(chan struct{}, mostDelayed), clients: map[string]*bucket{}}
	l.all = bucket{tokens: allBurst, at: l.now()}
	l.delay = func(r *http.Request) {
		select {
		case <-time.After(failureDelay):
		case <-r.Context().Done():
		}
	}
	return l
}

// take counts an attempt before it is looked at: many at once must not all slip through. Zero: it may go on;
// else how long to wait.
func (l *limit) take(client string) time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	l.all.refill(now, allBurst, allRefill)
	mine := l.client(client, now)
	if mine.tokens < 1 {
		return time.Duration((1 - mine.tokens) * float64(clientRefill))
	}
	if l.all.tokens < 1 {
		return time.Duration((1 - l.all.tokens) * float64(allRefill))
	}
	mine.tokens--
	l.all.tokens--
	return 0
}

// giveBack forgets an attempt that was right.
func (l *limit) giveBack(client string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.all.tokens = min(allBurst, l.all.tokens+1)
	mine := l.client(client, l.now())
	mine.tokens = min(clientBurst, mine.tokens+1)
}

func (l *limit) client(name string, now time.Time) *bucket {
	if known := l.clients[name]; known != nil {
		known.refill(now, clientBurst, clientRefill)
		return known
	}
	if len(l.clients) >= mostClients {
		for other, b := range l.clients {
			b.refill(now, clientBurst, clientRefill)
			if b.tokens >= clientBurst {
				delete(l.clients, other)
			}
		}
	}
	if len(l.clients) >= mostClients {
		return &bucket{tokens: clientBurst, at: now} // the limit for all holds
	}
	fresh := &bucket{tokens: clientBurst, at: now}
	l.clients[name] = fresh
	return fresh
}

// slow delays the answer to a wrong password. False: too many wait already.
func (l *limit) slow(r *http.Request) bool {
	select {
	case l.delayed <- struct{}{}:
		defer func() { <-l.delayed }()
		l.delay(r)
		return true
	default:
		return false
	}
}

// clientOf names who asks: an address, of IPv6 the network that one household or machine has.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
