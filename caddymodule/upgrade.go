package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
)

// forUpgrade is the writer for a request that may become a WebSocket. Its connection is
// taken over so that what holds up reverse_proxy is hidden, and what it lacks is there:
//
//   - A net.TCPConn, and any connection of a site that has an access log, copies by itself
//     (io.ReaderFrom, io.WriterTo), with a buffer of 32 KiB each way that stream_buffer_size
//     has no say in. It can't do better than copy here.
//   - Where the site has an access log, a connection can't be closed by halves: when ONES
//     has said its last, reverse_proxy closes all of it, and what is still on its way to the
//     browser gets lost.
func forUpgrade(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if r.Header.Get("Upgrade") == "" {
		return w
	}
	below, _ := r.Context().Value(connKey{}).(net.Conn)
	return upgradeWriter{w, below}
}

// connKey is for the connection that a request came over, in its context.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

type upgradeWriter struct {
	http.ResponseWriter
	below net.Conn // what the connection is on; nil: not known
}

// Unwrap is for http.ResponseController.
func (w upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements http.Hijacker.
func (w upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return copiedConn{conn, w.below}, buffered, nil
}

// A copiedConn is neither an io.ReaderFrom nor an io.WriterTo, and can be closed by halves.
type copiedConn struct {
	net.Conn
	below net.Conn
}

// CloseWrite closes the half that is written to. Nothing that was written before is held
// back above what it is on.
func (c copiedConn) CloseWrite() error {
	for _, conn := range []net.Conn{c.Conn, c.below} {
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			return half.CloseWrite()
		}
	}
	return errors.ErrUnsupported
}

// Interface guard
var _ http.Hijacker = upgradeWriter{}
