package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAGigabyteIsNotHeld(t *testing.T) {
	const size = 1 << 30
	var before, peak runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	request, _ := http.NewRequest("PUT", at(own, "/count"), io.LimitReader(zeroes{}, size))
	request.ContentLength = size
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	expect(t, "what arrived", string(text), fmt.Sprintf("%d <nil>", size))
	runtime.ReadMemStats(&peak)
	if held := int64(peak.HeapSys) - int64(before.HeapSys); held > 64<<20 {
		t.Errorf("the heap grew by %d MiB", held>>20)
	}
}

func TestContinueAndHead(t *testing.T) {
	answer, conn, reader := wire(t, own, fmt.Sprintf(
		"PUT /count HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", own))
	expect(t, "interim", answer.StatusCode, 100)
	_, _ = io.WriteString(conn, "hello")
	final := answer
	for final.StatusCode == 100 { // the upstream's own is passed on as well
		var err error
		if final, err = http.ReadResponse(reader, nil); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := io.ReadAll(final.Body)
	expect(t, "body", string(text), "5 <nil>")
	head, body := call(t, stranger(), "HEAD", at(own, "/object"), nil)
	expect(t, "HEAD", fmt.Sprint(head.StatusCode, body, head.ContentLength), "20016")
	expect(t, "Host is kept for signatures", seen.Load().Host, fmt.Sprintf("127.0.0.1:%d", own))
}

func TestStreamsArriveAsTheyAreSent(t *testing.T) {
	request, _ := http.NewRequest("GET", at(guarded, "/stream"), nil)
	request.Header.Set("Authorization", "Bearer "+token)
	began := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first, err := bufio.NewReader(answer.Body).ReadString('\n')
	if err != nil || first != "line 0\n" {
		t.Fatal(first, err)
	}
	if waited := time.Since(began); waited > 800*time.Millisecond {
		t.Errorf("the first line took %s", waited)
	}
}

func TestSlowAnswersAreWaitedFor(t *testing.T) {
	_, body := call(t, stranger(), "GET", at(plain, "/slow"), nil, "Authorization: Bearer "+token)
	expect(t, "slow", body, "at last")
}

func TestWebSocket(t *testing.T) {
	ask := func(extra string) string {
		return fmt.Sprintf("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", guarded, extra)
	}
	refused, _, _ := wire(t, guarded, ask(""))
	expect(t, "a stranger", refused.StatusCode, 401)
	foreign, _, _ := wire(t, guarded, ask("Authorization: Bearer "+token+"\r\nOrigin: http://evil.example\r\n"))
	expect(t, "a foreign page", foreign.StatusCode, 403)
	opened, conn, reader := wire(t, guarded, ask("Authorization: Bearer "+token+"\r\n"))
	expect(t, "opened", opened.StatusCode, 101)
	expect(t, "accepted", opened.Header.Get("Sec-Websocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	_, _ = io.WriteString(conn, "ping")
	echo := make([]byte, 4)
	_, err := io.ReadFull(reader, echo)
	expect(t, "echo", fmt.Sprint(string(echo), err), "ping<nil>")
}

func TestAWebSocketEndsWithItsSession(t *testing.T) {
	client := loggedIn(t)
	page, err := url.Parse(at(guarded, "/"))
	if err != nil {
		t.Fatal(err)
	}
	cookie := client.Jar.Cookies(page)[0]
	open := func(extra string) (net.Conn, *bufio.Reader) {
		opened, conn, reader := wire(t, guarded, fmt.Sprintf("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\n"+
			"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", guarded, extra))
		expect(t, "opened", opened.StatusCode, 101)
		return conn, reader
	}
	echo := func(conn net.Conn, reader *bufio.Reader) error {
		_, _ = io.WriteString(conn, "ping")
		_, err := io.ReadFull(reader, make([]byte, 4))
		return err
	}
	mine, answers := open("Cookie: " + cookie.String() + "\r\nOrigin: " + at(guarded, "") + "\r\n")
	programs, theirs := open("Authorization: Bearer " + token + "\r\n")
	expect(t, "before", echo(mine, answers), nil)
	out, _ := call(t, client, "POST", at(plain, "/.datalab/logout"), nil, "Origin: "+at(plain, ""))
	expect(t, "logout on another port", out.StatusCode, 303)
	_ = mine.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := answers.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal("after the logout: ", err)
	}
	expect(t, "a program's", echo(programs, theirs), nil)
}

func TestWhatIsNotThere(t *testing.T) {
	answer, body := call(t, stranger(), "POST", at(dead, "/x"), strings.NewReader("x"), "Authorization: Bearer "+token)
	expect(t, "never connected", answer.StatusCode, 503)
	expect(t, "when again", answer.Header.Get("Retry-After"), "2")
	if !strings.Contains(body, `"E_UNAVAILABLE"`) {
		t.Error(body)
	}
	client := loggedIn(t)
	page, text := call(t, client, "GET", at(dead, "/x"), nil, "Accept: text/html")
	expect(t, "a page", page.StatusCode, 503)
	if !strings.Contains(text, "gone does not answer") || !strings.Contains(text, `http-equiv="refresh"`) {
		t.Error(text)
	}
	lost, _ := call(t, stranger(), "POST", at(guarded, "/die"), strings.NewReader("x"), "Authorization: Bearer "+token)
	expect(t, "killed while it worked", lost.StatusCode, 502)
	expect(t, "must not be sent again blindly", lost.Header.Get("Retry-After"), "")
	read, _ := call(t, stranger(), "GET", at(guarded, "/die"), nil, "Authorization: Bearer "+token)
	expect(t, "a read", read.StatusCode, 503)
}

func TestSmuggling(t *testing.T) {
	host := fmt.Sprintf("Host: 127.0.0.1:%d\r\n", guarded)
	for name, text := range map[string]string{
		"two hosts":          "GET / HTTP/1.1\r\n" + host + "Host: evil\r\n\r\n",
		"two lengths":        "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"space before colon": "GET / HTTP/1.1\r\n" + host + "Authorization : Bearer " + token + "\r\n\r\n",
		"unknown encoding":   "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n",
		"control character":  "GET / HTTP/1.1\r\n" + host + "X-A: a\x01b\r\n\r\n",
	} {
		answer, _, _ := wire(t, guarded, text)
		if answer.StatusCode != 400 && answer.StatusCode != 501 {
			t.Errorf("%s: %d", name, answer.StatusCode)
		}
	}
	twice, _, _ := wire(t, guarded, "GET / HTTP/1.1\r\n"+host+"Authorization: Bearer "+token+"\r\nAuthorization: Basic eDp5\r\n\r\n")
	expect(t, "two authorizations", twice.StatusCode, 400)
	hop, _, _ := wire(t, guarded, "GET / HTTP/1.1\r\n"+host+"Authorization: Bearer "+token+"\r\nConnection: close, X-Datalab-User, Authorization\r\n\r\n")
	expect(t, "headers named as hop-by-hop", hop.StatusCode, 200)
}

func TestRelay(t *testing.T) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", raw))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /raw HTTP/1.0\r\n\r\n")
	_ = conn.(*net.TCPConn).CloseWrite() // half-closed: the answer still comes
	text, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(text), "upstream /raw") {
		t.Fatal(string(text), err)
	}
}

func TestStatus(t *testing.T) {
	_, ports := call(t, stranger(), "GET", at(statusPort, "/ports"), nil)
	expect(t, "guarded ports", ports, fmt.Sprintf(`{"guarded":[%d,%d,%d]}`, guarded, plain, dead))
	_, metrics := call(t, stranger(), "GET", at(statusPort, "/metrics"), nil)
	if !strings.Contains(metrics, "datalab_gateway_refused_total") {
		t.Error("the counters are missing")
	}
	if strings.Contains(metrics, token) || strings.Contains(metrics, password) {
		t.Error("a secret is in the metrics")
	}
}
