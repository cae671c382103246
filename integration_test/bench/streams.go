package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/dustin/go-humanize"
)

// streams is what passes piece by piece: the first event of a stream, and long bodies
// both ways.
func (l *lab) streams(ctx context.Context, r *report) error {
	stock, err := l.caddyAt("stock Caddy", l.caddy)
	if err != nil {
		return err
	}
	g, err := l.shipped()
	if err != nil {
		return err
	}
	both := []*program{stock, g.program}
	for _, v := range both {
		if err := v.start(ctx); err != nil {
			return err
		}
	}
	first, err := byTurns(10*l.starts, both, func(v *program) (float64, error) {
		took, err := v.firstEvent()
		return millis(took), err
	})
	if err != nil {
		return err
	}
	for i, v := range both {
		r.add(row{"until the first of a stream of events", v.name, first[i].spread("%.2f") + " ms", first[i].over(first[0]).spread("%.2f"), "as stock Caddy"})
	}
	size := humanize.IBytes(uint64(l.stream))
	for _, way := range []struct {
		name string
		move func(*program, int64) error
	}{{size + " down", (*program).down}, {size + " up", (*program).up}} {
		took := make([]series, len(both))
		used, err := byTurns(l.starts, both, func(v *program) (float64, error) {
			before, err := v.cpu()
			if err != nil {
				return 0, err
			}
			begin := time.Now()
			if err := way.move(v, l.stream); err != nil {
				return 0, fmt.Errorf("%s, %s: %w", v.name, way.name, err)
			}
			i := 0
			if v != stock {
				i = 1
			}
			took[i] = append(took[i], time.Since(begin).Seconds())
			after, err := v.cpu()
			return (after - before).Seconds(), err
		})
		if err != nil {
			return err
		}
		for i, v := range both {
			r.add(row{way.name + ", CPU and time", v.name, used[i].spread("%.2f") + " s, " + took[i].spread("%.2f") + " s", took[i].over(took[0]).spread("%.2f") + " in time", "as stock Caddy"})
		}
	}
	for _, v := range both {
		used, err := v.memory()
		if err != nil {
			return err
		}
		r.add(row{"memory after these, anonymous", v.name, fmt.Sprintf("%.0f MiB", mib(used)), "", "nothing is buffered"})
	}
	return nil
}

// firstEvent is how long it takes until the first event of a stream is there, which goes on.
func (v *program) firstEvent() (time.Duration, error) {
	conn, err := v.dial()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	begin := time.Now()
	if _, err := conn.Write(v.asked("/events", "")); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.ReadFull(res.Body, make([]byte, len("data: hello\n\n")))
	return time.Since(begin), err
}

func (v *program) down(size int64) error {
	conn, err := v.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(v.asked(fmt.Sprintf("/down?bytes=%d", size), "")); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && n != size {
		err = fmt.Errorf("%d of %d bytes came", n, size)
	}
	return err
}

func (v *program) up(size int64) error {
	conn, err := v.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	head := bytes.Replace(v.asked("/up", fmt.Sprintf("Origin: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n", v.url(), size)), []byte("GET"), []byte("POST"), 1)
	if _, err := conn.Write(head); err != nil {
		return err
	}
	if _, err := io.CopyN(conn, zeros{}, size); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(res.Body)
	if err == nil && string(got) != fmt.Sprint(size) {
		err = fmt.Errorf("ONES got %.100s of %d bytes", got, size)
	}
	return err
}

func (v *program) dial() (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", v.address, patience)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

// asked is a request of whoever has signed in, with more headers.
func (v *program) asked(path, headers string) []byte {
	return append(bytes.TrimSuffix(v.page(path, v.cookies), []byte("\r\n")), headers+"\r\n"...)
}
