package exchange

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := idParts{immutable: rapid.Bool().Draw(t, "immutable"), day: Day(rapid.Int32().Draw(t, "day"))}
		copy(p.mailbox[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "mailbox"))
		copy(p.key[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"))
		if !p.immutable {
			p.moves = rapid.Uint32().Draw(t, "moves")
		}
		id := p.String()
		if len(id) != 152 || strings.ContainsAny(id, "+/") {
			t.Fatalf("%q", id)
		}
		if got, ok := parseID(id); !ok || got != p {
			t.Fatalf("%v is read as %v, %v", p, got, ok)
		}
		b := []byte(id)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "character")
		b[i] = rapid.ByteRange(b[i]+1, 255).Draw(t, "another one")
		if _, ok := parseID(string(b)); ok {
			t.Fatalf("%q is taken for an id", b)
		}
	})
}

func FuzzParseID(f *testing.F) {
	id := idParts{immutable: true, day: 20000}.String()
	f.Add(id)
	f.Add(idParts{moves: 1}.String())
	f.Add(id[:100] + "\n" + id[100:])
	f.Add(strings.TrimRight(id, "="))
	f.Add(base64.URLEncoding.EncodeToString(make([]byte, idLength)))
	forged := append(append([]byte{}, immutableID...), make([]byte, idBody-len(immutableID))...)
	forged[31] = 1 // an immutable id that counts moves
	f.Add(base64.URLEncoding.EncodeToString(fill(forged)))
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := parseID(text); ok && (p.String() != text || p.immutable && p.moves != 0) {
			t.Errorf("%q is taken for %v", text, p)
		}
	})
}

func TestFindingByID(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob), 3))
	single := o.create(o.event(alice, "12-01 08:00"))
	in := o.on(series, "12-02")
	for _, it := range []Item{series, single, in} {
		for _, immutable := range []bool{true, false} {
			found, err := o.box(alice).Find(it.ID(immutable))
			if err != nil || found.ICalUID() != it.ICalUID() || found.Type() != it.Type() {
				t.Errorf("%s: %v, %v", it.Type(), found, err)
			}
			if _, err := o.box(bob).Find(it.ID(immutable)); err != ErrNotFound {
				t.Errorf("in another mailbox: %v", err)
			}
		}
	}
	stranger, later := idParts{mailbox: mailboxMark(alice)}, series
	later.Master, later.Day = series.Event, DayOf(at("12-09 10:00"))
	ofSingle := Item{single.Event, single.Event, in.Day}
	for name, id := range map[string]string{"unknown": stranger.String(), "no day of the series": later.ID(false), "an occurrence of a single event": ofSingle.ID(true)} {
		if _, err := o.box(alice).Find(id); err != ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", "AAMk", single.ID(false) + "=", strings.ToLower(single.ID(false)), single.ID(false) + "\n"} {
		if _, err := o.box(alice).Find(id); err != ErrMalformedID {
			t.Errorf("%q: %v", id, err)
		}
	}
	o.x.Withdraw(o.box(alice), in, o.now)
	if _, err := o.box(alice).Find(in.ID(false)); err != ErrNotFound {
		t.Errorf("an occurrence that is gone: %v", err)
	}
}

func TestMovingChangesTheOrdinaryIDs(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00"), 3))
	for _, it := range []Item{series, o.on(series, "12-02")} {
		ordinary, immutable := it.ID(false), it.ID(true)
		o.now = o.now.Add(time.Minute)
		o.x.Move(it, o.now)
		if _, err := o.box(alice).Find(ordinary); err != ErrNotFound {
			t.Errorf("%s: the old id finds %v", it.Type(), err)
		}
		for name, id := range map[string]string{"the new": it.ID(false), "the immutable": immutable} {
			if found, err := o.box(alice).Find(id); err != nil || found.Type() != it.Type() {
				t.Errorf("%s: %s id finds %v", it.Type(), name, err)
			}
		}
	}
	removed, _ := o.box(alice).Removed(0)
	if len(removed) != 8 { // twice the master and its three occurrences
		t.Errorf("%d removals, want 8", len(removed))
	}
}
