package people

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ids(entries []Entry) []string {
	var l []string
	for _, e := range entries {
		l = append(l, e.ID)
	}
	return l
}

func TestDirectory(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	d := New(memstore.New(time.Now), func() time.Time { return at })
	ctx := t.Context()
	if _, err := d.Get(ctx, "t.alice"); !errors.Is(err, ErrUnknown) {
		t.Fatalf("before any sign-in: %v", err)
	}
	alice := identity.Person{ID: "t.alice", Email: "Alice@Contoso.example", Mailbox: "Alice@Contoso.example", CardNumber: "47/11", Name: "Alice"}
	if err := d.SignedIn(ctx, alice); err != nil {
		t.Fatal(err)
	}
	first := at
	at = at.Add(time.Hour)
	for name, find := range map[string]func() ([]Entry, error){
		"mail, whatever its case": func() ([]Entry, error) { return d.ByEmail(ctx, "alice@contoso.EXAMPLE") },
		"card with a separator":   func() ([]Entry, error) { return d.ByCard(ctx, "47/11") },
	} {
		if got, err := find(); err != nil || len(got) != 1 || got[0].ID != "t.alice" {
			t.Errorf("by %s: %v %v", name, ids(got), err)
		}
	}
	// A part of an address, or of a card, finds nobody.
	for _, word := range []string{"alice@contoso", "alice", "", "47"} {
		if got, err := d.ByEmail(ctx, word); err != nil || len(got) != 0 {
			t.Errorf("by mail %q: %v %v", word, ids(got), err)
		}
		if got, err := d.ByCard(ctx, word); err != nil || len(got) != 0 {
			t.Errorf("by card %q: %v %v", word, ids(got), err)
		}
	}
	// The address moves on to somebody else; the old holder is no longer found by it.
	alice.Email, alice.Mailbox, alice.CardNumber = "alice.chan@contoso.example", "alice.chan@contoso.example", ""
	if err := d.SignedIn(ctx, alice); err != nil {
		t.Fatal(err)
	}
	if err := d.SignedIn(ctx, identity.Person{ID: "t.other", Mailbox: "alice@contoso.example"}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.ByEmail(ctx, "alice@contoso.example"); err != nil || len(got) != 1 || got[0].ID != "t.other" {
		t.Errorf("the old address finds %v %v", ids(got), err)
	}
	if got, err := d.ByCard(ctx, "47/11"); err != nil || len(got) != 0 {
		t.Errorf("the old card finds %v %v", ids(got), err)
	}
	if e, err := d.Get(ctx, "t.alice"); err != nil || !e.FirstSeen.Equal(first) || !e.LastSeen.Equal(at) || e.Email != "alice.chan@contoso.example" {
		t.Errorf("alice: %+v %v", e, err)
	}
	// An address that only a claim tells finds nobody: it is not verified.
	if err := d.SignedIn(ctx, identity.Person{ID: "t.claims", Email: "boss@contoso.example"}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.ByEmail(ctx, "boss@contoso.example"); err != nil || len(got) != 0 {
		t.Errorf("a claimed address finds %v %v", ids(got), err)
	}
	// Two people with one address are both found, so that nobody picks one of them.
	if err := d.SignedIn(ctx, identity.Person{ID: "t.third", Mailbox: "ALICE@contoso.example"}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.ByEmail(ctx, "alice@contoso.example"); err != nil || len(got) != 2 {
		t.Errorf("a shared address finds %v %v", ids(got), err)
	}
}

func TestSharedCards(t *testing.T) {
	d, ctx := New(memstore.New(time.Now), time.Now), t.Context()
	want := func(want string) {
		t.Helper()
		got, err := d.SharedCards(ctx)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("SharedCards = %v, %v; want %s", got, err, want)
		}
	}
	enter := func(id, card string) {
		t.Helper()
		if err := d.SignedIn(ctx, identity.Person{ID: id, CardNumber: card}); err != nil {
			t.Fatal(err)
		}
	}
	want("[]")
	enter("t.none", "")
	enter("t.a", "1")
	enter("t.b", "11") // begins with another's
	enter("t.c", "1/1")
	want("[]")
	enter("t.a/1", "1") // an id with a slash
	enter("t.d", "ab")
	enter("t.e", "AB")
	want("[[t.a t.a/1] [t.d t.e]]")
	enter("t.d", "2")
	want("[[t.a t.a/1]]")
	// More of them than are looked at at once, on both sides of the seam.
	for n := range cardsAtOnce {
		enter(fmt.Sprintf("t.x%04d", n), "0")
	}
	got, err := d.SharedCards(ctx)
	if err != nil || len(got) != 2 || len(got[0]) != maxMatches || got[0][0] != "t.x0000" || fmt.Sprint(got[1]) != "[t.a t.a/1]" {
		t.Errorf("SharedCards = %v, %v", got, err)
	}
}

// X4: the Kelvin sign is a k in small letters, but an address with it is another one.
func TestX4AddressesOfOtherLettersAreOthers(t *testing.T) {
	d := New(memstore.New(time.Now), time.Now)
	mallory := identity.Person{ID: "t.mallory", Mailbox: "\u212Aim@contoso.example", CardNumber: "\u212A1"}
	if err := d.SignedIn(t.Context(), mallory); err != nil {
		t.Fatal(err)
	}
	if got, err := d.ByEmail(t.Context(), "kim@contoso.example"); err != nil || len(got) != 0 {
		t.Errorf("by kim's address: %v %v", ids(got), err)
	}
	if got, err := d.ByCard(t.Context(), "k1"); err != nil || len(got) != 0 {
		t.Errorf("by kim's card: %v %v", ids(got), err)
	}
	if got, err := d.ByEmail(t.Context(), "\u212AIM@contoso.example"); err != nil || len(got) != 1 {
		t.Errorf("by mallory's: %v %v", ids(got), err)
	}
}
