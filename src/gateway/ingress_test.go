package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/publicsuffix"
)

func ours(service, path string) string { return "https://" + service + "." + domain + ":8443" + path }

// ingress is a controller as a cluster has one: it ends TLS, leads by name to the gateway's port, keeps the
// Host header, and replaces what it is told of forwarding by what it knows.
func ingress(t *testing.T) *tls.Config {
	t.Helper()
	ports := map[string]int{"tracking." + domain: guarded, "plain." + domain: plain, "objects." + domain: own}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			name, _, _ := net.SplitHostPort(r.In.Host)
			r.SetURL(&url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", ports[name])})
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
	})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sheet := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{"*." + domain},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	signed, err := x509.CreateCertificate(rand.Reader, &sheet, &sheet, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(signed)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(certificate)
	address = server.Listener.Addr().String()
	return &tls.Config{RootCAs: known}
}

// address of the ingress of the running test.
var address string

// visitor is a browser for which the names of the domain lead to the ingress.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	client := stranger()
	client.Jar, _ = cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	client.Transport = &http.Transport{TLSClientConfig: ingress(t), DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		if strings.Contains(to, domain) {
			to = address
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func logInAt(t *testing.T, client *http.Client, page, password, next string, headers ...string) *http.Response {
	t.Helper()
	form := url.Values{"user": {"admin"}, "password": {password}, "next": {next}}
	answer, _ := call(t, client, "POST", page+"/.datalab/login", strings.NewReader(form.Encode()),
		append([]string{"Content-Type: application/x-www-form-urlencoded"}, headers...)...)
	return answer
}

func TestOneLoginOpensEveryNameOfTheDomain(t *testing.T) {
	client := visitor(t)
	page, _ := call(t, client, "GET", ours("tracking", "/runs?a=1"), nil, "Accept: text/html")
	expect(t, "a stranger", page.StatusCode, 303)
	expect(t, "is led", page.Header.Get("Location"), "/.datalab/login?next=%2Fruns%3Fa%3D1")
	expect(t, "by https from now on", page.Header.Get("Strict-Transport-Security"), "max-age=31536000")

	in := logInAt(t, client, ours("tracking", ""), password, "/runs?a=1#top", "Origin: "+ours("tracking", ""))
	expect(t, "logged in", fmt.Sprint(in.StatusCode, in.Header.Get("Location")), "303/runs?a=1#top")
	cookie := in.Header.Get("Set-Cookie")
	if !regexp.MustCompile(`^__Secure-datalab_gwt=[\w.-]+; Path=/; Domain=staging\.lab\.example; Max-Age=43\d{3}; HttpOnly; Secure; SameSite=Lax$`).MatchString(cookie) {
		t.Errorf("the cookie: %s", cookie)
	}
	for _, service := range []string{"tracking", "plain"} {
		answer, body := call(t, client, "GET", ours(service, "/page"), nil)
		expect(t, service, fmt.Sprint(answer.StatusCode, body), "200upstream /page")
	}
	got := seen.Load()
	expect(t, "Host", got.Host, "plain.staging.lab.example:8443")
	expect(t, "what the browser sees", fmt.Sprint(got.Header["X-Forwarded-Proto"], got.Header["X-Forwarded-Host"], got.Header["X-Forwarded-For"]),
		"[https] [plain.staging.lab.example:8443] [127.0.0.1]")
	expect(t, "the session", got.Header.Get("Cookie"), "")
	call(t, client, "GET", ours("objects", "/bucket"), nil)
	expect(t, "nor does who asks for a login itself", seen.Load().Header.Get("Cookie"), "")

	value, _, _ := strings.Cut(cookie, ";")
	plainCookie := strings.TrimPrefix(value, "__Secure-")
	stolen, _ := call(t, strangerOf(client), "GET", ours("plain", "/"), nil, "Cookie: "+plainCookie)
	expect(t, "a cookie that http could have set", stolen.StatusCode, 401)

	out, _ := call(t, client, "POST", ours("plain", "/.datalab/logout"), nil, "Origin: "+ours("plain", ""))
	expect(t, "logged out", out.Header.Get("Set-Cookie"), "__Secure-datalab_gwt=; Path=/; Domain=staging.lab.example; Max-Age=0; HttpOnly; Secure; SameSite=Lax")
	again, _ := call(t, client, "GET", ours("tracking", "/page"), nil)
	expect(t, "after logout", again.StatusCode, 401)
}

// strangerOf has the same way to the ingress, and no cookies.
func strangerOf(client *http.Client) *http.Client {
	other := stranger()
	other.Transport = client.Transport
	return other
}

func TestPagesOfSiblingNamesCannotUseTheSession(t *testing.T) {
	client := visitor(t)
	logInAt(t, client, ours("tracking", ""), password, "/", "Origin: "+ours("tracking", ""))
	mine := ours("tracking", "")
	for header, want := range map[string]int{
		"Origin: " + mine: 200,
		"Origin: " + strings.Replace(mine, "https", "http", 1): 403,
		"Origin: " + strings.TrimSuffix(mine, ":8443"):         403,
		"Origin: " + ours("plain", ""):                         403,
		"Origin: " + ours("objects", ""):                       403,
		"Sec-Fetch-Site: same-site":                            403,
		"Sec-Fetch-Site: same-origin":                          200,
	} {
		answer, _ := call(t, client, "POST", mine+"/x", nil, header)
		expect(t, header, answer.StatusCode, want)
	}
	login := logInAt(t, strangerOf(client), mine, password, "/", "Origin: "+ours("plain", ""))
	expect(t, "a login from a sibling", login.StatusCode, 403)
}

func TestWhatTheIngressSaysIsBelievedAndNothingElse(t *testing.T) {
	host := "Host: tracking." + domain + ":8443"
	bearer := "Authorization: Bearer " + token
	for name, test := range map[string]struct {
		headers []string
		want    string
	}{
		"one hop":             {[]string{host, "X-Forwarded-For: 203.0.113.7"}, "[203.0.113.7] [https]"},
		"forged before it":    {[]string{host, "X-Forwarded-For: 1.1.1.1, 203.0.113.7"}, "[203.0.113.7] [https]"},
		"in a header apart":   {[]string{host, "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.7"}, "[203.0.113.7] [https]"},
		"with a port":         {[]string{host, "X-Forwarded-For: [2001:db8::1]:4711"}, "[2001:db8::1] [https]"},
		"no address":          {[]string{host, "X-Forwarded-For: unknown"}, "[127.0.0.1] [https]"},
		"by no proxy":         {[]string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"}, "[127.0.0.1] [http]"},
		"of other headers":    {[]string{host, "X-Real-Ip: 1.1.1.1", "Forwarded: for=1.1.1.1"}, "[127.0.0.1] [https]"},
		"the port of https":   {[]string{"Host: lab.example.com", "X-Forwarded-Proto: https"}, "[127.0.0.1] [https]"},
		"a name told by hand": {[]string{"Host: lab.example.com", "X-Forwarded-Proto: http"}, "[127.0.0.1] [http]"},
	} {
		answer, _ := call(t, stranger(), "GET", at(guarded, "/"), nil, append(test.headers, bearer)...)
		expect(t, name, answer.StatusCode, 200)
		header := seen.Load().Header
		expect(t, name, fmt.Sprint(header["X-Forwarded-For"], header["X-Forwarded-Proto"]), test.want)
		expect(t, name, fmt.Sprint(header["X-Real-Ip"], header["Forwarded"]), "[] []")
	}
}

func TestHTTPIsLedToHTTPS(t *testing.T) {
	host := "Host: tracking." + domain + ":8443"
	page, _ := call(t, stranger(), "GET", at(guarded, "/runs?a=1"), nil, host, "X-Forwarded-Proto: http", "Accept: text/html")
	expect(t, "a page", fmt.Sprint(page.StatusCode, page.Header.Get("Location")), "308https://tracking.staging.lab.example:8443/runs?a=1")
	program, body := call(t, stranger(), "GET", at(guarded, "/"), nil, host, "X-Forwarded-Proto: ws", "Authorization: Bearer "+token)
	expect(t, "a program", program.StatusCode, 403)
	if !strings.Contains(body, `"E_TLS"`) {
		t.Error(body)
	}
	moved, _ := call(t, stranger(), "GET", at(guarded, "/moved"), nil, host, "Authorization: Bearer "+token)
	expect(t, "what a service leads to", moved.Header.Get("Location"), "https://tracking.staging.lab.example:8443/moved/")
	moved, _ = call(t, stranger(), "GET", at(guarded, "/moved"), nil, "Authorization: Bearer "+token)
	expect(t, "without https", moved.Header.Get("Location"), at(guarded, "/moved/"))
}

func TestNamesBehindAnIngress(t *testing.T) {
	for host, want := range map[string]int{
		"tracking." + domain + ":8443": 200, "TRACKING." + domain + ":8443": 200, "tracking." + domain: 421,
		"plain." + domain + ":8443": 421, domain + ":8443": 421, fmt.Sprintf("tracking.%s:%d", domain, guarded): 421,
		"tracking." + domain + ".evil.example:8443": 421,
	} {
		answer, _ := call(t, stranger(), "GET", at(guarded, "/"), nil, "Host: "+host, "Authorization: Bearer "+token)
		expect(t, host, answer.StatusCode, want)
	}
}

func TestGuessingIsCountedByClientBehindAnIngress(t *testing.T) {
	defer func() { _ = load("gwt") }() // forgets the attempts
	host, origin := "Host: tracking."+domain+":8443", "Origin: "+ours("tracking", "")
	attempt := func(from string) int {
		return logInAt(t, stranger(), at(guarded, ""), "wrong", "/", host, origin, "X-Forwarded-For: "+from).StatusCode
	}
	var codes []int
	for i := range 14 { // one more is let through every three seconds
		codes = append(codes, attempt(fmt.Sprintf("10.1.1.%d, 203.0.113.7", i)))
	}
	expect(t, "ten wrong passwords, then", fmt.Sprint(codes[9], slices.Contains(codes, 429)), "401 true")
	expect(t, "somebody else", attempt("203.0.113.8"), 401)
	local, _ := logIn(t, stranger(), "wrong", "/")
	expect(t, "by no proxy", local.StatusCode, 401)
}

func TestNothingIsHeldBackThroughAnIngress(t *testing.T) {
	client := visitor(t)
	request, _ := http.NewRequest("GET", ours("tracking", "/stream"), nil)
	request.Header.Set("Authorization", "Bearer "+token)
	began := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, 7)
	_, err = io.ReadFull(answer.Body, first)
	expect(t, "the first line", fmt.Sprint(string(first), err), "line 0\n<nil>")
	if waited := time.Since(began); waited > 800*time.Millisecond {
		t.Errorf("it took %s", waited)
	}
	const size = 64 << 20
	put, _ := http.NewRequest("PUT", ours("objects", "/count"), io.LimitReader(zeroes{}, size))
	put.ContentLength = size
	stored, err := client.Do(put)
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Body.Close()
	text, _ := io.ReadAll(stored.Body)
	expect(t, "an upload", string(text), fmt.Sprintf("%d <nil>", size))

	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: client.Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "tracking." + domain})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: tracking.%s:8443\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", domain, ours("tracking", ""), token)
	reader := bufio.NewReader(conn)
	opened, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "a WebSocket", opened.StatusCode, 101)
	_, _ = io.WriteString(conn, "ping")
	echo := make([]byte, 4)
	_, err = io.ReadFull(reader, echo)
	expect(t, "its echo", fmt.Sprint(string(echo), err), "ping<nil>")
}
