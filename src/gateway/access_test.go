package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestWithoutALogin(t *testing.T) {
	page, _ := call(t, stranger(), "GET", at(guarded, "/runs?a=1"), nil, "Accept: text/html")
	expect(t, "a browser", page.StatusCode, 303)
	expect(t, "is led", page.Header.Get("Location"), "/.datalab/login?next=%2Fruns%3Fa%3D1")
	// Browsers carry the #part of a link over redirects, and over a form that names no address of its own.
	_, form := call(t, stranger(), "GET", at(guarded, page.Header.Get("Location")), nil, "Accept: text/html")
	if !strings.Contains(form, `<form method="post">`) || !strings.Contains(form, `name="next" value="/runs?a=1"`) {
		t.Errorf("the login page: %s", form)
	}
	for _, headers := range [][]string{
		{"Accept: application/json"},
		{"Accept: text/html", "Sec-Fetch-Mode: cors"},
		{"Accept: text/html", "X-Requested-With: XMLHttpRequest"},
		{"Authorization: Bearer wrong"},
		{"Cookie: datalab_gwt=forged.YWRtaW4.a.zzzzzz.c2ln"},
	} {
		answer, body := call(t, stranger(), "GET", at(guarded, "/api"), nil, headers...)
		expect(t, fmt.Sprint(headers), answer.StatusCode, 401)
		if !strings.HasPrefix(body, `{"error":{"code":`) {
			t.Errorf("%v: %s", headers, body)
		}
	}
	post, _ := call(t, stranger(), "POST", at(guarded, "/api"), nil, "Accept: text/html")
	expect(t, "a form", post.StatusCode, 401)
	untouched, body := call(t, stranger(), "GET", at(own, "/bucket"), nil)
	expect(t, "a service with its own login", fmt.Sprint(untouched.StatusCode, body), "200upstream /bucket")
}

func TestToken(t *testing.T) {
	answer, _ := call(t, stranger(), "POST", at(guarded, "/api"), nil, "Authorization: Bearer "+token)
	expect(t, "the token", answer.StatusCode, 200)
	user, given, _ := seen.Load().BasicAuth()
	expect(t, "the upstream's login", user+":"+given, "up:stream")
	call(t, stranger(), "GET", at(plain, "/"), nil, "Authorization: Bearer "+token)
	expect(t, "a service without login sees", seen.Load().Header.Get("Authorization"), "")
}

func TestBasicIsTheServicesBusiness(t *testing.T) {
	mine := "Basic " + base64.StdEncoding.EncodeToString([]byte("some:one"))
	answer, _ := call(t, stranger(), "GET", at(guarded, "/prompt"), nil, "Authorization: "+mine)
	expect(t, "it is asked", answer.StatusCode, 401)
	expect(t, "with its own prompt", answer.Header.Get("Www-Authenticate"), "Basic realm=up")
	expect(t, "untouched", seen.Load().Header.Get("Authorization"), mine)
	refused, _ := call(t, stranger(), "GET", at(plain, "/"), nil, "Authorization: "+mine)
	expect(t, "a service without login", refused.StatusCode, 401)
}

func TestOneLoginOpensEveryPortUntilLogout(t *testing.T) {
	client := loggedIn(t)
	for _, port := range []int{guarded, plain} {
		answer, body := call(t, client, "GET", at(port, "/page"), nil)
		expect(t, "a port", fmt.Sprint(answer.StatusCode, body), "200upstream /page")
	}
	if cookie := seen.Load().Header.Get("Cookie"); cookie != "" {
		t.Errorf("the service saw the session: %s", cookie)
	}
	prompt, _ := call(t, client, "GET", at(guarded, "/prompt"), nil)
	expect(t, "no second prompt", prompt.Header.Get("Www-Authenticate"), "")
	copied := client.Jar.Cookies(prompt.Request.URL)[0].String()
	out, _ := call(t, client, "POST", at(plain, "/.datalab/logout"), nil, "Origin: "+at(plain, ""))
	expect(t, "logout", out.StatusCode, 303)
	again, _ := call(t, client, "GET", at(guarded, "/page"), nil)
	expect(t, "after logout", again.StatusCode, 401)
	stolen, _ := call(t, stranger(), "GET", at(guarded, "/page"), nil, "Cookie: "+copied)
	expect(t, "a copy of the cookie", stolen.StatusCode, 401)
}

func TestTheCookie(t *testing.T) {
	answer, _ := logIn(t, stranger(), password, "/")
	cookie := answer.Header.Get("Set-Cookie")
	for _, part := range []string{"datalab_gwt=", "; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=43"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("%q is missing in %s", part, cookie)
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Error(cookie)
	}
}

func TestARestartLogsNobodyOut(t *testing.T) {
	client := loggedIn(t)
	if err := load("gwt"); err != nil {
		t.Fatal(err)
	}
	answer, _ := call(t, client, "GET", at(guarded, "/"), nil)
	expect(t, "after a restart", answer.StatusCode, 200)
}

func TestNoOpenRedirect(t *testing.T) {
	for next, want := range map[string]string{
		"/a/b?c=d#e": "/a/b?c=d#e", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/",
		"/\tx": "/", "": "/", "/.datalab/logout": "/", "/x/../.datalab/login": "/", "javascript:alert(1)": "/",
	} {
		answer, _ := logIn(t, stranger(), password, next)
		expect(t, next, answer.Header.Get("Location"), want)
	}
}

func TestForeignPagesCannotUseTheSession(t *testing.T) {
	client := loggedIn(t)
	other, mine := "Origin: "+at(own, ""), "Origin: "+at(guarded, "")
	cases := []struct {
		method  string
		headers []string
		want    int
	}{
		{"POST", []string{mine}, 200},
		{"POST", []string{other}, 403},
		{"POST", []string{"Origin: null"}, 403},
		{"POST", []string{mine, other}, 403},
		{"POST", nil, 403},
		{"GET", []string{other}, 403},
		{"GET", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, 403},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 200},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 403},
		{"GET", []string{"Upgrade: websocket", "Connection: Upgrade"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site: same-origin"}, 200},
	}
	for _, c := range cases {
		answer, _ := call(t, client, c.method, at(guarded, "/x"), nil, c.headers...)
		expect(t, fmt.Sprint(c.method, c.headers), answer.StatusCode, c.want)
	}
	login, _ := call(t, stranger(), "POST", at(guarded, "/.datalab/login"), strings.NewReader("user=admin"),
		"Content-Type: application/x-www-form-urlencoded", other)
	expect(t, "a login from elsewhere", login.StatusCode, 403)
}

func TestHostNames(t *testing.T) {
	port := fmt.Sprintf(":%d", guarded)
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "[::1]" + port: 200, "LAB.example.com" + port: 200, "lab.example.com": 200,
		"evil.example" + port: 421, "127.0.0.1": 421, "127.0.0.1:1": 421, "localhost.evil.example" + port: 421, "127.0.0.1.nip.io" + port: 421,
	} {
		answer, _ := call(t, stranger(), "GET", at(guarded, "/"), nil, "Host: "+host, "Authorization: Bearer "+token)
		expect(t, host, answer.StatusCode, want)
		answer, _ = call(t, stranger(), "GET", at(own, "/"), nil, "Host: evil.example")
		expect(t, "own", answer.StatusCode, 421)
	}
}

func TestInternalPaths(t *testing.T) {
	for _, path := range []string{"/metrics", "/metrics/x", "//metrics", "/x/../metrics", "/%6detrics", "/%256detrics", "/./metrics/",
		"/METRICS", "/metrics;x=1", "/x/%2e%2e/metrics", "/api//internal", "/api%2finternal", `/x/..%5cmetrics`} {
		answer, _, _ := wire(t, guarded, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n\r\n", path, guarded, token))
		expect(t, path, answer.StatusCode, 404)
	}
	for _, path := range []string{"/metricsx", "/api/intern", "/x/metrics"} {
		answer, _ := call(t, stranger(), "GET", at(guarded, path), nil, "Authorization: Bearer "+token)
		expect(t, path, answer.StatusCode, 200)
	}
}

func TestSelfGuardedPathsAndAnswers(t *testing.T) {
	open, _ := call(t, stranger(), "GET", at(guarded, "/self"), nil)
	expect(t, "self-guarded", open.StatusCode, 200)
	below, _ := call(t, stranger(), "GET", at(guarded, "/self/x"), nil)
	expect(t, "below it", below.StatusCode, 401)
	_, body := call(t, stranger(), "GET", at(guarded, "/ui-settings"), nil, "Authorization: Bearer "+token)
	expect(t, "what the UI is told", body, `{"api_url":"/api","auth":null,"flags":[1]}`)
}

func TestHeaders(t *testing.T) {
	client := loggedIn(t)
	answer, _ := call(t, client, "GET", at(guarded, "/plant"), nil)
	expect(t, "cookies", answer.Header["Set-Cookie"], "[theirs=1]")
	expect(t, "Server", answer.Header.Get("Server"), "")
	expect(t, "sniffing", answer.Header.Get("X-Content-Type-Options"), "nosniff")
	expect(t, "frames", answer.Header.Get("X-Frame-Options"), "SAMEORIGIN")
	call(t, client, "GET", at(guarded, "/"), nil, "X-Forwarded-User: root", "X_Datalab_User: root", "X-Datalab-User: root",
		"Forwarded: for=1.2.3.4", "Cookie: a=b; datalab_other=stolen")
	for _, name := range []string{"X-Forwarded-User", "X_Datalab_User", "Forwarded"} {
		expect(t, name, seen.Load().Header[name], "[]")
	}
	expect(t, "who asks", seen.Load().Header["X-Datalab-User"], "[admin]")
	expect(t, "cookies", seen.Load().Header.Get("Cookie"), "theirs=1")
}

func TestCookiesOfOthers(t *testing.T) {
	// Those of other programs on this host, as long as a browser sends them, reach no service.
	foreign := "Cookie: other=" + strings.Repeat("x", 60_000) + "; known_1=a; ui=b; uix=c"
	client := loggedIn(t)
	for _, asked := range []struct {
		client *http.Client
		port   int
	}{{client, guarded}, {stranger(), own}} {
		answer, body := call(t, asked.client, "GET", at(asked.port, "/page"), nil, foreign)
		expect(t, "status", answer.StatusCode, 200)
		expect(t, "body", body, "upstream /page")
	}
	call(t, client, "GET", at(guarded, "/page"), nil, foreign)
	expect(t, "known ones", seen.Load().Header.Get("Cookie"), "known_1=a; ui=b")
	// What the service sets is its own from then on, in another configuration too.
	call(t, client, "GET", at(guarded, "/set-cookie"), nil)
	if err := load("gwt"); err != nil {
		t.Fatal(err)
	}
	call(t, loggedIn(t), "GET", at(guarded, "/page"), nil, "Cookie: fresh=1; other=2")
	expect(t, "its own", seen.Load().Header.Get("Cookie"), "fresh=1")
	call(t, stranger(), "GET", at(own, "/page"), nil, "Cookie: fresh=1")
	expect(t, "not another's", seen.Load().Header.Get("Cookie"), "")
}

func TestGuessing(t *testing.T) {
	defer func() { _ = load("gwt") }() // forgets the attempts
	var codes []int
	for range 12 {
		answer, _ := logIn(t, stranger(), "wrong", "/")
		codes = append(codes, answer.StatusCode)
	}
	expect(t, "the first", codes[0], 401)
	right, _ := logIn(t, stranger(), password, "/")
	expect(t, "the right password now", right.StatusCode, http.StatusTooManyRequests)
	if right.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
