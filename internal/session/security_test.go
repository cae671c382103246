package session

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// X11: a session's id is 256 random bits.
func TestX11SessionIDsAreRandom(t *testing.T) {
	const n = 1000
	var ones [idBytes * 8]int
	seen := map[string]bool{}
	for range n {
		cookie, _ := newCookie()
		id, err := base64.RawURLEncoding.DecodeString(cookie)
		if err != nil || len(id) != 32 || seen[cookie] {
			t.Fatalf("%q: %v, or there before", cookie, err)
		}
		seen[cookie] = true
		for i := range ones {
			ones[i] += int(id[i/8] >> (i % 8) & 1)
		}
	}
	for i, got := range ones { // 8 standard deviations: once in 10^15
		if got < n/2-127 || got > n/2+127 {
			t.Errorf("bit %d is set in %d of %d ids", i, got, n)
		}
	}
}

// X5: a use of a session that was ended elsewhere meanwhile brings no record of it back.
func TestX5AUseRevivesNothing(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := New(s, c.now, slog.New(slog.DiscardHandler), func() time.Duration { return 0 })
	cookie := mustStart(t, r)
	used, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newRegistry(t, s, c.now)
	ended, err := elsewhere.Lookup(t.Context(), cookie)
	if err == nil {
		err = elsewhere.End(t.Context(), ended)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.advance(life.Idle / 2)
	if _, err := r.Lookup(t.Context(), cookie); err != nil {
		t.Fatal(err) // it has not heard of the end yet
	}
	r.Close() // writes what it was told
	if rec, err := s.Get(t.Context(), used.key.storeKey()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record is there again: %+v, %v", rec, err)
	}
}
