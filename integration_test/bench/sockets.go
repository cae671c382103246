package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/onesgate/onesgate/integration_test/seed"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// webSockets is what so many that are open at once take in memory, each of a session of
// its own, and how soon all are closed when the sessions are revoked.
func (l *lab) webSockets(ctx context.Context, r *report) error {
	stock, err := l.caddyAt("stock Caddy", l.caddy)
	if err != nil {
		return err
	}
	alike, err := l.caddyWithSmallStreams()
	if err != nil {
		return err
	}
	stockEach, err := stock.anonymousSocketMemory(ctx, l.sockets)
	if err != nil {
		return err
	}
	alikeEach, err := alike.anonymousSocketMemory(ctx, l.sockets)
	if err != nil {
		return err
	}

	g, err := l.shipped()
	if err != nil {
		return err
	}
	person := seed.Person(0)
	var cookies []string
	err = g.filled(ctx, func(s store.Store, keys *seal.Keyset) (err error) {
		if err := seed.Grants(ctx, s, keys, 1); err != nil {
			return err
		}
		cookies, err = seed.Sessions(ctx, s, l.sockets, func(int) *identity.Person { return person })
		return err
	})
	if err != nil {
		return err
	}
	g.request = g.pagesOf(cookies)
	if _, err := g.restart(ctx); err != nil {
		return err
	}
	for i, c := range cookies {
		cookies[i] = "onesgate=" + c
	}
	oursEach, open, err := g.socketMemory(ctx, cookies)
	if err != nil {
		return err
	}
	begin := time.Now()
	ended, err := g.revoke(ctx, person.ID)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if err := open.allEnded(ctx); err != nil {
		return err
	}
	closed := open.last.Sub(begin)
	many := humanize.Comma(int64(l.sockets)) + " WebSockets"
	r.add(
		row{many + ", memory of each", stock.name, fmt.Sprintf("%.1f KiB", stockEach), "1.00", ""},
		row{many + ", memory of each", alike.name, fmt.Sprintf("%.1f KiB", alikeEach), fmt.Sprintf("%.2f", alikeEach/stockEach), ""},
		row{
			many + ", memory of each", "onesgate, with the latter's buffers", fmt.Sprintf("%.1f KiB: %+.1f, %+.1f", oursEach, oursEach-stockEach, oursEach-alikeEach),
			fmt.Sprintf("%.2f", oursEach/stockEach), "≤ 4 KiB more",
		},
		row{
			many + ", closed after a revocation of their sessions", "onesgate",
			fmt.Sprintf("%s after it was asked for; %s sessions had ended after %s", closed.Round(time.Millisecond), humanize.Comma(int64(ended)), took.Round(time.Millisecond)), "", "≤ 2 s",
		},
	)
	return nil
}

// anonymousSocketMemory starts a proxy that knows nobody, and returns how many KiB of
// memory each of so many WebSockets takes that are open at once.
func (v *program) anonymousSocketMemory(ctx context.Context, many int) (kib float64, err error) {
	if err := v.start(ctx); err != nil {
		return 0, err
	}
	kib, open, err := v.socketMemory(ctx, make([]string, many))
	if err != nil {
		return 0, err
	}
	open.closeAll()
	return kib, nil
}

// sockets are WebSockets that are open.
type sockets struct {
	conns  []net.Conn
	ends   sync.WaitGroup
	closed atomic.Int64
	last   time.Time // when the last was closed, once all are
}

// socketMemory opens a WebSocket with each of the cookies, and returns how many KiB of
// memory each takes, once what is no longer needed has been collected.
func (v *program) socketMemory(ctx context.Context, cookies []string) (kib float64, _ *sockets, err error) {
	before, err := v.settled(ctx)
	if err != nil {
		return 0, nil, err
	}
	s := &sockets{conns: make([]net.Conn, len(cookies))}
	var next atomic.Int64
	err = each(ctx, v.lab.connections, func(context.Context) error {
		for {
			i := int(next.Add(1) - 1)
			if i >= len(cookies) {
				return nil
			}
			if s.conns[i], err = v.socket(cookies[i]); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return 0, nil, err
	}
	for _, conn := range s.conns {
		s.ends.Go(func() {
			_, _ = io.Copy(io.Discard, conn) // however it ends
			if s.closed.Add(1) == int64(len(s.conns)) {
				s.last = time.Now()
			}
		})
	}
	after, err := v.settled(ctx)
	return float64(after-before) / 1024 / float64(len(cookies)), s, err
}

// settled is the memory after a collection.
func (v *program) settled(ctx context.Context) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/debug/pprof/heap?gc=1", nil)
	if err != nil {
		return 0, err
	}
	res, err := v.adminClient().Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	return v.memory()
}

// socket opens a WebSocket, which echoes.
func (v *program) socket(cookies string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", v.address, patience)
	if err != nil {
		return nil, err
	}
	request := bytes.TrimSuffix(v.page("/socket", cookies), []byte("\r\n"))
	request = fmt.Appendf(request, "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", v.url())
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	from := bufio.NewReader(conn)
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("%s: the WebSocket is answered with %s", v.name, res.Status)
	}
	if _, err := io.WriteString(conn, "ping\n"); err != nil {
		return nil, err
	}
	_, err = from.ReadString('\n')
	return conn, err
}

// revoke ends all sessions of a person, as an operator does.
func (g *gateway) revoke(ctx context.Context, person string) (ended int, err error) {
	body, err := json.Marshal(map[string]string{"user": person})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/ones/sessions/revoke", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := g.adminClient().Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var answer struct{ Ended int }
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the revocation is answered with %s: %s", res.Status, text)
	}
	err = json.Unmarshal(text, &answer)
	return answer.Ended, err
}

// allEnded waits until all are closed.
func (s *sockets) allEnded(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ends.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(patience):
	case <-ctx.Done():
	}
	left := int64(len(s.conns)) - s.closed.Load()
	s.closeAll()
	<-done
	return fmt.Errorf("%d WebSockets are still open", left)
}

func (s *sockets) closeAll() {
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.ends.Wait()
}
