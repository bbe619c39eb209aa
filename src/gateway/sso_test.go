package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"datalab/gateway/gate"
	"datalab/gateway/setup"
)

// withProvider puts single sign-on before the tests' gateway, and takes it away again.
func withProvider(t *testing.T, change ...func(*setup.Config)) *provider {
	t.Helper()
	home := at(guarded, "")
	p := newProvider(t, home+"/.datalab/sso/callback")
	signOnAt(t, p, home, change...)
	return p
}

func signOnAt(t *testing.T, p *provider, home string, change ...func(*setup.Config)) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(clientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := configOf("gwt")
	config.OIDC = &gate.OIDC{Issuer: p.URL, ClientID: clientID, ClientSecretFile: secret, Scopes: []string{"openid", "email"}, Label: "Example",
		UserClaim: "email", GroupsClaim: "groups", Callback: home + "/.datalab/sso/callback",
		Allowed: gate.People{Domains: []string{"example.com"}, Groups: []string{"lab"}}, Admins: gate.People{Groups: []string{"admins"}}}
	for _, each := range change {
		each(config)
	}
	if err := start(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = load("gwt") })
}

// browser follows redirects and keeps cookies.
func browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, Timeout: 30 * time.Second}
}

func titleOf(page string) string {
	found := regexp.MustCompile(`<h1>([^<]*)</h1>`).FindStringSubmatch(page)
	if found == nil {
		return page
	}
	return html.UnescapeString(found[1])
}

func TestSingleSignOn(t *testing.T) {
	p := withProvider(t)
	client := browser()
	_, page := call(t, client, "GET", at(plain, "/.datalab/login?next=%2Fruns%3Fa%3D1"), nil)
	link := regexp.MustCompile(`<a class="button" id="sso" href="([^"]*)">Log in with Example</a>`).FindStringSubmatch(page)
	if link == nil {
		t.Fatal(page)
	}
	expect(t, "the link", html.UnescapeString(link[1]), "/.datalab/sso?next=%2Fruns%3Fa%3D1")
	expect(t, "a password still opens", strings.Contains(page, `name="password"`), true)

	answer, body := call(t, client, "GET", at(plain, html.UnescapeString(link[1])+"%23top"), nil)
	expect(t, "it leads back", fmt.Sprint(answer.StatusCode, answer.Request.URL), "200"+" "+at(plain, "/runs?a=1#top"))
	expect(t, "to the page", body, "upstream /runs")
	expect(t, "who asks", fmt.Sprint(seen.Load().Header["X-Datalab-User"], seen.Load().Header["X-Datalab-Role"]), "[ann@example.com] [member]")
	expect(t, "cookies", seen.Load().Header.Get("Cookie"), "")
	asked := p.asked[0]
	expect(t, "what is asked for", asked.Get("scope")+" "+asked.Get("response_type")+" "+asked.Get("prompt"), "openid email code ")

	_, who := call(t, client, "GET", at(guarded, "/.datalab/session"), nil)
	if !regexp.MustCompile(`^\{"user":"ann@example.com","role":"member","stack":"gwt","expires":"[^"]+"\}\n$`).MatchString(who) {
		t.Error(who)
	}
	left, text := call(t, client, "POST", at(plain, "/.datalab/logout"), nil, "Origin: "+at(plain, ""))
	expect(t, "logged out", left.StatusCode, 200)
	wanted := p.URL + "/logout?" + url.Values{"client_id": {clientID}, "logout_hint": {"ann@example.com"},
		"post_logout_redirect_uri": {at(guarded, "/.datalab/logout")}}.Encode()
	refresh := regexp.MustCompile(`<meta http-equiv="refresh" content="1;url=([^"]*)">`).FindStringSubmatch(text)
	if refresh == nil || html.UnescapeString(refresh[1]) != wanted {
		t.Errorf("at the provider: %v, wanted %s", refresh, wanted)
	}
	again, _ := call(t, client, "GET", at(plain, "/"), nil)
	expect(t, "after logout", again.StatusCode, 401)
}

func TestTheScriptOfTheLoginPageIsTheOneThatItsPolicyNames(t *testing.T) {
	withProvider(t)
	answer, page := call(t, stranger(), "GET", at(guarded, "/.datalab/login"), nil)
	script := regexp.MustCompile(`<script>(.*)</script>`).FindStringSubmatch(page)
	if script == nil {
		t.Fatal(page)
	}
	sum := sha256.Sum256([]byte(script[1]))
	if source := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(answer.Header.Get("Content-Security-Policy"), source) {
		t.Errorf("%s is not in %s", source, answer.Header.Get("Content-Security-Policy"))
	}
}

func TestSingleSignOnBehindAnIngress(t *testing.T) {
	client := visitor(t)
	client.CheckRedirect = nil
	home := ours("tracking", "")
	p := newProvider(t, home+"/.datalab/sso/callback")
	signOnAt(t, p, home)
	answer, body := call(t, client, "GET", ours("plain", "/.datalab/sso?next=%2Fpage"), nil)
	expect(t, "it leads back", fmt.Sprint(answer.StatusCode, answer.Request.URL, " ", body), "200 "+ours("plain", "/page")+" upstream /page")
	sibling, _ := call(t, client, "GET", ours("tracking", "/page"), nil)
	expect(t, "a sibling", sibling.StatusCode, 200)
	foreign, _ := call(t, client, "POST", ours("tracking", "/page"), nil, "Origin: "+ours("plain", ""))
	expect(t, "a page of a sibling", foreign.StatusCode, 403)
}

func TestWhoMayComeIn(t *testing.T) {
	p := withProvider(t, func(c *setup.Config) { c.Endpoints[2].AdminsOnly = true })
	for name, test := range map[string]struct {
		person object
		want   string // "user role", or the title of the page
		admins int    // what a page for admins answers
	}{
		"by domain":             {object{"email": "ann@EXAMPLE.com", "email_verified": true}, "ann@EXAMPLE.com member", 403},
		"verified in words":     {object{"email": "ann@example.com", "email_verified": "true"}, "ann@example.com member", 403},
		"by group":              {object{"email": "bob@other.org", "email_verified": true, "groups": []string{"x", "lab"}}, "bob@other.org member", 403},
		"by the only group":     {object{"email": "bob@other.org", "email_verified": true, "groups": "lab"}, "bob@other.org member", 403},
		"an admin":              {object{"email": "eve@other.org", "email_verified": true, "groups": []string{"admins"}}, "eve@other.org admin", 200},
		"not allowed":           {object{"email": "bob@other.org", "email_verified": true}, "You may not open this platform", 401},
		"a domain like ours":    {object{"email": "bob@notexample.com", "email_verified": true}, "You may not open this platform", 401},
		"below our domain":      {object{"email": "bob@evil.example.com", "email_verified": true}, "You may not open this platform", 401},
		"two signs":             {object{"email": "bob@evil.org@example.com", "email_verified": true}, "Example does not say who you are", 401},
		"unverified":            {object{"email": "ann@example.com", "email_verified": false}, "Example does not say who you are", 401},
		"nothing of verifying":  {object{"email": "ann@example.com"}, "Example does not say who you are", 401},
		"no address":            {object{"groups": []string{"lab"}}, "Example does not say who you are", 401},
		"a group, of the wrong": {object{"email": "bob@other.org", "email_verified": true, "groups": []any{object{"name": "lab"}}}, "You may not open this platform", 401},
	} {
		t.Run(name, func(t *testing.T) {
			test.person["sub"] = "1"
			p.set(func() { p.person = test.person })
			client := browser()
			answer, body := call(t, client, "GET", at(guarded, "/.datalab/sso?next=/"), nil)
			got := titleOf(body)
			if answer.StatusCode == 200 {
				header := seen.Load().Header
				got = header.Get("X-Datalab-User") + " " + header.Get("X-Datalab-Role")
			} else {
				expect(t, "status", answer.StatusCode, 403)
			}
			expect(t, "who comes in", got, test.want)
			admins, _ := call(t, client, "GET", at(plain, "/"), nil)
			expect(t, "a page for admins", admins.StatusCode, test.admins)
		})
	}
	p.set(func() { p.person = object{"sub": "1", "email": "ann@example.com", "email_verified": true} })
	client := browser()
	call(t, client, "GET", at(guarded, "/.datalab/sso?next=/"), nil)
	page, body := call(t, client, "GET", at(plain, "/"), nil, "Accept: text/html")
	expect(t, "a page says why", fmt.Sprint(page.StatusCode, titleOf(body)), "403Only admins open plain.")
	token, _ := call(t, stranger(), "GET", at(plain, "/"), nil, "Authorization: Bearer "+token)
	expect(t, "the token at a page for admins", token.StatusCode, 200)
	withPassword, _ := call(t, loggedIn(t), "GET", at(plain, "/"), nil)
	expect(t, "a password at a page for admins", withPassword.StatusCode, 200)
}

func TestOtherClaims(t *testing.T) {
	p := withProvider(t, func(c *setup.Config) {
		c.OIDC.UserClaim, c.OIDC.GroupsClaim = "preferred_username", "realm_access.roles"
	})
	for name, test := range map[string]struct {
		person, further object
		want            string
	}{
		"inside another":     {object{"preferred_username": "ann", "email": "a@x.org", "email_verified": true, "realm_access": object{"roles": []string{"lab"}}}, nil, "ann"},
		"from userinfo":      {object{"preferred_username": "ann"}, object{"email": "ann@example.com", "email_verified": true, "preferred_username": "eve"}, "ann"},
		"somebody's of ours": {object{"preferred_username": "Admin", "email": "ann@example.com", "email_verified": true}, nil, "Example does not say who you are"},
		"like a program":     {object{"preferred_username": "token", "email": "ann@example.com", "email_verified": true}, nil, "Example does not say who you are"},
		"with a line break":  {object{"preferred_username": "ann\r\nX: y", "email": "ann@example.com", "email_verified": true}, nil, "Example does not say who you are"},
	} {
		t.Run(name, func(t *testing.T) {
			test.person["sub"] = "1"
			p.set(func() { p.person, p.further = test.person, test.further })
			answer, body := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next=/"), nil)
			got := titleOf(body)
			if answer.StatusCode == 200 {
				got = seen.Load().Header.Get("X-Datalab-User")
			}
			expect(t, "who", got, test.want)
		})
	}
}

func TestHowTheClientSaysWhoItIs(t *testing.T) {
	for name, public := range map[string]bool{"client_secret_post": false, "none": true} {
		p := withProvider(t, func(c *setup.Config) {
			if public {
				c.OIDC.ClientSecretFile = ""
			}
		})
		p.set(func() {
			if p.methods = []string{name}; public {
				p.secret = ""
			}
		})
		answer, _ := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next=/"), nil)
		expect(t, name, answer.StatusCode, 200)
	}
}

func TestSingleSignOnInPlaceOfPasswords(t *testing.T) {
	client := loggedIn(t)
	withProvider(t, func(c *setup.Config) { c.NoPasswords = true })
	_, page := call(t, stranger(), "GET", at(guarded, "/.datalab/login"), nil)
	expect(t, "fields for a password", strings.Contains(page, `name="password"`), false)
	answer, body := logIn(t, stranger(), password, "/")
	expect(t, "a password", answer.StatusCode, 403)
	if !strings.Contains(body, `"E_NO_PASSWORDS"`) {
		t.Error(body)
	}
	before, _ := call(t, client, "GET", at(guarded, "/"), nil)
	expect(t, "a session that one has opened", before.StatusCode, 401)
	in, _ := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next=/"), nil)
	expect(t, "single sign-on", in.StatusCode, 200)
}

func TestOtherRulesEndSessions(t *testing.T) {
	p := withProvider(t)
	client := browser()
	call(t, client, "GET", at(guarded, "/.datalab/sso?next=/"), nil)
	signOnAt(t, p, at(guarded, ""))
	same, _ := call(t, client, "GET", at(guarded, "/"), nil)
	expect(t, "after a restart", same.StatusCode, 200)
	signOnAt(t, p, at(guarded, ""), func(c *setup.Config) { c.OIDC.Allowed.Domains = []string{"other.org"} })
	changed, _ := call(t, client, "GET", at(guarded, "/"), nil)
	expect(t, "after others were allowed", changed.StatusCode, 401)
	if err := load("gwt"); err != nil {
		t.Fatal(err)
	}
	gone, _ := call(t, client, "GET", at(guarded, "/"), nil)
	expect(t, "without single sign-on", gone.StatusCode, 401)
}

func TestSingleSignOnLeadsToOurPagesOnly(t *testing.T) {
	withProvider(t)
	for next, want := range map[string]string{
		"https://evil.example/":                         at(guarded, "/"),
		"//evil.example/":                               at(guarded, "/"),
		at(raw, "/"):                                    at(guarded, "/"),
		"http://127.0.0.1.evil.example:80/":             at(guarded, "/"),
		at(plain, "/runs"):                              at(plain, "/runs"),
		strings.Replace(at(plain, ""), "//", "//u@", 1): at(plain, "/"),
		at(plain, "/.datalab/logout"):                   at(plain, "/"),
	} {
		answer, _ := call(t, browser(), "GET", at(guarded, "/.datalab/sso?next="+url.QueryEscape(next)), nil)
		expect(t, next, answer.Request.URL.String(), want)
	}
}
