package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"datalab/gateway/gate"
	"datalab/gateway/setup"
)

const (
	token    = "token-of-the-tests-0123456789"
	password = "password-of-admin-0123456789"
	// What the names of all pages are below, where an ingress serves them.
	domain = "staging.lab.example"
)

var (
	guarded, own, plain, raw, statusPort int
	upstream                             *httptest.Server
	dead                                 int
	seen                                 atomic.Pointer[http.Request]
)

// The real program's configuration, in a real Caddy, before a real server.
func TestMain(m *testing.M) {
	if path := os.Getenv("GATEWAY_TEST_CONFIG"); path != "" {
		asGateway(path)
	}
	upstream = httptest.NewServer(http.HandlerFunc(serve))
	guarded, own, plain, raw, statusPort, dead = freePort(), freePort(), freePort(), freePort(), freePort(), freePort()
	if err := load("gwt"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = caddy.Stop()
	upstream.Close()
	os.Exit(code)
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func load(stack string) error { return start(configOf(stack)) }

func configOf(stack string) *setup.Config {
	at := strings.TrimPrefix(upstream.URL, "http://")
	endpoint := func(service, protocol, auth string, port int) setup.Endpoint {
		return setup.Endpoint{Protocol: protocol, Listen: port, Upstream: at,
			Guard: gate.Guard{Service: service, Name: "ui", Summary: "a service", Auth: auth}}
	}
	withLogin := endpoint("tracking", "http", "gateway", guarded)
	withLogin.Login = &gate.Login{User: "up", Password: "stream"}
	withLogin.Internal = []string{"/metrics", "/api/internal"}
	withLogin.SelfGuarded = []string{"/self"}
	withLogin.Cookies = []string{"known_*", "ui"}
	withLogin.Answers = map[string]map[string]any{"/ui-settings": {"auth": nil, "api_url": "/api"}}
	gone := endpoint("gone", "http", "gateway", dead)
	gone.Upstream = "127.0.0.1:1"
	objects := endpoint("objects", "http", "own", own)
	objects.Internal = []string{"/metrics"}
	for _, e := range []*setup.Endpoint{&withLogin, &objects} {
		e.Origin = "https://" + e.Service + "." + domain + ":8443"
	}
	second := endpoint("plain", "http", "gateway", plain)
	second.Origin = "https://plain." + domain + ":8443"
	return &setup.Config{
		App: gate.App{Stack: stack, SessionHours: 12, SessionKey: "key-of-the-tests-0123456789", Token: token,
			Users: []gate.User{{Name: "admin", Password: password}}, Hosts: []string{"lab.example.com"},
			Domain: domain, Proxies: 1},
		Bind: "127.0.0.1", StatusPort: statusPort, GraceSeconds: 5,
		Endpoints: []setup.Endpoint{withLogin, objects, second, endpoint("sql", "tcp", "own", raw), gone},
	}
}

func start(config *setup.Config) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	parsed, err := setup.Parse(text)
	if err != nil {
		return err
	}
	document, err := parsed.Caddy()
	if err != nil {
		return err
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // the gateway that ends now would close them
	if err := caddy.Load(document, true); err != nil {
		return err
	}
	time.Sleep(250 * time.Millisecond) // the old one's ports close meanwhile, and reset who has reached those
	return nil
}

func serve(w http.ResponseWriter, r *http.Request) {
	seen.Store(r.Clone(r.Context()))
	switch r.URL.Path {
	case "/ui-settings":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"auth":"BASIC","api_url":"http://elsewhere/api","flags":[1]}`)
	case "/prompt":
		w.Header().Set("WWW-Authenticate", "Basic realm=up")
		w.WriteHeader(http.StatusUnauthorized)
	case "/set-cookie":
		w.Header().Add("Set-Cookie", "fresh=1; Path=/")
	case "/plant":
		w.Header().Add("Set-Cookie", "datalab_gwt=planted; Path=/")
		w.Header().Add("Set-Cookie", "theirs=1")
		w.Header().Set("Server", "upstream/1.0")
	case "/count":
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d %v", n, err)
	case "/moved":
		w.Header().Set("Location", "http://"+r.Host+"/moved/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case "/stream":
		for i := range 3 {
			fmt.Fprintf(w, "line %d\n", i)
			w.(http.Flusher).Flush()
			select {
			case <-time.After(400 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	case "/slow":
		time.Sleep(1500 * time.Millisecond)
		_, _ = io.WriteString(w, "at last")
	case "/die":
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	case "/ws":
		echoSocket(w, r)
	default:
		_, _ = io.WriteString(w, "upstream "+r.URL.Path)
	}
}

// echoSocket answers a WebSocket handshake, then every byte.
func echoSocket(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, buffer, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(buffer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	_ = buffer.Flush()
	_, _ = io.Copy(conn, buffer)
}

func at(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port, path) }

// call sends a request; headers are given as "Name: value".
func call(t *testing.T, client *http.Client, method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			request.Host = value
		} else {
			request.Header[name] = append(request.Header[name], value)
		}
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func stranger() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// loggedIn is a browser that has used the login page of one port.
func loggedIn(t *testing.T) *http.Client {
	t.Helper()
	client := stranger()
	client.Jar, _ = cookiejar.New(nil)
	answer, _ := logIn(t, client, password, "/next")
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/next" {
		t.Fatalf("the login was answered %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	return client
}

func logIn(t *testing.T, client *http.Client, password, next string) (*http.Response, string) {
	t.Helper()
	form := url.Values{"user": {"admin"}, "password": {password}, "next": {next}}
	return call(t, client, "POST", at(guarded, "/.datalab/login"), strings.NewReader(form.Encode()),
		"Content-Type: application/x-www-form-urlencoded", "Origin: "+at(guarded, ""))
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wire sends bytes as they are and reads the answer's head.
func wire(t *testing.T, port int, text string) (*http.Response, net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer, conn, reader
}
