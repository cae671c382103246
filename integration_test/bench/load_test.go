package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A server may close a connection between two requests: that is no wrong answer. A wrong
// one is.
func TestLine(t *testing.T) {
	asked := 0
	s, err := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/wrong" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if asked == 1 { // and closed without a word of that before
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")
			conn.Close()
			return
		}
		_, _ = io.WriteString(w, "page")
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	l := line{target: target{address: s.address, want: http.StatusOK, length: 4}}
	defer l.close()
	for range 3 {
		if err := l.ask([]byte("GET / HTTP/1.1\r\nHost: ones\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 3 {
		t.Errorf("the server was asked %d times, want 3", asked)
	}
	if err := l.ask([]byte("GET /wrong HTTP/1.1\r\nHost: ones\r\n\r\n")); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("a wrong answer: %v", err)
	}
	l.length = 5
	if err := l.ask([]byte("GET / HTTP/1.1\r\nHost: ones\r\n\r\n")); err == nil || !strings.Contains(err.Error(), "4 bytes") {
		t.Errorf("a short answer: %v", err)
	}
}
