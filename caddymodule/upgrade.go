package caddymodule

import (
	"bufio"
	"errors"
	"net"
	"net/http"
)

// forUpgrade is the writer for a request that may become a WebSocket: its connection is
// taken over without what would have io.CopyBuffer leave reverse_proxy's buffers, of
// stream_buffer_size, and take two of 32 KiB, for each WebSocket and as long as it is open.
// Without TLS that is what happens: a net.TCPConn copies by itself, and here it can do no better.
func forUpgrade(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if r.Header.Get("Upgrade") == "" {
		return w
	}
	return upgradeWriter{w}
}

type upgradeWriter struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (w upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements http.Hijacker.
func (w upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return copiedConn{conn}, buffered, nil
}

// A copiedConn is neither an io.ReaderFrom nor an io.WriterTo.
type copiedConn struct{ net.Conn }

// CloseWrite closes the half that is written to.
func (c copiedConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Interface guard
var _ http.Hijacker = upgradeWriter{}
