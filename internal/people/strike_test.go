package people

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// traces returns the keys of the records that have one of the words in them.
func traces(t *testing.T, s store.Store, words ...string) (found []string) {
	t.Helper()
	err := s.Snapshot(t.Context(), func(r store.Record) error {
		for _, w := range words {
			if strings.Contains(strings.ToLower(r.Key+" "+string(r.Value)), strings.ToLower(w)) {
				found = append(found, r.Key)
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestStrikeAndRemove(t *testing.T) {
	s := memstore.New(time.Now)
	d := New(s, time.Now)
	alice := identity.Person{ID: "t.alice", Email: "alice@contoso.example", Mailbox: "alice@contoso.example", Name: "Alice Chan", CardNumber: "4711"}
	bob := identity.Person{ID: "t.bob", Mailbox: "bob@contoso.example", CardNumber: "4711"}
	for _, p := range []identity.Person{alice, bob} {
		if err := d.SignedIn(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	e, err := d.Get(t.Context(), alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	struck, err := d.Strike(t.Context(), e, "operator")
	if err != nil {
		t.Fatal(err)
	}
	// The id is left, for who goes on.
	if left := traces(t, s, "alice", " chan"); len(left) != 1 || left[0] != "person/t.alice" {
		t.Errorf("struck off, but %v", left)
	}
	if left := traces(t, s, "alice@", " chan"); left != nil {
		t.Errorf("struck off, but %v", left)
	}
	for _, who := range []string{alice.ID, alice.Mailbox} {
		if _, err := d.Find(t.Context(), who); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s is found: %v", who, err)
		}
	}
	if _, err := d.Stands(t.Context(), alice.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("stands: %v", err)
	}
	if found, err := d.ByCard(t.Context(), "4711"); err != nil || len(found) != 1 || found[0].ID != bob.ID {
		t.Errorf("by card: %v, %v; want the other holder alone", ids(found), err)
	}
	if again, err := d.StruckOff(t.Context(), alice.ID); err != nil || again != struck {
		t.Errorf("StruckOff = %+v, %v; want %+v", again, err, struck)
	}
	if _, err := d.StruckOff(t.Context(), bob.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("bob is struck off: %v", err)
	}
	if _, err := s.Commit(t.Context(), struck.Stands()); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := d.Remove(t.Context(), struck); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, s, "alice"); left != nil {
		t.Errorf("removed, but %v", left)
	}
}

// Whoever signs in while they are erased is back, as somebody new.
func TestSignInOfTheStruck(t *testing.T) {
	s, at := memstore.New(time.Now), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	d := New(s, func() time.Time { return at })
	alice := identity.Person{ID: "t.alice", Mailbox: "alice@contoso.example"}
	enter := func() Entry {
		t.Helper()
		if err := d.SignedIn(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		e, err := d.Get(t.Context(), alice.ID)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	old := enter()
	at = at.Add(time.Hour)
	e := enter()
	if _, err := d.Strike(t.Context(), old, "x"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("struck off though they were seen meanwhile: %v", err)
	}
	struck, err := d.Strike(t.Context(), e, "x")
	if err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Hour)
	if back := enter(); !back.FirstSeen.Equal(at) {
		t.Errorf("first seen %s, want %s", back.FirstSeen, at)
	}
	if err := d.Remove(t.Context(), struck); !errors.Is(err, store.ErrConflict) {
		t.Errorf("removed: %v", err)
	}
	if _, err := s.Commit(t.Context(), struck.Stands()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("still struck off: %v", err)
	}
	if e, err := d.Find(t.Context(), "alice@contoso.example"); err != nil || e.ID != alice.ID {
		t.Errorf("%s, %v", e.ID, err)
	}
}

func TestPins(t *testing.T) {
	d := New(memstore.New(time.Now), time.Now)
	pin := func(address, id, want string) {
		t.Helper()
		if holder, fresh, err := d.Pin(t.Context(), address, id); err != nil || holder != want || fresh != (id == want) {
			t.Errorf("%s for %s: %s, %v, %v; want %s", address, id, holder, fresh, err, want)
		}
	}
	pin("contoso/alice@contoso.example", "t.alice", "t.alice")
	pin("contoso/alice@contoso.example", "t.heir", "t.alice")
	pin("contoso/bob@contoso.example", "t.bob", "t.bob")
	all, err := d.Pins(t.Context())
	if err != nil || len(all) != 2 || all[0].Address != "contoso/alice@contoso.example" || all[0].Holder != "t.alice" {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := d.Unpin(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	pin("contoso/alice@contoso.example", "t.heir", "t.heir")
	if err := d.Unpin(t.Context(), all[0]); !errors.Is(err, store.ErrConflict) {
		t.Errorf("somebody else's pin was taken away: %v", err)
	}
}

// Of two people that are one only the new id is left, known for as long as the old one was.
func TestMerge(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	s := memstore.New(time.Now)
	d := New(s, func() time.Time { return at })
	old := identity.Person{ID: "t.old", Mailbox: "Alice@contoso.example", CardNumber: "4711"}
	into := identity.Person{ID: "t.new", Mailbox: "alice@contoso.example", Name: "Alice Chan"}
	enter := func(p identity.Person) Entry {
		t.Helper()
		if err := d.SignedIn(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		e, err := d.Get(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
		return e
	}
	a, b := enter(old), enter(into)
	if c := enter(identity.Person{ID: "t.bob", Mailbox: "bob@contoso.example", CardNumber: "4712"}); !a.Alike(b) || a.Alike(c) || b.Alike(c) || (Entry{}).Alike(Entry{}) {
		t.Error("Alike goes by something else than address and card")
	}
	if b = enter(into); !b.FirstSeen.After(a.FirstSeen) {
		t.Fatal("the new one was not seen later")
	}
	if _, err := d.Merge(t.Context(), a, Entry{Person: into}, "operator"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("into somebody who has changed: %v", err)
	}
	from, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	struck, err := d.Merge(t.Context(), a, b, "operator")
	if err != nil || struck.Into != into.ID {
		t.Fatalf("%+v, %v", struck, err)
	}
	if heard, err := s.Follow(t.Context(), from, 9); err != nil || len(heard) != 2 {
		t.Errorf("announced: %v, %v; want both", heard, err)
	}
	if again, err := d.StruckOff(t.Context(), old.ID); err != nil || again != struck {
		t.Errorf("StruckOff = %+v, %v; want %+v", again, err, struck)
	}
	e, err := d.Find(t.Context(), "alice@contoso.example")
	if err != nil || e.ID != into.ID || !e.FirstSeen.Equal(a.FirstSeen) || !e.LastSeen.Equal(b.LastSeen) || !e.ChangedAt.Equal(at) {
		t.Errorf("found: %+v, %v", e, err)
	}
	if found, err := d.ByCard(t.Context(), "4711"); err != nil || len(found) != 0 {
		t.Errorf("the old card finds %v, %v", ids(found), err)
	}
	if err := d.Remove(t.Context(), struck); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, s, old.ID); left != nil {
		t.Errorf("left: %v", left)
	}
}
