package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	clientID     = "datalab"
	clientSecret = "secret of the client: a/b+c %"
)

type object = map[string]any

// provider is an OpenID provider that keeps to the standard: discovery, keys, the authorization code flow
// with PKCE, userinfo, and the end of a session. What it says of a person, and what goes wrong, a test sets.
type provider struct {
	*httptest.Server
	mutex sync.Mutex
	// Who is logged in there.
	person object
	// Of userinfo alone.
	further object
	// Changes an ID token before it is signed.
	change func(token object)
	// Answers in place of an endpoint.
	instead map[string]http.HandlerFunc
	// The keys that it publishes, by kid, and the one that it signs with.
	published map[string]*rsa.PrivateKey
	kid       string
	key       *rsa.PrivateKey
	codes     map[string]*grant
	asked     []url.Values
	used      int
	redirects []string
	// How clients say who they are, if not by HTTP Basic; and the secret.
	methods []string
	secret  string
}

type grant struct {
	url.Values
	used bool
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newProvider(t *testing.T, redirects ...string) *provider {
	t.Helper()
	key := newKey(t)
	p := &provider{person: object{"sub": "1", "email": "ann@example.com", "email_verified": true}, published: map[string]*rsa.PrivateKey{"one": key},
		kid: "one", key: key, codes: map[string]*grant{}, instead: map[string]http.HandlerFunc{}, redirects: redirects, secret: clientSecret}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) set(change func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	change()
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if other := p.instead[r.URL.Path]; other != nil {
		other(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		about := object{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/logout",
			"id_token_signing_alg_values_supported": []string{"RS256"}}
		if p.methods != nil {
			about["token_endpoint_auth_methods_supported"] = p.methods
		}
		answer(w, 200, about)
	case "/keys":
		keys := []object{}
		for kid, key := range p.published {
			keys = append(keys, object{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encode(key.N.Bytes()),
				"e": encode(big.NewInt(int64(key.E)).Bytes())})
		}
		answer(w, 200, object{"keys": keys})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer access" {
			answer(w, 401, object{"error": "invalid_token"})
			return
		}
		all := object{"sub": p.person["sub"]}
		for name, value := range p.further {
			all[name] = value
		}
		answer(w, 200, all)
	default:
		answer(w, 404, object{})
	}
}

// authorize asks nobody for a password: the person is logged in already, and is sent back.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	registered := false
	for _, each := range p.redirects {
		registered = registered || each == q.Get("redirect_uri")
	}
	if q.Get("client_id") != clientID || !registered {
		answer(w, 400, object{"error": "unknown client or redirect_uri " + q.Get("redirect_uri")})
		return
	}
	p.asked = append(p.asked, q)
	back := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 ||
		q.Get("nonce") == "" || !strings.Contains(q.Get("scope"), "openid") {
		back.Set("error", "invalid_request")
	} else {
		code := fmt.Sprintf("code-%d", len(p.codes))
		p.codes[code] = &grant{Values: q}
		back.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != clientID || secret != p.secret || (p.methods == nil) != basic {
		answer(w, 401, object{"error": "invalid_client"})
		return
	}
	code := p.codes[r.PostFormValue("code")]
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if code == nil || code.used || r.PostFormValue("redirect_uri") != code.Get("redirect_uri") || encode(sum[:]) != code.Get("code_challenge") ||
		r.PostFormValue("grant_type") != "authorization_code" {
		answer(w, 400, object{"error": "invalid_grant"})
		return
	}
	code.used = true
	p.used++
	hash := sha256.Sum256([]byte("access"))
	token := object{"iss": p.URL, "aud": clientID, "nonce": code.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"at_hash": encode(hash[:16])}
	for name, value := range p.person {
		token[name] = value
	}
	if p.change != nil {
		p.change(token)
	}
	answer(w, 200, object{"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": p.sign(token)})
}

func (p *provider) sign(token object) string {
	head, _ := json.Marshal(object{"alg": "RS256", "typ": "JWT", "kid": p.kid})
	body, _ := json.Marshal(token)
	text := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, _ := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	return text + "." + encode(signature)
}

func encode(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

func answer(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
