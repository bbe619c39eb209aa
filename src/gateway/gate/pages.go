package gate

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

var (
	//go:embed pages.html
	pagesText string
	//go:embed pages.css
	style string
	pages = template.Must(template.New("pages").Parse(pagesText))
	// The one thing that a page of ours may load.
	policy = func() string {
		sum := sha256.Sum256([]byte(style))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	}()
)

type page struct {
	Style   template.CSS
	Stack   string
	Service string
	Summary string
	Refresh int

	Next, User, Problem string
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
	data.Style, data.Stack, data.Service, data.Summary = template.CSS(style), g.door.Stack, g.Service, g.Summary
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, data); err != nil {
		g.door.logger.Error("a page can't be written: " + err.Error())
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
	g.show(w, r, status, "login", page{Next: next, User: user, Problem: problem})
}

func (g *Guard) showLogout(w http.ResponseWriter, r *http.Request, user string) {
	g.show(w, r, http.StatusOK, "logout", page{User: user})
}

// unavailable says that the service is not there: yet, or any more. A request that may have done its work is no 503, for
// that would ask to send it again.
func (g *Guard) unavailable(w http.ResponseWriter, r *http.Request, again bool) {
	const seconds = 2
	if !again {
		writeError(w, refusal{http.StatusBadGateway, "E_UPSTREAM_LOST", g.Service + " ended while it worked on this request.",
			"Look whether it was done before sending it again."})
		return
	}
	w.Header().Set("Retry-After", "2")
	if isNavigation(r) {
		g.show(w, r, http.StatusServiceUnavailable, "unavailable", page{Refresh: seconds})
		return
	}
	writeError(w, refusal{http.StatusServiceUnavailable, "E_UNAVAILABLE", g.Service + " does not answer.",
		"It starts, or has ended: ./datalab services health --stack " + g.door.Stack + " " + g.Service})
}
