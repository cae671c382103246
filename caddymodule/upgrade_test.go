package caddymodule

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// logged is a connection as Caddy's access log has it.
type logged struct{ net.Conn }

type loggingWriter struct{ http.ResponseWriter }

func (w loggingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	return logged{conn}, buffered, err
}

// A connection that becomes a WebSocket leaves the buffers to whoever copies, and can
// still be closed by halves.
func TestUpgradeLeavesBuffersToTheProxy(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(forUpgrade(loggingWriter{w}, r)).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		if _, copies := conn.(io.ReaderFrom); copies {
			t.Error("it reads with a buffer of its own")
		}
		if _, copies := conn.(io.WriterTo); copies {
			t.Error("it writes with a buffer of its own")
		}
		_, _ = io.WriteString(conn, "half")
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
		if rest, err := io.ReadAll(conn); err != nil || string(rest) != "and the other" {
			t.Errorf("%q, %v", rest, err)
		}
	}))
	server.Config.ConnContext = withConn
	server.Start()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: ones.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if half, err := io.ReadAll(bufio.NewReader(conn)); err != nil || string(half) != "half" {
		t.Errorf("%q, %v", half, err)
	}
	if _, err := io.WriteString(conn, "and the other"); err != nil {
		t.Error(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
}

// Anything else is written as it was.
func TestNoUpgrade(t *testing.T) {
	w := httptest.NewRecorder()
	if got := forUpgrade(w, httptest.NewRequest(http.MethodGet, "/", nil)); got != http.ResponseWriter(w) {
		t.Errorf("%T", got)
	}
}
