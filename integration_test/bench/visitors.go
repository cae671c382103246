package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

// visitors is what those without a session cost, as many as the gateway bears, and
// whether they leave anything in its store.
func (l *lab) visitors(ctx context.Context, r *report) error {
	g, err := l.shipped()
	if err != nil {
		return err
	}
	if err := g.start(ctx); err != nil {
		return err
	}
	g.stop()
	before, err := digest(ctx, g.store)
	if err != nil {
		return err
	}
	if _, err := g.restart(ctx); err != nil {
		return err
	}
	atFirst, err := g.memory()
	if err != nil {
		return err
	}
	unknown := func(int) []byte {
		var id [32]byte
		_, _ = rand.Read(id[:]) // never fails
		return g.page("/", "onesgate="+base64.RawURLEncoding.EncodeToString(id[:]))
	}
	for _, visitor := range []struct {
		name, limit string
		want        int
		request     func(int) []byte
	}{
		{"redirect to sign-in, CPU", "≤ 40 µs", http.StatusSeeOther, always(g.page("/", ""))},
		{"the same with cookies of no session, each another, CPU", "≤ 40 µs", http.StatusSeeOther, unknown},
		{"the login page, CPU", "", http.StatusOK, always(g.page("/.ones/login", ""))},
		{"off to Microsoft, CPU", "", http.StatusSeeOther, always(g.page("/.ones/login/contoso", ""))},
	} {
		g.want, g.length, g.request = visitor.want, 0, visitor.request
		used, err := byTurns(l.rounds, []*program{g.program}, func(v *program) (float64, error) {
			took, err := v.perRequest(ctx, l.window)
			return micros(took), err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", visitor.name, err)
		}
		r.add(row{visitor.name, "onesgate", used[0].spread("%.0f") + " µs", "", visitor.limit})
	}
	afterwards, err := g.memory()
	if err != nil {
		return err
	}
	r.add(row{"memory before and after these, anonymous", "onesgate", fmt.Sprintf("%.0f and %.0f MiB", mib(atFirst), mib(afterwards)), "", "bounded"})
	g.stop()
	after, err := digest(ctx, g.store)
	if err != nil {
		return err
	}
	left := "unchanged"
	if before != after {
		left = "**changed**"
	}
	r.add(row{"the store after these", "onesgate", left, "", "unchanged"})
	return nil
}

// digest is a hash of all records of a store that no gateway stands on, but of those
// that a gateway writes about itself.
func digest(ctx context.Context, dir string) (sum [sha256.Size]byte, err error) {
	s, err := badgerstore.Open(badgerstore.Options{Dir: dir, MinFree: 1})
	if err != nil {
		return sum, err
	}
	defer s.Close()
	h := sha256.New()
	err = s.Snapshot(ctx, func(r store.Record) error {
		if !strings.HasPrefix(r.Key, "gateway/") && !strings.HasPrefix(r.Key, "lease/") {
			fmt.Fprintf(h, "%q %q\n", r.Key, r.Value)
		}
		return nil
	})
	return [sha256.Size]byte(h.Sum(nil)), err
}
