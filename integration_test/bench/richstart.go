package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/onesgate/onesgate/integration_test/seed"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// richStart is the start of a gateway that has much in its store, while Microsoft is down:
// bookings that are open are to stay so.
func (l *lab) richStart(ctx context.Context, r *report) error {
	g, err := l.shipped()
	if err != nil {
		return err
	}
	if err := g.start(ctx); err != nil {
		return err
	}
	if err := l.microsoft.tell(ctx, http.MethodPost, "/_sim/faults", `{"match": "* /v1.0/me/*", "status": 503}`); err != nil {
		return err
	}
	status, err := g.book(ctx)
	if err != nil {
		return err
	}
	if status != http.StatusAccepted {
		return fmt.Errorf("the booking that is to stay open is answered with %d", status)
	}
	g.stop()
	var cookies []string
	err = g.filled(ctx, func(s store.Store, keys *seal.Keyset) error {
		l.say("%s grants", humanize.Comma(int64(l.grants)))
		if err := seed.Grants(ctx, s, keys, l.grants); err != nil {
			return err
		}
		l.say("%s sessions", humanize.Comma(int64(l.signedIn)))
		if cookies, err = seed.Sessions(ctx, s, l.signedIn, seed.Person); err != nil {
			return err
		}
		l.say("%s open bookings", humanize.Comma(int64(l.bookings)))
		samples, err := s.Scan(ctx, "booking/", "", 2)
		if err != nil {
			return err
		}
		if len(samples) != 1 {
			return fmt.Errorf("the store has %d bookings instead of one", len(samples))
		}
		return seed.Bookings(ctx, s, samples[0], l.bookings)
	})
	if err != nil {
		return err
	}
	g.request = g.pagesOf(cookies[:1])
	var took, memory series
	for range l.starts {
		d, err := g.restart(ctx)
		if err != nil {
			return err
		}
		select {
		case <-time.After(l.idle):
		case <-ctx.Done():
			return ctx.Err()
		}
		used, err := g.memory()
		if err != nil {
			return err
		}
		took, memory = append(took, d.Seconds()), append(memory, mib(used))
	}
	what := fmt.Sprintf("a start with %s grants, %s sessions, %s open bookings",
		humanize.Comma(int64(l.grants)), humanize.Comma(int64(l.signedIn)), humanize.Comma(int64(l.bookings)))
	r.add(
		row{what + ": until the first page of who had signed in", "onesgate", took.spread("%.2f") + " s", "", "< 3 s"},
		row{fmt.Sprintf("%s later, memory, anonymous", l.idle), "onesgate", memory.spread("%.0f") + " MiB", "", "< 250 MiB"},
	)
	return l.microsoft.tell(ctx, http.MethodDelete, "/_sim/faults", "")
}

// quarter is a booking, the n-th of those that don't overlap, of a quarter of an hour from
// tomorrow on.
func quarter(n int) string {
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(time.Duration(n/rooms) * 15 * time.Minute)
	return fmt.Sprintf(`{"room": %q, "subject": "Quarterly review", "start": %q, "end": %q}`,
		roomName(n%rooms), begin.Format(time.RFC3339), begin.Add(15*time.Minute).Format(time.RFC3339))
}

// book books for somebody who has signed in, as ONES' own server does, and hardly waits
// for the room.
func (g *gateway) book(ctx context.Context) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/v1/bookings", g.service), strings.NewReader(quarter(0)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+serviceToken)
	req.Header.Set("Ones-Act-As", g.lab.microsoft.people[0].Mail)
	req.Header.Set("Prefer", "wait=1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// tell tells the simulator to do something.
func (m *microsoft) tell(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("the simulator answers %s with %s", path, res.Status)
	}
	if closing := res.Body.Close(); err == nil {
		err = closing
	}
	return err
}
