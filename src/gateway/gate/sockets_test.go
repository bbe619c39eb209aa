package gate

import (
	"context"
	"testing"
	"time"
)

func ends(ctx context.Context, within time.Duration) bool {
	select {
	case <-ctx.Done():
		return true
	case <-time.After(within):
		return false
	}
}

func TestWhatASessionHasOpenEndsWithIt(t *testing.T) {
	s := newSockets(time.Now)
	short, release := s.hold(context.Background(), session{id: "a", expires: time.Now().Add(20 * time.Millisecond)})
	other, _ := s.hold(context.Background(), session{id: "b", expires: time.Now().Add(time.Hour)})
	if !ends(short, 10*time.Second) {
		t.Fatal("open after its session has expired")
	}
	release()
	if other.Err() != nil {
		t.Fatal("another session's was closed")
	}
	s.end("b")
	if other.Err() == nil {
		t.Fatal("open after the logout")
	}
	if len(s.open) != 0 {
		t.Fatal("kept: ", s.open)
	}
}

func TestAProlongedSessionKeepsWhatItHasOpen(t *testing.T) {
	s := newSockets(time.Now)
	value := session{id: "a", expires: time.Now().Add(50 * time.Millisecond)}
	ctx, release := s.hold(context.Background(), value)
	value.expires = time.Now().Add(time.Hour)
	s.prolong(value)
	if ends(ctx, 200*time.Millisecond) {
		t.Fatal("closed though its session lives")
	}
	release()
	if ctx.Err() == nil || len(s.open) != 0 {
		t.Fatal("kept: ", s.open)
	}
}
