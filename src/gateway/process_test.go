package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"datalab/gateway/gate"
	"datalab/gateway/setup"
)

// asGateway makes this test's binary the gateway itself: a process that can be told to end.
func asGateway(path string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if err := run(path, stop); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// another starts a gateway of its own before the tests' upstream, with the same secrets as the others of its
// stack.
func another(t *testing.T, key string, drain int) (process *exec.Cmd, port, status int) {
	t.Helper()
	port, status = freePort(), freePort()
	config := setup.Config{
		App:  gate.App{Stack: "gwt", SessionHours: 12, SessionKey: key, Token: token, Users: []gate.User{{Name: "admin", Password: password}}},
		Bind: "127.0.0.1", StatusPort: status, DrainSeconds: drain, GraceSeconds: 10,
		Endpoints: []setup.Endpoint{{Protocol: "http", Listen: port, Upstream: strings.TrimPrefix(upstream.URL, "http://"),
			Guard: gate.Guard{Service: "tracking", Name: "ui", Auth: "gateway"}}},
	}
	text, err := json.Marshal(&config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gateway.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	process = exec.Command(os.Args[0])
	process.Env = append(os.Environ(), "GATEWAY_TEST_CONFIG="+path)
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	for range 200 {
		if answer, err := http.Get(at(status, "/readyz")); err == nil {
			answer.Body.Close()
			return process, port, status
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it did not start")
	return nil, 0, 0
}

const sessionKey = "key-of-the-tests-0123456789"

func TestASessionOfOneGatewayIsGoodAtAnother(t *testing.T) {
	_, first, _ := another(t, sessionKey, 0)
	_, second, _ := another(t, sessionKey, 0)
	_, foreign, _ := another(t, "another-key-of-the-tests-0123", 0)
	client := keeper(t)
	form := url.Values{"user": {"admin"}, "password": {password}}
	in, _ := call(t, client, "POST", at(first, "/.datalab/login"), strings.NewReader(form.Encode()),
		"Content-Type: application/x-www-form-urlencoded", "Origin: "+at(first, ""))
	expect(t, "a login at the first", in.StatusCode, 303)
	for port, want := range map[int]string{first: "200upstream /page", second: "200upstream /page"} {
		answer, body := call(t, client, "GET", at(port, "/page"), nil)
		expect(t, "a gateway of the stack", fmt.Sprint(answer.StatusCode, body), want)
	}
	refused, _ := call(t, client, "GET", at(foreign, "/page"), nil)
	expect(t, "one with another key", refused.StatusCode, 401)
}

// keeper keeps cookies, and connections of its own.
func keeper(t *testing.T) *http.Client {
	client := stranger()
	client.Jar, _ = cookiejar.New(nil)
	client.Transport = &http.Transport{}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestARollingUpdateLosesNoRequest(t *testing.T) {
	process, port, status := another(t, sessionKey, 4)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	get := func(path string) (*http.Response, string, error) {
		request, _ := http.NewRequest("GET", at(port, path), nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.Do(request)
		if err != nil {
			return nil, "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return answer, string(text), err
	}
	before, _, err := get("/x")
	if err != nil || before.Close {
		t.Fatal("a connection is not kept", err)
	}
	ready, body := call(t, stranger(), "GET", at(status, "/readyz"), nil)
	expect(t, "ready", fmt.Sprint(ready.StatusCode, body), "200ready\n")

	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for { // the word has arrived
		if answer, _ := call(t, stranger(), "GET", at(status, "/readyz"), nil); answer.StatusCode == 503 {
			break
		}
		if time.Since(began) > 2*time.Second {
			t.Fatal("it is still ready")
		}
	}
	alive, _ := call(t, stranger(), "GET", at(status, "/livez"), nil)
	expect(t, "alive", alive.StatusCode, 200)
	for time.Since(began) < 3200*time.Millisecond {
		answer, text, err := get("/x")
		if err != nil || answer.StatusCode != 200 || text != "upstream /x" || !answer.Close {
			t.Fatal("a request while it ends: ", answer, text, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	// It begins before the ports are closed, and is answered after that.
	_, text, err := get("/slow")
	expect(t, "in work", fmt.Sprint(text, err), "at last<nil>")
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("it was answered after %s already", took)
	}
	expect(t, "ended", fmt.Sprint(process.Wait()), "<nil>")
	if _, _, err := get("/x"); err == nil {
		t.Error("it still answers")
	}
}

func TestWithoutDrainingItEndsAtOnce(t *testing.T) {
	process, _, _ := another(t, sessionKey, 0)
	began := time.Now()
	_ = process.Process.Signal(syscall.SIGTERM)
	expect(t, "ended", fmt.Sprint(process.Wait()), "<nil>")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}
