package gate

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
)

const (
	ssoPath      = ownPrefix + "sso"
	callbackPath = ssoPath + "/callback"
)

// stopped is a login that did not succeed, told in words for the person who waits for it.
type stopped struct {
	status      int
	title, text string
	// In the metrics; and for the log, where those look who run the platform.
	result string
	cause  error
}

// beginSSO sends the browser to the provider, from the one page that the provider sends it back to.
func (g *Guard) beginSSO(w http.ResponseWriter, r *http.Request, at origin) {
	d := g.app
	next := g.landing(r.URL.Query().Get("next"), at)
	if at.host != d.OIDC.home.Host {
		redirect(w, d.OIDC.home.String()+ssoPath+"?"+url.Values{"next": {next}, "as": r.URL.Query()["as"]}.Encode())
		return
	}
	found, err := d.OIDC.discover(r.Context())
	if err != nil {
		g.stop(w, r, d.unreachable(err), next)
		return
	}
	begun := d.sessions.attempt(next)
	http.SetCookie(w, d.sessions.attemptCookie(begun, at))
	options := []oauth2.AuthCodeOption{oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier)}
	if r.URL.Query().Get("as") != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	redirect(w, d.OIDC.config(found).AuthCodeURL(begun.State, options...))
}

// landing is the page that a login leads to: below the address that this one was opened by, or one that
// another page of ours has handed over. Where the session's cookie would not reach the name, it is the page's
// well-known name instead.
func (g *Guard) landing(next string, at origin) string {
	if to, err := url.Parse(next); err == nil && to.Host != "" {
		origin := to.Scheme + "://" + to.Host
		if !g.app.isOurs(origin) {
			return "/"
		}
		path := safeNext(strings.TrimPrefix(next, origin))
		return origin + path
	}
	own := at.origins[0]
	home := g.app.OIDC.home
	host, err := url.Parse(own)
	if err != nil || (host.Hostname() != home.Hostname() && at.domain == "") {
		if g.public == nil {
			return "/"
		}
		own = g.Origin
	}
	return own + safeNext(next)
}

// isOurs says whether a page of this gateway has that origin.
func (d *App) isOurs(origin string) bool {
	to := parseOrigin(origin)
	if to == nil {
		return false
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, guard := range d.guards {
		if at, ours := guard.originOf(&http.Request{Host: to.Host}); ours && at.isOrigin(origin) {
			return true
		}
	}
	return false
}

// finishSSO is where the provider sends people back to.
func (g *Guard) finishSSO(w http.ResponseWriter, r *http.Request, at origin) {
	d := g.app
	begun, known := d.sessions.attemptOf(r, at)
	if !known {
		g.stop(w, r, stopped{status: http.StatusBadRequest, result: "denied", title: "This login is not known here",
			text: "It took longer than ten minutes, was already completed, or started in another browser. Start again."}, "/")
		return
	}
	// Whatever becomes of it: it was used.
	http.SetCookie(w, d.sessions.noAttemptCookie(begun.State, at))
	client := clientOf(r)
	if wait := d.limit.take(client); wait > 0 {
		seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
		w.Header().Set("Retry-After", seconds)
		g.stop(w, r, stopped{status: http.StatusTooManyRequests, result: "limited", title: "Too many attempts",
			text: "Try again in " + seconds + " s."}, begun.Next)
		return
	}
	name, admin, why := g.person(r, begun)
	if why != nil {
		g.stop(w, r, *why, begun.Next)
		return
	}
	d.limit.giveBack(client)
	d.logins.WithLabelValues("accepted").Inc()
	http.SetCookie(w, d.sessions.cookie(d.sessions.beginSSO(name, admin), at))
	redirect(w, begun.Next)
}

// person asks the provider who has come back, and the rules whether he may come in.
func (g *Guard) person(r *http.Request, begun attempt) (name string, admin bool, why *stopped) {
	d, query := g.app, r.URL.Query()
	label := d.OIDC.Label
	if code := query.Get("error"); code != "" {
		why := stopped{status: http.StatusForbidden, result: "denied", title: label + " did not let you in",
			text: "You can try again, or log in there as another user.", cause: fmt.Errorf("%s: %s", code, query.Get("error_description"))}
		if code == "server_error" || code == "temporarily_unavailable" {
			why = d.unreachable(why.cause)
		}
		return "", false, &why
	}
	wrong := func(cause error) *stopped {
		return &stopped{status: http.StatusForbidden, result: "denied", title: "The answer of " + label + " can't be trusted", cause: cause,
			text: "It is signed by an unknown key, or made for another client, login or time. Start again; if that does not help, " +
				"the platform's operators find the reason in the gateway's log."}
	}
	if issuer := query.Get("iss"); issuer != "" && issuer != d.OIDC.Issuer {
		return "", false, wrong(fmt.Errorf("the answer is of the issuer %q", issuer))
	}
	found, err := d.OIDC.discover(r.Context())
	if err != nil {
		why := d.unreachable(err)
		return "", false, &why
	}
	said, err := d.OIDC.redeem(r.Context(), found, query.Get("code"), begun)
	var refusal *oauth2.RetrieveError
	var distrust untrusted
	switch {
	case err == nil:
	case errors.As(err, &distrust):
		return "", false, wrong(err)
	case errors.As(err, &refusal) && refusal.ErrorCode == "invalid_grant":
		return "", false, &stopped{status: http.StatusBadRequest, result: "denied", title: "This login was used already, or is too old",
			text: "Begin again.", cause: err}
	case errors.As(err, &refusal) && refusal.Response.StatusCode < 500:
		return "", false, &stopped{status: http.StatusBadGateway, result: "failed", title: "Single sign-on is not set up right", cause: err,
			text: label + " refuses the platform itself, not you. Those who run it find the reason in the gateway's log."}
	default:
		why := d.unreachable(err)
		return "", false, &why
	}
	name, admin, allowed, err := d.OIDC.who(said, d.isTaken)
	if err != nil {
		return "", false, &stopped{status: http.StatusForbidden, result: "denied", title: label + " does not say who you are", cause: err,
			text: "Its data about you is not sufficient for a login. The platform's operators find the reason in the gateway's log."}
	}
	if !allowed {
		return "", false, &stopped{status: http.StatusForbidden, result: "denied", title: "You may not open this platform",
			text: "You are logged in at " + label + " as " + name + ", who may not open this platform. Ask the platform's operators."}
	}
	return name, admin, nil
}

// isTaken: nobody else may look like somebody who is known here, or like a program.
func (d *App) isTaken(name string) bool {
	for _, user := range d.Users {
		if strings.EqualFold(user.Name, name) {
			return true
		}
	}
	return strings.EqualFold(name, byToken)
}

func (d *App) unreachable(cause error) stopped {
	text := "Nothing is wrong with your login. Try again in a moment."
	if !d.NoPasswords {
		text = "Nothing is wrong with your login. Try again in a moment, or use a password of this platform."
	}
	return stopped{status: http.StatusServiceUnavailable, result: "failed", title: d.OIDC.Label + " does not answer", text: text, cause: cause}
}

// stop tells why nobody was logged in.
func (g *Guard) stop(w http.ResponseWriter, r *http.Request, why stopped, next string) {
	g.app.logins.WithLabelValues(why.result).Inc()
	if why.cause != nil {
		g.app.logger.Warn("single sign-on: "+why.title, zap.Error(why.cause))
	}
	again := ""
	if why.status == http.StatusForbidden {
		again = "&as=another" // the provider would answer the same of the same person
	}
	data := page{Title: why.title, Problem: why.text, Next: ssoPath + "?next=" + url.QueryEscape(next) + again}
	if !g.app.NoPasswords {
		data.PasswordURL = passwordLogin(next)
	}
	g.show(w, r, why.status, "stopped", data)
}

// passwordLogin is the login page of the port where a landing lies.
func passwordLogin(landing string) string {
	to, err := url.Parse(landing)
	if err != nil || to.Host == "" {
		return loginPath + "?next=" + url.QueryEscape(safeNext(landing))
	}
	origin := to.Scheme + "://" + to.Host
	return origin + loginPath + "?next=" + url.QueryEscape(safeNext(strings.TrimPrefix(landing, origin)))
}

// leave ends the session at the provider too, where it can be ended. By a page that goes on by itself:
// browsers lead no form of ours to another site.
func (g *Guard) leave(w http.ResponseWriter, r *http.Request, user string) {
	found, err := g.app.OIDC.discover(r.Context())
	if err != nil {
		redirect(w, logoutPath) // it is not there; here the session has ended
		return
	}
	to := g.app.OIDC.logoutURL(found, user)
	if to == "" {
		redirect(w, logoutPath)
		return
	}
	g.show(w, r, http.StatusOK, "leaving", page{Leave: to})
}
