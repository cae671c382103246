package people

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// Whoever follows the store hears of everybody who comes, changes or goes, and of
// nobody else.
func TestChangesAreAnnounced(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	s := memstore.New(time.Now)
	d := New(s, func() time.Time { return at })
	alice := identity.Person{ID: "t.alice", Mailbox: "alice@contoso.example", Name: "Alice", Groups: []string{}}
	moved := alice
	moved.CardNumber = "1001"
	signIn := func(p identity.Person) func() error {
		return func() error { return d.SignedIn(t.Context(), p) }
	}
	for _, step := range []struct {
		name   string
		do     func() error
		told   bool
		change bool // of when they have changed
	}{
		{"the first sign-in", signIn(alice), true, true},
		{"the same again", signIn(alice), false, false},
		{"a new card", signIn(moved), true, true},
		{"the same card", signIn(moved), false, false},
		{"seen", func() error {
			e, err := d.Get(t.Context(), alice.ID)
			if err != nil {
				return err
			}
			return d.SeenAt(t.Context(), e, at.Add(48*time.Hour))
		}, false, false},
		{"struck off", func() error {
			e, err := d.Get(t.Context(), alice.ID)
			if err != nil {
				return err
			}
			_, err = d.Strike(t.Context(), e, "operator")
			return err
		}, true, false},
		{"back again", signIn(moved), true, true},
	} {
		at = at.Add(time.Hour)
		before, _ := d.Get(t.Context(), alice.ID)
		from, err := s.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		heard, err := s.Follow(t.Context(), from, 10)
		if err != nil {
			t.Fatal(err)
		}
		told := len(heard) == 1 && heard[0].Topic == Topic && string(heard[0].Value) == alice.ID
		if told != step.told || len(heard) > 1 {
			t.Errorf("%s: heard %v, want one: %v", step.name, heard, step.told)
		}
		e, err := d.Get(t.Context(), alice.ID)
		if err == nil && e.ChangedAt.Equal(at) != step.change || err == nil && !step.change && !e.ChangedAt.Equal(before.ChangedAt) {
			t.Errorf("%s: changed at %s, now is %s", step.name, e.ChangedAt, at)
		}
	}
}
