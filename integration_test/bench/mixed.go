package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// profiles is how many are taken, one after the other, and merged.
const profiles = 3

// writeProfile writes the profile that the default build is optimised with: of a build
// that isn't, under a mixed load.
func writeProfile(ctx context.Context, p plan, file string, seconds int, progress io.Writer) (err error) {
	p.optimised, p.peers = false, false
	l, err := newLab(p, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	// Paths of this machine are of no use in the repository.
	if l.gateway, err = l.goBuild(ctx, "onesgate", onesgate, "-trimpath", "-tags="+tags, "-pgo=off"); err != nil {
		return err
	}
	if err := l.cores.keep(); err != nil {
		return err
	}
	g, err := l.gatewayAt("onesgate", l.gateway)
	if err != nil {
		return err
	}
	if err := g.start(ctx); err != nil {
		return err
	}
	m := mixedLoad{gateway: g}
	merge := []string{"tool", "pprof", "-proto", "-output=" + file}
	for i := range profiles {
		one := filepath.Join(l.dir, fmt.Sprintf("%d.pprof", i))
		l.say("profile %d of %d", i+1, profiles)
		if err := g.profiled(ctx, one, time.Duration(seconds)*time.Second, m.press); err != nil {
			return err
		}
		merge = append(merge, one)
	}
	if out, err := exec.CommandContext(ctx, "go", merge...).CombinedOutput(); err != nil {
		return fmt.Errorf("merging profiles: %w: %s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	l.say("%s: %d KiB", file, info.Size()>>10)
	return nil
}

// A mixedLoad is what a gateway has to do in a company: pages of who has signed in as fast
// as it answers, and beside them a little of all else.
type mixedLoad struct {
	*gateway
	booked  atomic.Int64
	visited atomic.Int64
}

func (m *mixedLoad) press(ctx context.Context, d time.Duration) error {
	service := fmt.Sprintf("127.0.0.1:%d", m.service)
	mail := m.lab.microsoft.people[0].Mail
	asONES := "Host: " + service + "\r\nAuthorization: Bearer " + serviceToken + "\r\nOnes-Act-As: " + mail + "\r\n"
	beside := []struct {
		rate int // a second
		target
	}{
		{100, target{address: m.address, want: http.StatusSeeOther, request: always(m.page("/rooms", ""))}},
		{20, target{address: m.address, want: http.StatusOK, request: always(m.page("/api/m365/v1/rooms", m.cookies))}},
		{20, target{address: service, want: http.StatusOK, request: always([]byte("GET /graph/v1.0/me/events?$top=10 HTTP/1.1\r\n" + asONES + "\r\n"))}},
		{10, target{address: service, want: http.StatusCreated, request: func(int) []byte {
			body := quarter(int(m.booked.Add(1) - 1))
			return fmt.Appendf(nil, "POST /v1/bookings HTTP/1.1\r\n%sContent-Type: application/json\r\nPrefer: wait=30\r\nContent-Length: %d\r\n\r\n%s", asONES, len(body), body)
		}}},
	}
	running := make(chan error)
	go func() {
		_, err := press(ctx, m.target, m.lab.connections, d)
		running <- err
	}()
	go func() { running <- m.signIns(ctx, 5, d) }()
	for _, b := range beside {
		go func() {
			_, err := pace(ctx, b.target, 8, b.rate, d)
			running <- err
		}()
	}
	var err error
	for range len(beside) + 2 {
		err = errors.Join(err, <-running)
	}
	return err
}

// signIns has so many people a second sign in.
func (m *mixedLoad) signIns(ctx context.Context, rate int, d time.Duration) error {
	every := time.NewTicker(time.Second / time.Duration(rate))
	defer every.Stop()
	people := m.lab.microsoft.people
	for end := time.Now().Add(d); time.Now().Before(end); {
		who := people[int(m.visited.Add(1))%len(people)]
		if _, err := signIn(m.url()+m.signIn, who.Mail); err != nil {
			return err
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
