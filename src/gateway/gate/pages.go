package gate

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
)

var (
	//go:embed pages.html
	pagesText string
	//go:embed pages.css
	style string
	// Only the browser knows the #part of a link: it is handed to the provider's side of the login with the
	// rest.
	keepFragment = `document.getElementById("sso").href+=encodeURIComponent(location.hash)`
	pages        = template.Must(template.New("pages").Parse(pagesText))
	// What a page of ours may load, and the one script that one of them has.
	policy = "default-src 'none'; style-src " + sourceOf(style) + "; script-src " + sourceOf(keepFragment) +
		"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

func sourceOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

type page struct {
	Style   template.CSS
	Stack   string
	Service string
	Summary string
	Refresh int

	Next, User, Problem, Title string
	// Single sign-on: what it is called, and where it begins. Empty: there is none.
	Provider, SSOURL string
	// Where the page goes on to by itself.
	Leave string
	// Empty: passwords are switched off.
	PasswordURL string
	Passwords   bool
	Script      template.JS
}

// ownHeaders is what every answer of the gateway itself carries.
func ownHeaders(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	// Not no-referrer: with it, browsers hide the Origin of a form as well.
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

func (g *Guard) show(w http.ResponseWriter, r *http.Request, status int, name string, data page) {
	data.Style, data.Stack, data.Service, data.Summary = template.CSS(style), g.app.Stack, g.Service, g.Summary
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, data); err != nil {
		g.app.logger.Error("a page can't be written: " + err.Error())
		writeError(w, refusal{http.StatusInternalServerError, "E_INTERNAL", "The gateway failed to answer; its log says why.", ""})
		return
	}
	ownHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text.Bytes())
	}
}

func (g *Guard) showLogin(w http.ResponseWriter, r *http.Request, status int, next, user, problem string) {
	if len(user) > 128 {
		user = ""
	}
	data := page{Next: next, User: user, Problem: problem, Passwords: !g.app.NoPasswords}
	if oidc := g.app.OIDC; oidc != nil {
		data.Provider, data.SSOURL, data.Script = oidc.Label, ssoPath+"?next="+url.QueryEscape(next), template.JS(keepFragment)
	}
	g.show(w, r, status, "login", data)
}

func (g *Guard) showLogout(w http.ResponseWriter, r *http.Request, user string) {
	g.show(w, r, http.StatusOK, "logout", page{User: user})
}

// unavailable says that the service is not there: yet, or any more. A request that may have done its work is
// no 503, for that would ask to send it again.
func (g *Guard) unavailable(w http.ResponseWriter, r *http.Request, again bool) {
	const seconds = 2
	if !again {
		writeError(w, refusal{http.StatusBadGateway, "E_UPSTREAM_LOST", g.Service + " ended while it worked on this request.",
			"Check the result before you send it again."})
		return
	}
	w.Header().Set("Retry-After", "2")
	if isNavigation(r) {
		g.show(w, r, http.StatusServiceUnavailable, "unavailable", page{Refresh: seconds})
		return
	}
	writeError(w, refusal{http.StatusServiceUnavailable, "E_UNAVAILABLE", g.Service + " does not answer.",
		"It is starting or has ended: ./datalab services health --stack " + g.app.Stack + " " + g.Service})
}
