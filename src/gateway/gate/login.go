package gate

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ownPrefix is what the gateway answers itself on every port that it guards.
const (
	ownPrefix  = "/.datalab/"
	loginPath  = ownPrefix + "login"
	logoutPath = ownPrefix + "logout"
	whoPath    = ownPrefix + "session"
	mostForm   = 8 << 10
)

func (g *Guard) serveOwn(w http.ResponseWriter, r *http.Request, at origin) {
	found, loggedIn := g.app.sessions.of(r, at)
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case r.URL.Path == loginPath && get:
		next := safeNext(r.URL.Query().Get("next"))
		if loggedIn {
			redirect(w, next)
			return
		}
		g.showLogin(w, r, http.StatusOK, next, "", "")
	case g.app.OIDC != nil && r.URL.Path == ssoPath && get:
		g.beginSSO(w, r, at)
	case g.app.OIDC != nil && r.URL.Path == callbackPath && r.Method == http.MethodGet:
		g.finishSSO(w, r, at)
	case r.URL.Path == loginPath && r.Method == http.MethodPost && g.app.NoPasswords:
		g.refuse(w, r, refusal{http.StatusForbidden, "E_NO_PASSWORDS", "Passwords are switched off here.", "Log in by " + ssoPath + "."})
	case r.URL.Path == loginPath && r.Method == http.MethodPost:
		g.login(w, r, at)
	case r.URL.Path == logoutPath && get:
		g.showLogout(w, r, found.user)
	case r.URL.Path == logoutPath && r.Method == http.MethodPost:
		if !fromHere(r, at) {
			g.refuse(w, r, refusal{http.StatusForbidden, "E_ORIGIN", "Only the gateway's own page logs out.", ""})
			return
		}
		if loggedIn {
			g.app.sessions.revoke(found)
		}
		http.SetCookie(w, g.app.sessions.noCookie(at))
		w.Header().Set("Clear-Site-Data", `"cache"`)
		if loggedIn && found.sso {
			g.leave(w, r, found.user)
			return
		}
		redirect(w, loginPath)
	case r.URL.Path == whoPath && get && loggedIn:
		ownHeaders(w.Header())
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = fmt.Fprintf(w, `{"user":%q,"role":%q,"stack":%q,"expires":%q}`+"\n", found.user, found.role(), g.app.Stack, found.expires.UTC().Format("2006-01-02T15:04:05Z"))
	case r.URL.Path == whoPath && get:
		g.refuse(w, r, refusal{http.StatusUnauthorized, "E_SESSION", "There is no session.", ""})
	default:
		g.refuse(w, r, refusal{http.StatusNotFound, "E_NOT_FOUND", "The gateway has no such page.", ""})
	}
}

// fromHere: the form was sent by a page of this very origin. Browsers say so in one of these headers with
// every POST.
func fromHere(r *http.Request, at origin) bool {
	origin := r.Header.Values("Origin")
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "" && site != "same-origin" && site != "none" {
		return false
	}
	if len(origin) == 0 {
		return site == "same-origin"
	}
	return len(origin) == 1 && at.isOrigin(origin[0])
}

func (g *Guard) login(w http.ResponseWriter, r *http.Request, at origin) {
	d := g.app
	if !fromHere(r, at) {
		g.refuse(w, r, refusal{http.StatusForbidden, "E_ORIGIN", "Only the login page logs in.",
			"Programs send Authorization: Bearer <token> instead of logging in."})
		return
	}
	form, err := readForm(w, r)
	if err != nil {
		g.refuse(w, r, refusal{http.StatusBadRequest, "E_FORM", "The form can't be read: " + err.Error() + ".", ""})
		return
	}
	next, name, password := safeNext(form.Get("next")), form.Get("user"), form.Get("password")
	client := clientOf(r)
	if wait := d.limit.take(client); wait > 0 {
		d.logins.WithLabelValues("limited").Inc()
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		g.showLogin(w, r, http.StatusTooManyRequests, next, name,
			fmt.Sprintf("Too many attempts. Try again in %d s.", seconds))
		return
	}
	user := d.user(name)
	if !d.verify(user, password) {
		d.logins.WithLabelValues("refused").Inc()
		if !d.limit.slow(r) {
			w.Header().Set("Retry-After", "1")
			g.showLogin(w, r, http.StatusTooManyRequests, next, name, "Too many attempts at once. Try again.")
			return
		}
		g.showLogin(w, r, http.StatusUnauthorized, next, name, "User name or password is wrong.")
		return
	}
	d.limit.giveBack(client)
	d.logins.WithLabelValues("accepted").Inc()
	http.SetCookie(w, d.sessions.cookie(d.sessions.begin(user.Name), at))
	redirect(w, next)
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, errors.New("its type is not application/x-www-form-urlencoded")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostForm))
	if err != nil {
		return nil, fmt.Errorf("it has more than %d bytes or was cut", mostForm)
	}
	return url.ParseQuery(string(text))
}

// safeNext is where a login leads: a path on this very port and nothing that a browser takes for another
// host.
func safeNext(next string) string {
	if len(next) > 2048 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, func(c rune) bool { return c < ' ' || c == '\\' || c == 0x7f }) {
		return "/"
	}
	at, err := url.Parse(next)
	if err != nil || at.Host != "" || at.Scheme != "" || strings.HasPrefix(normal(at.Path)+"/", ownPrefix) {
		return "/"
	}
	return next
}

func (g *Guard) toLogin(w http.ResponseWriter, r *http.Request) {
	target := loginPath
	if next := safeNext(r.URL.RequestURI()); next != "/" {
		target += "?next=" + url.QueryEscape(next)
	}
	redirect(w, target)
}

func redirect(w http.ResponseWriter, to string) {
	ownHeaders(w.Header())
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
