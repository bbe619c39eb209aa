package gate

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Cookies of this platform's gateways, of any stack: they reach every port of a host name, so upstreams
	// never see them.
	cookiePrefix = "datalab_"
	// However often a session is prolonged, after this many lifetimes one logs in again.
	mostLifetimes = 14
	// Sessions that were logged out early and are remembered.
	mostRevoked = 10_000
)

// A session is signed and not stored: it outlives a restart of the gateway, and ends with the user's
// password.
type session struct {
	id      string
	user    string
	sso     bool // it was opened by single sign-on
	admin   bool
	began   time.Time
	expires time.Time
}

type sessions struct {
	app      *App
	key      []byte
	lifetime time.Duration
	now      func() time.Time
	sockets  *sockets

	mutex   sync.Mutex
	revoked map[string]time.Time
}

func newSessions(app *App, lifetime time.Duration) *sessions {
	mac := hmac.New(sha256.New, []byte(app.SessionKey))
	mac.Write([]byte("datalab session v1 " + app.Stack))
	return &sessions{app: app, key: mac.Sum(nil), lifetime: lifetime, now: time.Now, sockets: newSockets(time.Now),
		revoked: map[string]time.Time{}}
}

// cookieName says by a prefix that browsers enforce what it was set with: over https by this very host, or
// for its domain.
func (s *sessions) cookieName(at origin) string {
	switch {
	case at.domain != "":
		return "__Secure-" + cookiePrefix + s.app.Stack
	case at.secure:
		return "__Host-" + cookiePrefix + s.app.Stack
	}
	return cookiePrefix + s.app.Stack
}

// isSessionCookie looks at what begins with a cookie's name.
func isSessionCookie(text string) bool {
	text = strings.ToLower(text)
	for _, prefix := range []string{"", "__secure-", "__host-"} {
		if strings.HasPrefix(text, prefix+cookiePrefix) {
			return true
		}
	}
	return false
}

// begin opens a session by a password. Who has one runs the platform.
func (s *sessions) begin(user string) session { return s.open(session{user: user, admin: true}) }

func (s *sessions) beginSSO(user string, admin bool) session {
	return s.open(session{user: user, admin: admin, sso: true})
}

func (s *sessions) open(value session) session {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	now := s.now()
	value.id, value.began, value.expires = base64.RawURLEncoding.EncodeToString(id), now, now.Add(s.lifetime)
	return value
}

func (value session) role() string {
	if value.admin {
		return "admin"
	}
	return "member"
}

// prolong gives a session that is past a quarter of its life a new one; false: it is young enough, or can't
// be: whether somebody who came by single sign-on may still come in, the provider is asked anew.
func (s *sessions) prolong(old session) (session, bool) {
	if old.sso {
		return old, false
	}
	now := s.now()
	expires := now.Add(s.lifetime)
	if end := old.began.Add(mostLifetimes * s.lifetime); expires.After(end) {
		expires = end
	}
	if old.expires.Sub(now) > s.lifetime*3/4 || !expires.After(old.expires) {
		return old, false
	}
	old.expires = expires
	s.sockets.prolong(old)
	return old, true
}

func (s *sessions) write(value session) string {
	fields := []string{
		value.id,
		base64.RawURLEncoding.EncodeToString([]byte(value.user)),
		strconv.FormatInt(value.began.Unix(), 36),
		strconv.FormatInt(value.expires.Unix(), 36),
	}
	if value.sso {
		fields = append(fields, "sso-"+value.role())
	}
	payload := strings.Join(fields, ".")
	return payload + "." + s.sign(payload, s.credential(value))
}

// credential is what has opened a session: when it changes, the session ends. nil: it opens nothing any more.
func (s *sessions) credential(value session) []byte {
	if value.sso {
		if s.app.OIDC == nil {
			return nil
		}
		return s.app.OIDC.fingerprint[:]
	}
	user := s.app.user(value.user)
	if user == nil || s.app.NoPasswords {
		return nil
	}
	sum := sha256.Sum256([]byte(user.Password + "\x00" + user.Hash))
	return sum[:]
}

func (s *sessions) sign(payload string, credential []byte) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(payload))
	mac.Write(credential)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *sessions) read(text string) (session, bool) {
	if len(text) > 1024 {
		return session{}, false
	}
	at := strings.LastIndexByte(text, '.')
	if at < 0 {
		return session{}, false
	}
	fields := strings.Split(text[:at], ".")
	if len(fields) < 4 || len(fields) > 5 {
		return session{}, false
	}
	name, err := base64.RawURLEncoding.DecodeString(fields[1])
	if err != nil {
		return session{}, false
	}
	value := session{id: fields[0], user: string(name), sso: len(fields) == 5}
	value.admin = !value.sso || fields[4] == "sso-admin"
	credential := s.credential(value)
	if !hmac.Equal([]byte(s.sign(text[:at], credential)), []byte(text[at+1:])) || credential == nil {
		return session{}, false
	}
	began, errBegan := strconv.ParseInt(fields[2], 36, 64)
	expires, errExpires := strconv.ParseInt(fields[3], 36, 64)
	value.began, value.expires = time.Unix(began, 0), time.Unix(expires, 0)
	if errBegan != nil || errExpires != nil || !s.now().Before(value.expires) || s.isRevoked(value.id) {
		return session{}, false
	}
	return value, true
}

// of finds a request's session. Another page may have planted a cookie of the same name: any valid one
// counts.
func (s *sessions) of(r *http.Request, at origin) (session, bool) {
	for i, cookie := range r.CookiesNamed(s.cookieName(at)) {
		if i == 8 {
			break
		}
		if value, ok := s.read(cookie.Value); ok {
			return value, true
		}
	}
	return session{}, false
}

func (s *sessions) cookie(value session, at origin) *http.Cookie {
	return s.bake(at, s.write(value), int(value.expires.Sub(s.now()).Seconds()))
}

func (s *sessions) noCookie(at origin) *http.Cookie { return s.bake(at, "", -1) }

func (s *sessions) bake(at origin, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name:     s.cookieName(at),
		Value:    value,
		Path:     "/",
		Domain:   at.domain,
		MaxAge:   maxAge,
		Secure:   at.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// revoke ends a session before its time, in this process; a restart forgets it, the browser has dropped its
// cookie.
func (s *sessions) revoke(value session) {
	defer s.sockets.end(value.id) // after it can open no other one
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.revoked) >= mostRevoked {
		now := s.now()
		for id, end := range s.revoked {
			if now.After(end) || len(s.revoked) >= mostRevoked {
				delete(s.revoked, id)
			}
		}
	}
	// Until no copy of it that was prolonged meanwhile can be valid.
	s.revoked[value.id] = s.now().Add(s.lifetime)
}

func (s *sessions) isRevoked(id string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	end, found := s.revoked[id]
	if found && s.now().After(end) {
		delete(s.revoked, id)
		return false
	}
	return found
}
