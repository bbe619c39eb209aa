package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
)

// Longer answers are not rewritten.
const maxRewritten = 256 << 10

// forward sends a request on to the service.
func (g *Guard) forward(w http.ResponseWriter, r *http.Request, at origin, next caddyhttp.Handler, who string) error {
	if who != "" {
		r.Header.Set("X-Datalab-User", who)
	}
	// In writing: who asks by a cookie's session must not be asked again by the browser.
	guarded := &guardedWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, guard: g, at: at,
		hidePrompt: who != ""}
	var err error
	if fields := g.Answers[r.URL.Path]; fields != nil && r.Method == http.MethodGet {
		err = g.rewrite(guarded, r, next, fields)
	} else {
		err = next.ServeHTTP(guarded, r)
	}
	if err == nil {
		if g.down.CompareAndSwap(true, false) {
			g.app.logger.Warn("answers again", zap.String("service", g.Service))
		}
		return nil
	}
	var failed caddyhttp.HandlerError
	if !errors.As(err, &failed) || (failed.StatusCode != http.StatusBadGateway && failed.StatusCode != http.StatusGatewayTimeout) {
		return err
	}
	g.app.gone.WithLabelValues(g.Service).Inc()
	if g.down.CompareAndSwap(false, true) {
		g.app.logger.Warn("does not answer", zap.String("service", g.Service), zap.NamedError("cause", failed.Err))
	}
	if guarded.written {
		return nil // its beginning was sent; Caddy has closed the connection
	}
	var dial reverseproxy.DialError
	idempotent := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	g.unavailable(w, r, errors.As(failed.Err, &dial) || idempotent)
	return nil
}

// guardedWriter adds headers at the moment an answer begins.
type guardedWriter struct {
	*caddyhttp.ResponseWriterWrapper
	guard      *Guard
	at         origin
	hidePrompt bool
	written    bool
}

func (w *guardedWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begin()
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

func (w *guardedWriter) Write(data []byte) (int, error) {
	w.begin()
	return w.ResponseWriterWrapper.Write(data)
}

func (w *guardedWriter) begin() {
	if w.written {
		return
	}
	w.written = true
	header := w.Header()
	header.Del("Server")
	header.Del("X-Powered-By")
	header.Del("Via")
	setDefault(header, "X-Content-Type-Options", "nosniff")
	setDefault(header, "X-Frame-Options", "SAMEORIGIN")
	setDefault(header, "Referrer-Policy", "same-origin")
	w.guard.keepCookies(header, w.at)
	w.guard.keepScheme(header, w.at)
	if w.guard.Auth == "own" {
		return
	}
	if w.hidePrompt {
		header.Del("WWW-Authenticate")
	}
	// What pages may talk to: their own origin. Nothing of the platform tells a stranger what people do with it.
	header.Add("Content-Security-Policy", "connect-src 'self' "+w.at.sockets()+" data: blob:; "+
		"frame-ancestors 'self'; form-action 'self'; base-uri 'self'; object-src 'none'")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

func setDefault(header http.Header, name, value string) {
	if header.Get(name) == "" {
		header.Set(name, value)
	}
}

// keepCookies lets no service set a gateway's session; one that this gateway has just written stays.
func (g *Guard) keepCookies(header http.Header, at origin) {
	lines := header["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := lines[:0:0]
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		if !isSessionCookie(strings.TrimSpace(name)) {
			kept = append(kept, line)
			g.cookies.learn(strings.TrimSpace(name))
			continue
		}
		value, _, _ = strings.Cut(value, ";")
		if _, ok := g.app.sessions.read(value); ok && g.Auth == "gateway" && strings.TrimSpace(name) == g.app.sessions.cookieName(at) {
			kept = append(kept, line)
		}
	}
	header["Set-Cookie"] = kept
}

// keepScheme leads to https what a service that sees http only leads to its own name.
func (g *Guard) keepScheme(header http.Header, at origin) {
	rest, found := strings.CutPrefix(header.Get("Location"), "http://"+at.host)
	if found && at.secure && (rest == "" || strings.ContainsAny(rest[:1], "/?#")) {
		header.Set("Location", "https://"+at.host+rest)
	}
}

// rewrite replaces fields of the JSON object that the service answers; anything else goes through as it is.
func (g *Guard) rewrite(w *guardedWriter, r *http.Request, next caddyhttp.Handler, fields map[string]any) error {
	r.Header.Del("Accept-Encoding")
	r.Header.Del("If-None-Match")
	r.Header.Del("If-Modified-Since")
	buffer := new(bytes.Buffer)
	recorder := caddyhttp.NewResponseRecorder(w, buffer, func(status int, header http.Header) bool {
		length, err := strconv.Atoi(header.Get("Content-Length"))
		return status == http.StatusOK && err == nil && length <= maxRewritten &&
			strings.HasPrefix(header.Get("Content-Type"), "application/json") && header.Get("Content-Encoding") == ""
	})
	if err := next.ServeHTTP(recorder, r); err != nil || !recorder.Buffered() {
		return err
	}
	var answer map[string]any
	if err := json.Unmarshal(buffer.Bytes(), &answer); err == nil {
		for name, value := range fields {
			answer[name] = value
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		buffer.Reset()
		buffer.Write(text)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Header().Del("Etag")
	}
	return recorder.WriteResponse()
}
