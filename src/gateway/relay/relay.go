// Package relay passes TCP connections on, byte for byte: databases, gRPC, whatever is not HTTP.
package relay

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// AppID is the module's name among Caddy's apps.
const AppID = "datalab_relay"

const (
	dialTimeout = 5 * time.Second
	// How many connections one relay holds at once; more wait in the kernel's queue.
	most  = 2048
	grace = 3 * time.Second
)

func init() { caddy.RegisterModule(new(App)) }

// App is a Caddy app that listens on one port per relay.
type App struct {
	Relays []Relay `json:"relays"`

	logger    *zap.Logger
	context   context.Context
	cancel    context.CancelFunc
	listeners []net.Listener
	accepting sync.WaitGroup
	open      sync.WaitGroup
	stopping  atomic.Bool
}

// Relay is one port and where it leads.
type Relay struct {
	Service  string `json:"service"`
	Listen   string `json:"listen"`
	Upstream string `json:"upstream"`
}

// CaddyModule tells Caddy what this is.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: AppID, New: func() caddy.Module { return new(App) }}
}

// Provision prepares the app.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.context, a.cancel = context.WithCancel(context.Background())
	return nil
}

// Start opens the ports.
func (a *App) Start() error {
	for _, relay := range a.Relays {
		listener, err := listen(a.context, relay.Listen)
		if err != nil {
			_ = a.Stop()
			return err
		}
		a.listeners = append(a.listeners, listener)
		a.accepting.Add(1)
		go a.accept(listener, relay)
	}
	return nil
}

// Stop closes the ports, and after a grace period what is still open.
func (a *App) Stop() error {
	a.stopping.Store(true)
	for _, listener := range a.listeners {
		_ = listener.Close()
	}
	a.accepting.Wait()
	idle := make(chan struct{})
	go func() { a.open.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(grace):
	}
	a.cancel()
	return nil
}

func (a *App) accept(listener net.Listener, relay Relay) {
	defer a.accepting.Done()
	places := make(chan struct{}, most)
	up := true // what was told last
	var mutex sync.Mutex
	for {
		places <- struct{}{}
		client, err := listener.Accept()
		if err != nil {
			if a.stopping.Load() {
				return
			}
			<-places
			time.Sleep(50 * time.Millisecond) // out of file descriptors: some are freed soon
			continue
		}
		a.open.Add(1)
		go func() {
			defer func() { <-places; a.open.Done() }()
			err := a.carry(client, relay.Upstream)
			mutex.Lock()
			defer mutex.Unlock()
			if (err == nil) != up {
				up = err == nil
				a.logger.Warn("upstream", zap.String("service", relay.Service), zap.Bool("answers", up), zap.Error(err))
			}
		}()
	}
}

// carry connects and copies both ways until both are done. Only a connection that could not be made is an
// error.
func (a *App) carry(client net.Conn, upstream string) error {
	defer client.Close()
	dialer := net.Dialer{Timeout: dialTimeout}
	server, err := dialer.DialContext(a.context, "tcp", upstream)
	if err != nil {
		return err
	}
	defer server.Close()
	stop := context.AfterFunc(a.context, func() { client.Close(); server.Close() })
	defer stop()
	var both sync.WaitGroup
	copyTo := func(to, from net.Conn) {
		defer both.Done()
		if _, err := io.Copy(to, from); err != nil { // the kernel splices: no buffer here
			client.Close()
			server.Close()
			return
		}
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	both.Add(2)
	go copyTo(server, client)
	go copyTo(client, server)
	both.Wait()
	return nil
}

// listen shares the port with the app that this one takes over from when a configuration is loaded anew.
func listen(ctx context.Context, address string) (net.Listener, error) {
	parsed, err := caddy.ParseNetworkAddress("tcp/" + address)
	if err != nil {
		return nil, err
	}
	opened, err := parsed.Listen(ctx, 0, net.ListenConfig{})
	if err != nil {
		return nil, err
	}
	return opened.(net.Listener), nil
}

var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
