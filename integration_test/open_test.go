package integration_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// liveONES is ONES with a WebSocket that echoes at /socket and a stream of events
// at /events. Where a stream is closed, it tells.
func liveONES(w *world) (closed chan string) {
	closed = make(chan string, 10)
	plain := w.ones.Config.Handler
	w.ones.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/socket":
			conn, buffered, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				w.t.Error(err)
				return
			}
			defer conn.Close()
			accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, 4.2.2
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\nSeen-As: %s\r\n\r\n",
				base64.StdEncoding.EncodeToString(accept[:]), r.Header.Get("X-Ones-User-Id"))
			_, _ = io.Copy(conn, buffered)
			closed <- "socket"
		case "/last":
			conn, _, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				w.t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_, _ = io.CopyN(conn, zeros{}, lastWords)
			_ = conn.(*net.TCPConn).CloseWrite()
			<-closed // by whoever has read it all
		case "/events":
			rw.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(rw, "data: hello\n\n")
			_ = http.NewResponseController(rw).Flush()
			<-r.Context().Done()
			closed <- "events"
		default:
			plain.ServeHTTP(rw, r)
		}
	})
	return closed
}

// lastWords are how many bytes ONES writes at /last before it has nothing more to say, and reads
// nothing.
const lastWords = 4 << 20

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// A stream is an open connection through the gateway.
type stream struct {
	conn net.Conn
	*bufio.Reader
}

// opens opens a connection of the visitor's.
func (v *visitor) opens(path string, headers ...string) *stream {
	v.t.Helper()
	home, err := url.Parse(v.home)
	if err != nil {
		v.t.Fatal(err)
	}
	at := v.past
	if at == "" {
		at = "127.0.0.1:" + home.Port()
	}
	s, err := v.dial(at, path, headers...)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { s.conn.Close() })
	return s
}

// dial sends a request of the visitor's to a gateway, by its address, on a connection of its own.
func (v *visitor) dial(address, path string, headers ...string) (*stream, error) {
	home, err := url.Parse(v.home)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	var cookies []string
	for _, c := range v.client.Jar.Cookies(home) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n%s\r\n\r\n", path, home.Host, strings.Join(cookies, "; "), strings.Join(headers, "\r\n"))
	return &stream{conn, bufio.NewReader(conn)}, nil
}

// upgrade are the headers that ask for a WebSocket.
func (v *visitor) upgrade() []string {
	return []string{"Connection: Upgrade", "Upgrade: websocket", "Origin: " + v.home}
}

func (v *visitor) socket() *stream {
	v.t.Helper()
	s := v.opens("/socket", v.upgrade()...)
	if _, err := s.handshake(); err != nil {
		v.t.Fatal(err)
	}
	s.lives(v.t)
	return s
}

// handshake reads the answer to a WebSocket's request, and returns as whom ONES saw it.
func (s *stream) handshake() (seenAs string, err error) {
	res, err := http.ReadResponse(s.Reader, nil)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return "", &upgradeRefused{res.StatusCode, body}
	}
	return res.Header.Get("Seen-As"), nil
}

// upgradeRefused is an answer to a WebSocket's request that is none.
type upgradeRefused struct {
	status int
	body   []byte
}

func (e *upgradeRefused) Error() string {
	return fmt.Sprintf("the WebSocket was answered with %d %s", e.status, e.body)
}

// lives demands that a WebSocket echoes.
func (s *stream) lives(t testing.TB) {
	t.Helper()
	if err := s.ping(); err != nil {
		t.Fatal(err)
	}
}

// ping has a WebSocket echo.
func (s *stream) ping() error {
	_ = s.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(s.conn, "ping\n"); err != nil {
		return err
	}
	line, err := s.ReadString('\n')
	if err == nil && line != "ping\n" {
		err = fmt.Errorf("the WebSocket echoes %q", line)
	}
	return err
}

func (v *visitor) events() *stream {
	v.t.Helper()
	s := v.opens("/events", "Accept: text/event-stream", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")
	for line := ""; line != "data: hello\n"; {
		var err error
		if line, err = s.ReadString('\n'); err != nil {
			v.t.Fatal(err)
		}
	}
	return s
}

// ends demands that the gateway closes the connection.
func (s *stream) ends(t *testing.T) {
	t.Helper()
	if _, err := io.Copy(io.Discard, s); err != nil && !wasCut(err) {
		t.Errorf("the connection was not closed: %v", err)
	}
}

// What is open of a session is closed when it ends: by a sign-out, by the
// operator, by Microsoft, also if it was opened before a reload.
func TestOpenConnectionsEndWithTheSession(t *testing.T) {
	w := newWorld(t)
	closed := liveONES(w)
	w.write(map[string]any{"Proxy": "{\n\t\tstream_close_delay 1h\n\t}"})
	w.gateway()
	out := func(v *visitor) { // also on an idle connection that a reload has just closed
		if _, err := v.tries(http.MethodPost, "/.ones/logout", nil, fine); err != nil {
			t.Error(err)
		}
	}
	reload := func() {
		t.Helper()
		file := w.write(map[string]any{"Proxy": "{\n\t\tstream_close_delay 1h\n\t}", "Label": "After a reload"})
		if told, status := command(t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+w.dir+"/admin.sock"); status != 0 {
			t.Fatal(told)
		}
	}
	for _, tt := range []struct {
		name   string
		before func()
		end    func(*visitor)
	}{
		{"signed out", nil, out},
		{"signed out after a reload", reload, out},
		{"ended by the operator", nil, func(*visitor) { w.succeeds("1 session ended", "sessions", "revoke", "--user", alice) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, other := newVisitor(t, w.home), newVisitor(t, w.home)
			v.signIn(alice)
			other.signIn(bob)
			socket, events, others := v.socket(), v.events(), other.socket()
			if tt.before != nil {
				tt.before()
				socket.lives(t)
			}
			tt.end(v)
			socket.ends(t)
			events.ends(t)
			for range 2 { // at ONES, too
				select {
				case <-closed:
				case <-time.After(patience):
					t.Fatal("ONES still has a connection of the session")
				}
			}
			others.lives(t)
			others.conn.Close()
			<-closed
			if a := v.call(http.MethodGet, "/socket", nil, "Upgrade", "websocket", "Connection", "Upgrade"); a.StatusCode != http.StatusUnauthorized {
				t.Errorf("a new WebSocket afterwards: %d, want 401", a.StatusCode)
			}
		})
	}
}

// A reload that takes a tenant away closes what its people have open.
func TestOpenConnectionsEndWithTheTenant(t *testing.T) {
	w := newWorld(t)
	liveONES(w)
	delay := "{\n\t\tstream_close_delay 1h\n\t}"
	w.write(map[string]any{"Proxy": delay})
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	socket, events := v.socket(), v.events()
	file := w.write(map[string]any{
		"Proxy": delay, "Credentials": "tenant_id 11111111-2222-4333-8444-555555555555\n\t\t\t\tclient_secret {env.ONES_CLIENT_SECRET} 2099-01-01",
	})
	if told, status := command(t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+w.dir+"/admin.sock"); status != 0 {
		t.Fatal(told)
	}
	socket.ends(t)
	events.ends(t)
	v.wantsSession(false)
}

// The operator sees who is signed in, and ends it.
func TestSessionsCommand(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.fails("no gateway answers", "sessions", "list")
	w.gateway()
	w.succeeds("Nobody is signed in", "sessions", "list")
	a, b := newVisitor(t, w.home), newVisitor(t, w.home)
	a.signIn(alice)
	b.signIn(bob)
	w.succeeds(`(?s)WHO.*alice@contoso.example +contoso .*`, "sessions", "list")
	w.succeeds(`^WHO[^\n]*\nbob@contoso.example [^\n]*\n$`, "sessions", "list", "--user", "Bob@contoso.example")
	w.fails("nobody like that is known", "sessions", "list", "--user", "nobody@contoso.example", "--json")
	w.fails("name a session", "sessions", "revoke")
	w.fails("name a session", "sessions", "revoke", "x", "--user", alice)
	w.fails("no session with that id", "sessions", "revoke", strings.Repeat("0", 64))

	var listed struct {
		Sessions []struct{ ID, User, Email string }
	}
	if err := json.Unmarshal([]byte(w.succeeds(`.`, "sessions", "list", "--user", alice, "--json")), &listed); err != nil || len(listed.Sessions) != 1 {
		t.Fatal(listed, err)
	}
	w.succeeds("1 session ended", "sessions", "revoke", listed.Sessions[0].ID)
	a.wantsSession(false)
	b.wantsSession(true)
	a.signIn(alice)
	w.succeeds("1 session ended", "sessions", "revoke", "--user", listed.Sessions[0].User)
	a.wantsSession(false)
	w.succeeds(alice+" is not signed in", "sessions", "revoke", "--user", alice)
	w.succeeds(`"sessions":\[\]`, "sessions", "list", "--user", alice, "--json")
	w.fails("nobody like that is known", "sessions", "revoke", "--user", "nobody@contoso.example")
}

// What ONES has written to a WebSocket reaches the browser though ONES has said its last and the
// browser has not, also where the site has an access log.
func TestLastWordsOfAWebSocket(t *testing.T) {
	w := newWorld(t)
	closed := liveONES(w)
	w.write(map[string]any{"Proxy": "\n\tlog"})
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	s := v.opens("/last", v.upgrade()...)
	if _, err := s.handshake(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.CopyN(s.conn, zeros{}, 2*lastWords) }() // until it is closed
	if n, err := io.Copy(io.Discard, s); n != lastWords || err != nil {
		t.Errorf("%d bytes of %d came, then %v", n, lastWords, err)
	}
	closed <- "last"
}
