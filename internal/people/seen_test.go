package people

import (
	"context"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// counting counts commits.
type counting struct {
	store.Store
	commits int
}

func (c *counting) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	c.commits++
	return c.Store.Commit(ctx, writes...)
}

func TestSeenOnceADay(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	s := &counting{Store: memstore.New(time.Now)}
	d := New(s, func() time.Time { return at })
	alice := identity.Person{ID: "t.alice", Mailbox: "alice@contoso.example", Name: "Alice"}
	if err := d.SignedIn(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	first := at
	for _, tt := range []struct {
		name  string
		after time.Duration
		noted bool
	}{
		{"right after the sign-in", time.Minute, false},
		{"the day after", 24 * time.Hour, true},
		{"an hour later", time.Hour, false},
		{"months later", 100 * 24 * time.Hour, true},
		{"by another gateway's clock, a little behind", -time.Minute, false},
		{"after a wrong clock was put right", -50 * 24 * time.Hour, true},
	} {
		at = at.Add(tt.after)
		e, err := d.Get(t.Context(), "t.alice")
		if err != nil {
			t.Fatal(err)
		}
		before := s.commits
		if err := d.Seen(t.Context(), e); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		now, err := d.Get(t.Context(), "t.alice")
		if err != nil {
			t.Fatal(err)
		}
		if noted := s.commits > before; noted != tt.noted || tt.noted != now.LastSeen.Equal(at) {
			t.Errorf("%s: noted %v as %s, want %v", tt.name, noted, now.LastSeen, tt.noted)
		}
		if !now.FirstSeen.Equal(first) || now.Name != "Alice" {
			t.Errorf("%s: %+v", tt.name, now)
		}
	}
}

// Who is gone, or has signed in again, meanwhile, is not written over.
func TestSeenTooLate(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	d := New(memstore.New(time.Now), func() time.Time { return at })
	alice := identity.Person{ID: "t.alice", Name: "Alice"}
	if err := d.SignedIn(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	found, err := d.Get(t.Context(), "t.alice")
	if err != nil {
		t.Fatal(err)
	}
	at = at.Add(48 * time.Hour)
	alice.Name = "Alice Chan"
	if err := d.SignedIn(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if err := d.Seen(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	now, err := d.Get(t.Context(), "t.alice")
	if err != nil || now.Name != "Alice Chan" {
		t.Fatalf("%+v, %v", now, err)
	}
	at = at.Add(48 * time.Hour)
	struck, err := d.Strike(t.Context(), now, "operator")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Seen(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if e, err := d.Get(t.Context(), "t.alice"); err == nil {
			t.Fatalf("seen again after being struck off: %+v", e)
		}
		_ = d.Remove(t.Context(), struck)
	}
}
