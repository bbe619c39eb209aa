package main

import (
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// back goes to the provider and returns where that sends the browser back to.
func back(t *testing.T, client *http.Client) *url.URL {
	t.Helper()
	stop := *client
	stop.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	begun, _ := call(t, &stop, "GET", at(guarded, "/.datalab/sso?next=/"), nil)
	expect(t, "it begins", begun.StatusCode, 303)
	sent, _ := call(t, &stop, "GET", begun.Header.Get("Location"), nil)
	to, err := url.Parse(sent.Header.Get("Location"))
	if err != nil || sent.StatusCode != 302 {
		t.Fatal(sent.StatusCode, err)
	}
	return to
}

func refused(t *testing.T, client *http.Client, to *url.URL, status int, title string) string {
	t.Helper()
	answer, body := call(t, client, "GET", to.String(), nil)
	expect(t, "the answer", fmt.Sprint(answer.StatusCode, " ", titleOf(body)), fmt.Sprint(status, " ", title))
	in, _ := call(t, client, "GET", at(guarded, "/"), nil)
	expect(t, "logged in", in.StatusCode, 401)
	return body
}

const (
	unknownLogin = "This login is not known here"
	usedLogin    = "This login was used already, or is too old"
	notTrusted   = "The answer of Example can't be trusted"
	noAnswer     = "Example does not answer"
)

func TestAnAnswerBelongsToTheBrowserThatAsked(t *testing.T) {
	p := withProvider(t)
	client := browser()
	to := back(t, client)
	query := to.Query()
	forged := *to
	query.Set("state", strings.Repeat("A", len(query.Get("state"))))
	forged.RawQuery = query.Encode()
	refused(t, client, &forged, 400, unknownLogin)
	query.Del("state")
	forged.RawQuery = query.Encode()
	refused(t, client, &forged, 400, unknownLogin)
	refused(t, browser(), to, 400, unknownLogin)
	expect(t, "codes that were used for it", p.used, 0)
	answer, _ := call(t, client, "GET", to.String(), nil)
	expect(t, "the browser that asked", answer.StatusCode, 200)
}

func TestACodeIsGoodOnce(t *testing.T) {
	withProvider(t)
	client := browser()
	to := back(t, client)
	var kept []string
	for _, cookie := range client.Jar.Cookies(to) {
		kept = append(kept, cookie.String())
	}
	answer, _ := call(t, client, "GET", to.String(), nil)
	expect(t, "the first time", answer.StatusCode, 200)
	replayed, body := call(t, browser(), "GET", to.String(), nil)
	expect(t, "again", fmt.Sprint(replayed.StatusCode, titleOf(body)), "400"+unknownLogin)
	// Who has copied the browser's cookies as well is refused by the provider.
	replayed, body = call(t, browser(), "GET", to.String(), nil, "Cookie: "+strings.Join(kept, "; "))
	expect(t, "with its cookie", fmt.Sprint(replayed.StatusCode, titleOf(body)), "400"+usedLogin)

	// A code of another login does not fit the verifier of this one.
	victim, attacker := browser(), browser()
	mine, theirs := back(t, victim), back(t, attacker)
	query := mine.Query()
	query.Set("code", theirs.Query().Get("code"))
	mine.RawQuery = query.Encode()
	refused(t, victim, mine, 400, usedLogin)
}

func TestOnlyGenuineTokensCount(t *testing.T) {
	p := withProvider(t)
	for name, change := range map[string]func(token object){
		"wrong nonce":         func(token object) { token["nonce"] = "another" },
		"no nonce":            func(token object) { delete(token, "nonce") },
		"expired":             func(token object) { token["exp"] = time.Now().Add(-time.Second).Unix() },
		"not yet":             func(token object) { token["nbf"] = time.Now().Add(time.Hour).Unix() },
		"wrong audience":      func(token object) { token["aud"] = "another-client" },
		"for another client":  func(token object) { token["azp"] = "another-client" },
		"for two, and nobody": func(token object) { token["aud"] = []string{clientID, "another-client"} },
		"another issuer":      func(token object) { token["iss"] = "https://evil.example" },
		"another's access":    func(token object) { token["at_hash"] = encode(make([]byte, 16)) },
		"nobody":              func(token object) { delete(token, "sub") },
	} {
		t.Run(name, func(t *testing.T) {
			p.set(func() { p.change = change })
			client := browser()
			refused(t, client, back(t, client), 403, notTrusted)
		})
	}
}

func TestTokensAreSignedByAKeyOfTheProvider(t *testing.T) {
	p := withProvider(t)
	in := func() string {
		answer, body := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next=/"), nil)
		if answer.StatusCode == 200 {
			return "in"
		}
		return titleOf(body)
	}
	expect(t, "the first key", in(), "in")
	first, second := p.key, newKey(t)
	p.set(func() { p.kid, p.key = "two", second })
	expect(t, "a key that nobody knows", in(), notTrusted)
	p.set(func() { p.kid, p.key = "one", second })
	expect(t, "another key of a known name", in(), notTrusted)
	p.set(func() { p.kid, p.key = "two", second; p.published["two"] = second })
	expect(t, "a key that was added since", in(), "in")
	p.set(func() { delete(p.published, "one") })
	expect(t, "without the old one", in(), "in")
	p.set(func() { p.kid, p.key = "three", first; p.published = map[string]*rsa.PrivateKey{"three": first} })
	expect(t, "after all were changed", in(), "in")

	for name, head := range map[string]string{"none": `{"alg":"none"}`, "a secret as the key": `{"alg":"HS256","kid":"three"}`} {
		p.set(func() {
			p.instead["/token"] = func(w http.ResponseWriter, r *http.Request) {
				code := p.codes[r.PostFormValue("code")]
				body := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"1","nonce":%q,"exp":%d,"email":"ann@example.com","email_verified":true}`,
					p.URL, clientID, code.Get("nonce"), time.Now().Add(time.Minute).Unix())
				answer(w, 200, object{"access_token": "access", "token_type": "Bearer",
					"id_token": encode([]byte(head)) + "." + encode([]byte(body)) + "." + encode([]byte("x"))})
			}
		})
		expect(t, name, in(), notTrusted)
	}
}

func TestAProviderThatIsDown(t *testing.T) {
	p := withProvider(t)
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, code, object{"error": "server_error"}) }
	}
	down := func(path string, handler http.HandlerFunc) { p.set(func() { p.instead[path] = handler }) }

	down("/.well-known/openid-configuration", status(503))
	page, text := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next=%2Fruns"), nil)
	expect(t, "from the beginning", fmt.Sprint(page.StatusCode, titleOf(text)), "503"+noAnswer)
	if !strings.Contains(text, "use a password of this platform") || !strings.Contains(text, `href="`+at(guarded, "/.datalab/login?next=%2Fruns")+`"`) {
		t.Error(text)
	}
	withPassword, _ := logIn(t, stranger(), password, "/")
	expect(t, "a password meanwhile", withPassword.StatusCode, 303)
	down("/.well-known/openid-configuration", nil)
	time.Sleep(3100 * time.Millisecond)
	well, _ := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next=/"), nil)
	expect(t, "when it is back", well.StatusCode, 200)

	client := browser()
	to := back(t, client)
	down("/token", status(500))
	refused(t, client, to, 503, noAnswer)
	down("/token", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	client = browser()
	refused(t, client, back(t, client), 503, noAnswer)
	down("/token", status(401))
	client = browser()
	refused(t, client, back(t, client), 502, "Single sign-on is not set up right")
	down("/token", nil)

	p.set(func() { p.kid = "unknown yet" })
	down("/keys", status(500))
	client = browser()
	refused(t, client, back(t, client), 503, noAnswer)
}

func TestWhatTheProviderAnswersInPlaceOfACode(t *testing.T) {
	p := withProvider(t)
	for code, want := range map[string]string{"access_denied": "403Example did not let you in", "login_required": "403Example did not let you in",
		"temporarily_unavailable": "503" + noAnswer} {
		client := browser()
		to := back(t, client)
		query := to.Query()
		query.Del("code")
		query.Set("error", code)
		query.Set("error_description", "<script>alert(1)</script>")
		to.RawQuery = query.Encode()
		page, body := call(t, client, "GET", to.String(), nil)
		expect(t, code, fmt.Sprint(page.StatusCode, titleOf(body)), want)
		if strings.Contains(body, "alert(1)") {
			t.Error(body)
		}
	}
	client := browser()
	to := back(t, client)
	query := to.Query()
	query.Set("iss", "https://evil.example")
	to.RawQuery = query.Encode()
	refused(t, client, to, 403, notTrusted)
	call(t, stranger(), "GET", at(guarded, "/.datalab/sso?next=/&as=another"), nil)
	expect(t, "nothing is sent twice", p.used, 0)
}
