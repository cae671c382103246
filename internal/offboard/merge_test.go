package offboard

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
)

// back has somebody come back with another user id.
func (w *world) back(name string, change func(*identity.Person)) identity.Person {
	w.t.Helper()
	p := person(name)
	p.ID += "-anew"
	if change != nil {
		change(&p)
	}
	w.must(w.cfg.People.SignedIn(w.t.Context(), p))
	w.must(w.cfg.Grants.Save(w.t.Context(), p.ID, "contoso", tokens(name+"-anew"), "connected"))
	return p
}

// closes has somebody's account closed, which Microsoft has said.
func (w *world) closes(p identity.Person) {
	w.t.Helper()
	w.must(w.cfg.Grants.Save(w.t.Context(), p.ID, "contoso", entra.Tokens{Access: "access-old", Expires: w.now()}, "needs_sign_in"))
}

// bookings are those that somebody is the organizer of.
func (w *world) bookings(id string) (n int) {
	w.t.Helper()
	found, _, err := w.cfg.Bookings.Overview(w.t.Context(), booking.Overview{PersonID: id, Limit: 50})
	w.must(err)
	return len(found)
}

// Of who has come back with another id, the bookings are theirs again; all else of the old
// id goes, its connection above all.
func TestMergeMovesBookings(t *testing.T) {
	w := newWorld(t)
	bob, carol := w.settle("bob"), w.settle("carol")
	others := w.records(carol)
	w.closes(bob)
	anew := w.back("bob", nil)
	access, err := w.store.Get(t.Context(), "grant/"+anew.ID)
	w.must(err)

	done, err := w.Merge(t.Context(), bob.ID, anew.ID, ByOperator, false)
	if err != nil || done.Sessions != 1 || done.Bookings != 2 || done.Pins != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if n := w.bookings(anew.ID); n != 2 {
		t.Errorf("%d bookings of the new id, want 2", n)
	}
	// Not a record leads to the old id any more.
	w.must(w.store.Snapshot(t.Context(), func(r store.Record) error {
		if text := r.Key + " " + string(r.Value) + " "; strings.Contains(strings.ReplaceAll(text, anew.ID, ""), bob.ID) {
			t.Errorf("left of the old id: %s", r.Key)
		}
		return nil
	}))
	if now, err := w.store.Get(t.Context(), "grant/"+anew.ID); err != nil || now.Version != access.Version {
		t.Errorf("the connection of the new id was touched: %v", err)
	}
	if pins, err := w.cfg.People.Pins(t.Context()); err != nil || slices.ContainsFunc(pins, func(p people.Pin) bool { return p.Holder == anew.ID }) {
		t.Errorf("the new id has become an admin: %v, %v", pins, err)
	}
	if after := w.records(carol); !slices.Equal(after, others) {
		t.Errorf("of somebody else: %v, before: %v", after, others)
	}
	if line := w.log.String(); !strings.Contains(line, `msg="user merged" user=tid.bob by=operator into=tid.bob-anew sessions=1 bookings=2`) || strings.Contains(line, "bob@") {
		t.Errorf("the audit log: %s", line)
	}
	if _, err := w.Merge(t.Context(), bob.ID, anew.ID, ByOperator, false); !errors.Is(err, people.ErrUnknown) {
		t.Errorf("again: %v, want ErrUnknown", err)
	}
}

// Two people who may not be one are not made one.
func TestMergeIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*identity.Person)
		before func(w *world, old, into string)
		want   string
		force  bool // helps
	}{
		"nothing in common": {
			change: func(p *identity.Person) { p.Mailbox, p.CardNumber = "robert@contoso.example", "" },
			want:   "neither an address nor a card number", force: true,
		},
		"the account may live": {
			before: func(w *world, old, _ string) {
				w.must(w.cfg.Grants.Save(w.t.Context(), old, "contoso", tokens("bob"), "connected"))
			},
			want: "can't be found out now", force: true,
		},
		"disconnected": {
			before: func(w *world, old, _ string) {
				_, err := w.Disconnect(w.t.Context(), old, ByThemselves)
				w.must(err)
			},
			want: "is not connected", force: true,
		},
		"another integration": {change: func(p *identity.Person) { p.Integration = "fabrikam" }, want: "different integrations"},
		"a room's account": {
			before: func(w *world, old, _ string) {
				w.must(w.cfg.Rooms.Connect(w.t.Context(), "contoso", "boardroom", rooms.Account{PersonID: old}, tokens("room")))
			},
			want: "stands for the rooms boardroom",
		},
		"being erased": {
			before: func(w *world, old, _ string) {
				e, err := w.cfg.People.Get(w.t.Context(), old)
				w.must(err)
				_, err = w.cfg.People.Strike(w.t.Context(), e, ByOperator)
				w.must(err)
			},
			want: "is being erased",
		},
		"the other one is unknown": {before: func(w *world, _, into string) { _, err := w.Erase(w.t.Context(), into, ByOperator); w.must(err) }, want: "has signed in yet"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, force := range []bool{false, true} {
				w := newWorld(t)
				bob := w.settle("bob")
				w.closes(bob)
				anew := w.back("bob", tt.change)
				if tt.before != nil {
					tt.before(w, bob.ID, anew.ID)
				}
				_, err := w.Merge(t.Context(), bob.ID, anew.ID, ByOperator, force)
				if force && tt.force {
					if err != nil || w.bookings(anew.ID) != 2 || w.there(bob.ID) {
						t.Errorf("forced: %v, %d bookings", err, w.bookings(anew.ID))
					}
					continue
				}
				var refused *NotMergedError
				if err == nil || !strings.Contains(err.Error(), tt.want) || errors.As(err, &refused) && refused.Force != tt.force {
					t.Errorf("force %t: %v, want %q", force, err, tt.want)
				}
				if w.bookings(anew.ID) != 0 {
					t.Error("bookings have moved")
				}
			}
		})
	}
	w := newWorld(t)
	bob := w.settle("bob")
	if _, err := w.Merge(t.Context(), bob.ID, bob.ID, ByOperator, true); err == nil || !w.there(bob.ID) {
		t.Errorf("with themselves: %v", err)
	}
}

// Who has come back twice has all that they have booked, also where the first merge broke off
// and the second one came before it was ended.
func TestMergeTwice(t *testing.T) {
	w := newWorld(t)
	bob := w.settle("bob")
	w.closes(bob)
	anew := w.back("bob", nil)
	commits := 0
	w.store.before = func([]store.Write) error {
		if commits++; commits > 1 { // bob is struck off, and no more
			return errBroken
		}
		return nil
	}
	if _, err := w.Merge(t.Context(), bob.ID, anew.ID, ByOperator, false); !errors.Is(err, errBroken) {
		t.Fatalf("the first: %v", err)
	}
	w.store.before = nil
	w.closes(anew)
	again := w.back("bob", func(p *identity.Person) { p.ID += "-again" })
	if _, err := w.Merge(t.Context(), anew.ID, again.ID, ByOperator, false); err != nil {
		t.Fatalf("the second: %v", err)
	}
	w.must(w.look(t.Context()))
	if n := w.bookings(again.ID); n != 2 || w.there(bob.ID) || w.there(anew.ID) {
		t.Errorf("%d bookings of the last id, want 2", n)
	}
}

// Wherever a merge breaks off, the walk ends it, and so does another try; no booking is lost.
func TestMergeBrokenOff(t *testing.T) {
	for _, ended := range []string{"by the walk", "by another try"} {
		t.Run(ended, func(t *testing.T) {
			whole := false
			for n := 1; !whole; n++ {
				w := newWorld(t)
				bob := w.settle("bob")
				w.closes(bob)
				anew := w.back("bob", nil)
				commits := 0
				w.store.before = func([]store.Write) error {
					if commits++; commits >= n {
						return errBroken
					}
					return nil
				}
				_, err := w.Merge(t.Context(), bob.ID, anew.ID, ByOperator, false)
				if whole = err == nil; !whole && !errors.Is(err, errBroken) {
					t.Fatalf("commit %d: %v", n, err)
				}
				w.store.before = nil
				if ended == "by the walk" && n > 1 {
					w.must(w.look(t.Context()))
				} else if _, err := w.Merge(t.Context(), bob.ID, anew.ID, ByOperator, false); err != nil && !errors.Is(err, people.ErrUnknown) {
					t.Fatalf("commit %d: %v", n, err)
				}
				if found := w.bookings(anew.ID); w.there(bob.ID) || found != 2 {
					t.Errorf("commit %d: %d bookings of the new id, want 2", n, found)
				}
				if n > 30 {
					t.Fatal("it never ends")
				}
			}
		})
	}
}
