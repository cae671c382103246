package people

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

func TestFind(t *testing.T) {
	d := New(memstore.New(time.Now), time.Now)
	for _, p := range []identity.Person{
		{ID: "t.alice", Mailbox: "alice@contoso.example", CardNumber: "1"},
		{ID: "t.bob", Mailbox: "bob@contoso.example", CardNumber: "2"},
		{ID: "t.twin", Mailbox: "bob@contoso.example", CardNumber: "2"},
		{ID: "u@issuer.example", Mailbox: "u@contoso.example"}, // an issuer that is not Microsoft
	} {
		if err := d.SignedIn(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	for who, want := range map[string]string{
		"t.alice": "t.alice", " Alice@CONTOSO.example ": "t.alice", "card:1": "t.alice", "t.bob": "t.bob",
		"u@issuer.example": "u@issuer.example", "u@contoso.example": "u@issuer.example",
	} {
		if e, err := d.Find(t.Context(), who); err != nil || e.ID != want {
			t.Errorf("%q: %s, %v; want %s", who, e.ID, err, want)
		}
	}
	for _, who := range []string{"bob@contoso.example", "card:2"} {
		_, err := d.Find(t.Context(), who)
		if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), "t.bob, t.twin") {
			t.Errorf("%q: %v, want both ids", who, err)
		}
	}
	for _, who := range []string{"", " ", "t.carol", "carol@contoso.example", "card:", "card:3", "1", strings.Repeat("x", maxWho+1)} {
		if _, err := d.Find(t.Context(), who); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v, want ErrUnknown", who, err)
		}
	}
}

func TestAfter(t *testing.T) {
	d := New(memstore.New(time.Now), time.Now)
	for _, id := range []string{"t.a", "t.b", "t.b/1", "t.c"} {
		if err := d.SignedIn(t.Context(), identity.Person{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	e, err := d.Get(t.Context(), "t.b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Strike(t.Context(), e, "somebody"); err != nil {
		t.Fatal(err)
	}
	var told []string
	for after, first := "", true; first || after != ""; first = false {
		found, struck, more, err := d.After(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%v %d %s", ids(found), len(struck), more))
		after = more
	}
	if got, want := strings.Join(told, "; "), "[t.a] 1 t.b; [t.b/1 t.c] 0 t.c; [] 0 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
