package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A target is what is asked for: whose, what, and the status that has to come.
type target struct {
	address string
	want    int
	length  int64              // of the body; 0: any
	request func(n int) []byte // the n-th request, as it goes over the wire
}

// always is one request again and again.
func always(request []byte) func(int) []byte { return func(int) []byte { return request } }

// A line is a connection with one request on it at a time. It is made for little work of
// its own: net/http's client takes more CPU time than a proxy.
type line struct {
	target
	conn net.Conn
	from *bufio.Reader
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// ask sends a request and reads all that is answered. On a connection that the server
// has closed meanwhile, as servers may, nothing comes back: then it is asked again on
// another one.
func (l *line) ask(request []byte) error {
	used := l.conn != nil
	err := l.send(request)
	if err != nil && used {
		err = l.send(request)
	}
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(l.from, nil)
	if err != nil {
		l.close()
		return err
	}
	defer res.Body.Close()
	length, err := io.Copy(io.Discard, res.Body)
	if res.Close || err != nil {
		l.close()
	}
	if err == nil && (res.StatusCode != l.want || l.length > 0 && length != l.length) {
		err = fmt.Errorf("%s answered %d with %d bytes instead of %d with %d; Location: %q", l.address, res.StatusCode, length, l.want, l.length, res.Header.Get("Location"))
	}
	return err
}

// send sends a request, and returns when an answer begins to come. After an error the
// connection is closed.
func (l *line) send(request []byte) (err error) {
	if l.conn == nil {
		conn, err := net.DialTimeout("tcp", l.address, patience)
		if err != nil {
			return err
		}
		l.conn, l.from = conn, bufio.NewReader(conn)
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := l.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := l.conn.Write(request); err != nil {
		return err
	}
	_, err = l.from.Peek(1)
	return err
}

// press asks as fast as it is answered for a while, on so many connections, and counts
// the answers. One wrong answer is an error.
func press(ctx context.Context, t target, connections int, d time.Duration) (answers int, err error) {
	var next, answered atomic.Int64
	end := time.Now().Add(d)
	err = each(ctx, connections, func(ctx context.Context) error {
		l := line{target: t}
		defer l.close()
		for time.Now().Before(end) && ctx.Err() == nil {
			if err := l.ask(t.request(int(next.Add(1) - 1))); err != nil {
				return err
			}
			answered.Add(1)
		}
		return ctx.Err()
	})
	return int(answered.Load()), err
}

// pace asks so many times a second for a while, however long the answers take, and
// returns how long they took: from when they were due, if they had to wait for a
// connection.
func pace(ctx context.Context, t target, connections, rate int, d time.Duration) ([]time.Duration, error) {
	var next atomic.Int64
	took := make([]time.Duration, int(d.Seconds()*float64(rate)))
	begin := time.Now().Add(10 * time.Millisecond)
	err := each(ctx, connections, func(ctx context.Context) error {
		l := line{target: t}
		defer l.close()
		for ctx.Err() == nil {
			n := int(next.Add(1) - 1)
			if n >= len(took) {
				return nil
			}
			due := begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
			if wait := time.Until(due); wait > 0 {
				time.Sleep(wait)
				due = time.Now() // what the timer is late is nobody's delay
			}
			if err := l.ask(t.request(n)); err != nil {
				return err
			}
			took[n] = time.Since(due)
		}
		return ctx.Err()
	})
	return took, err
}

// each does something so many times at once, and returns the first error, which ends
// the others.
func each(ctx context.Context, times int, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range times {
		all.Go(func() {
			if err := do(ctx); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
