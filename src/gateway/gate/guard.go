package gate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Guard stands before one published port.
type Guard struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	// What people are told it is.
	Summary string `json:"summary"`
	// "gateway": nobody comes in without a session or the token. "own": the service asks for a login itself.
	Auth string `json:"auth"`
	// What the service's own HTTP Basic is for whoever is logged in here.
	Login *Login `json:"login,omitempty"`
	// Path prefixes that are not for the outside.
	Internal []string `json:"internal,omitempty"`
	// Paths at which the service itself refuses strangers, in a way that a gateway can't see.
	SelfGuarded []string `json:"selfGuarded,omitempty"`
	// Names of cookies that its pages use although it may not have set them in this gateway's life; a name that
	// ends with * stands for all that begin with it.
	Cookies []string `json:"cookies,omitempty"`
	// Fields that are replaced in the JSON object which a path answers: what a UI is told about its login.
	Answers map[string]map[string]any `json:"answers,omitempty"`
	// Of those who come by single sign-on, only admins open it.
	AdminsOnly bool `json:"adminsOnly,omitempty"`
	// Where people's browsers reach it, such as https://tracking.lab.example.com.
	Origin string `json:"origin,omitempty"`
	// The published port; filled in by setup.
	Port int `json:"port,omitempty"`

	app    *App
	public *url.URL
	// Names of cookies that it may see.
	cookies *cookieNames
	// Whether its service was told to be gone.
	down *atomic.Bool
}

// Login is a user and password.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// CaddyModule tells Caddy what this is.
func (*Guard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.datalab_gate", New: func() caddy.Module { return new(Guard) }}
}

// Handler is the guard as a handler in Caddy's configuration.
func (g *Guard) Handler() any {
	type plain Guard // without methods
	return struct {
		Handler string `json:"handler"`
		*plain
	}{"datalab_gate", (*plain)(g)}
}

// Provision finds the app that it belongs to.
func (g *Guard) Provision(ctx caddy.Context) error {
	if g.Auth != "gateway" && g.Auth != "own" {
		return fmt.Errorf("auth %q is neither gateway nor own", g.Auth)
	}
	app, err := ctx.App(AppID)
	if err != nil {
		return err
	}
	g.app, g.down = app.(*App), new(atomic.Bool)
	g.cookies = cookieNamesOf(g.Service+"/"+g.Name, g.Cookies)
	if g.Origin != "" {
		if g.public = parseOrigin(g.Origin); g.public == nil {
			return fmt.Errorf("origin %q is not of the form scheme://host[:port]", g.Origin)
		}
	}
	g.app.add(g)
	return nil
}

// ServeHTTP lets a request through, or answers it.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	g.app.inWork.Add(1)
	defer g.app.inWork.Add(-1)
	w.Header().Del("Server")
	at, ours := g.originOf(r)
	if g.app.ending.Load() && !isUpgrade(r) {
		w.Header().Set("Connection", "close")
	}
	if !ours {
		g.refuse(w, r, refusal{http.StatusMisdirectedRequest, "E_HOST", "This name is not served here.",
			"services.gateway.options.hosts sets the names besides 127.0.0.1 and localhost."})
		return nil
	}
	if isBelow(r.URL.Path, g.Internal) {
		g.refuse(w, r, refusal{http.StatusNotFound, "E_INTERNAL_PATH", "This path is available only inside the platform.", ""})
		return nil
	}
	if at.canonical && at.secure {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
	}
	if at.downgraded {
		g.toTLS(w, r)
		return nil
	}
	client := ""
	if !at.local {
		client = g.app.forwardedFor(r)
	}
	stripReserved(r.Header)
	g.app.fromProxy(r, at, client)
	if g.Auth == "own" {
		g.ownCookies(r)
		return g.forward(w, r, at, next, "")
	}
	if strings.HasPrefix(r.URL.Path, ownPrefix) {
		g.serveOwn(w, r, at)
		return nil
	}
	who, renewed, denial := g.identify(r, at)
	if denial != nil {
		g.refuse(w, r, *denial)
		return nil
	}
	if renewed != nil {
		http.SetCookie(w, renewed)
	}
	if isUpgrade(r) {
		if found, ok := g.app.sessions.of(r, at); ok {
			ctx, release := g.app.sessions.sockets.hold(r.Context(), found)
			defer release()
			if g.app.sessions.isRevoked(found.id) { // meanwhile
				g.app.sessions.sockets.end(found.id)
			}
			r = r.WithContext(ctx)
		}
	}
	g.ownCookies(r)
	return g.forward(w, r, at, next, who)
}

// Who sends the request when it is not a person: marks in metrics and in X-Datalab-User.
const (
	byToken = "token"
	bySelf  = "" // the service finds out
)

// identify finds out who sends a request, and replaces what opened the gateway by what opens the service's.
func (g *Guard) identify(r *http.Request, at origin) (who string, renewed *http.Cookie, denial *refusal) {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if denial := g.foreign(r, at); denial != nil {
		return "", nil, denial
	}
	switch {
	case len(r.Header.Values("Authorization")) > 1:
		return "", nil, &refusal{http.StatusBadRequest, "E_AUTHORIZATION", "There is more than one Authorization header.", ""}
	case strings.EqualFold(scheme, "Bearer"):
		if !g.app.isToken(strings.TrimSpace(credentials)) {
			return "", nil, &refusal{http.StatusUnauthorized, "E_TOKEN", "This token is not valid here.", tokenHint(g.app)}
		}
		g.signIn(r)
		return byToken, nil, nil
	case strings.EqualFold(scheme, "Basic") && g.Login != nil:
		return bySelf, nil, nil
	}
	if found, ok := g.app.sessions.of(r, at); ok {
		if g.AdminsOnly && !found.admin {
			return "", nil, &refusal{http.StatusForbidden, "E_ADMINS", "Only admins open " + g.Service + ".",
				"services.gateway.options.oidc.admins lists the admins; " + found.user + " is not one."}
		}
		g.signIn(r)
		r.Header.Set("X-Datalab-Role", found.role())
		if longer, ok := g.app.sessions.prolong(found); ok {
			return found.user, g.app.sessions.cookie(longer, at), nil
		}
		return found.user, nil, nil
	}
	if isExactly(r.URL.Path, g.SelfGuarded) {
		return bySelf, nil, nil
	}
	return "", nil, &refusal{http.StatusUnauthorized, "E_LOGIN", "A login is required.", tokenHint(g.app)}
}

// signIn logs in at the service.
func (g *Guard) signIn(r *http.Request) {
	r.Header.Del("Authorization")
	if g.Login != nil {
		r.SetBasicAuth(g.Login.User, g.Login.Password)
	}
}

func tokenHint(d *App) string {
	return fmt.Sprintf("Send Authorization: Bearer <token>; ./datalab secrets show --stack %s gateway/token shows it.", d.Stack)
}

// refusal is an answer in the shape that all of the platform's errors have.
type refusal struct {
	status  int
	code    string
	message string
	hint    string
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, why refusal) {
	g.app.refused.WithLabelValues(why.code).Inc()
	if why.code == "E_LOGIN" && isNavigation(r) {
		g.toLogin(w, r)
		return
	}
	if why.code == "E_ADMINS" && isNavigation(r) {
		g.show(w, r, why.status, "refused", page{Title: why.message, Problem: why.hint})
		return
	}
	writeError(w, why)
}

func writeError(w http.ResponseWriter, why refusal) {
	body := map[string]any{"code": why.code, "message": why.message}
	if why.hint != "" {
		body["hint"] = why.hint
	}
	text, _ := json.Marshal(map[string]any{"error": body})
	header := w.Header()
	ownHeaders(header)
	header.Set("Content-Type", "application/json; charset=utf-8")
	if why.status == http.StatusUnauthorized {
		// No browser makes a prompt of it; programs see what is missing.
		header.Set("WWW-Authenticate", `Bearer realm="datalab"`)
	}
	w.WriteHeader(why.status)
	_, _ = w.Write(append(text, '\n'))
}

var (
	_ caddy.Provisioner           = (*Guard)(nil)
	_ caddyhttp.MiddlewareHandler = (*Guard)(nil)
)
