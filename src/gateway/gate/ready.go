package gate

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Ready answers whether more requests may be sent here: not once the process was told to end.
type Ready struct {
	app *App
}

// CaddyModule tells Caddy what this is.
func (*Ready) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.datalab_ready", New: func() caddy.Module { return new(Ready) }}
}

// Provision finds the app that it belongs to.
func (h *Ready) Provision(ctx caddy.Context) error {
	app, err := ctx.App(AppID)
	if err != nil {
		return err
	}
	h.app = app.(*App)
	return nil
}

// ServeHTTP answers 200 or 503.
func (h *Ready) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	if h.app.ending.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, err := io.WriteString(w, "ending\n")
		return err
	}
	_, err := io.WriteString(w, "ready\n")
	return err
}

var (
	_ caddy.Provisioner           = (*Ready)(nil)
	_ caddyhttp.MiddlewareHandler = (*Ready)(nil)
)
