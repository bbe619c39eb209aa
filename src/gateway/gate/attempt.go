package gate

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// attemptLife is how long a login at the provider may take.
const attemptLife = 10 * time.Minute

// attempt is a login that has begun. The browser keeps it, signed, so that any gateway of the stack can
// finish it.
type attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"u"`
	Expires  int64  `json:"e"`
}

func (s *sessions) attempt(next string) attempt {
	return attempt{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Next: next, Expires: s.now().Add(attemptLife).Unix()}
}

func random() string {
	bytes := make([]byte, 24)
	_, _ = rand.Read(bytes) // never fails
	return base64.RawURLEncoding.EncodeToString(bytes)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// attemptCookie has a name of its own for each: a second page that logs in must not end the first one's
// login.
func (s *sessions) attemptCookie(of attempt, at origin) *http.Cookie {
	text, _ := json.Marshal(of)
	payload := base64.RawURLEncoding.EncodeToString(text)
	return s.attemptNamed(of.State, at, payload+"."+s.seal(payload), int(attemptLife.Seconds()))
}

func (s *sessions) noAttemptCookie(state string, at origin) *http.Cookie {
	return s.attemptNamed(state, at, "", -1)
}

func (s *sessions) attemptNamed(state string, at origin, value string, maxAge int) *http.Cookie {
	at.domain = "" // it comes back to this very name
	cookie := s.bake(at, value, maxAge)
	cookie.Name += "_sso_" + state[:8]
	return cookie
}

// attemptOf finds the attempt that a provider's answer belongs to.
func (s *sessions) attemptOf(r *http.Request, at origin) (attempt, bool) {
	var found attempt
	state := r.URL.Query().Get("state")
	if len(state) != len(random()) {
		return found, false
	}
	name := s.noAttemptCookie(state, at).Name
	for _, cookie := range r.CookiesNamed(name) {
		payload, seal, _ := strings.Cut(cookie.Value, ".")
		if !same(seal, s.seal(payload)) {
			continue
		}
		text, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil || json.Unmarshal(text, &found) != nil {
			continue
		}
		if same(found.State, state) && s.now().Unix() < found.Expires {
			return found, true
		}
	}
	return attempt{}, false
}

func (s *sessions) seal(payload string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("sso attempt\x00" + payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
