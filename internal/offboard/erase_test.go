package offboard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

// An erasure leaves no trace, and nothing of others is touched.
func TestEraseLeavesNoTrace(t *testing.T) {
	w := newWorld(t)
	bob, carol := w.settle("bob"), w.settle("carol")
	if n := len(w.records(bob)); n < 20 {
		t.Fatalf("%d records of bob before: %v", n, w.records(bob))
	}
	others := w.records(carol)
	done, err := w.Erase(t.Context(), bob.ID, ByOperator)
	if err != nil || done.Sessions != 1 || done.Bookings != 2 || done.Pins != 1 || done.Pinned != nil || done.Rooms != nil {
		t.Errorf("%+v, %v", done, err)
	}
	w.wantsNothingLeft(bob)
	if after := w.records(carol); !slices.Equal(after, others) {
		t.Errorf("of somebody else: %v, before: %v", after, others)
	}
	all, err := w.cfg.Rooms.All(t.Context())
	if err != nil || len(all) != 2 || all[0].ConnectedBy != "" || all[1].ConnectedBy != carol.ID || all[0].PersonID != "tid.service" {
		t.Errorf("rooms: %+v, %v", all, err)
	}
	if c, err := w.cfg.Grants.Connection(t.Context(), bob.ID); err != nil || c.State() != grant.NeedsSignIn {
		t.Errorf("the connection: %v, %v", c.State(), err)
	}
	line := w.log.String()
	if !strings.Contains(line, `msg="user erased" user=tid.bob by=operator sessions=1 bookings=2`) || strings.Contains(line, "bob@") || strings.Contains(line, bob.Name) {
		t.Errorf("the audit log: %s", line)
	}
	if _, err := w.Erase(t.Context(), bob.ID, ByOperator); !errors.Is(err, people.ErrUnknown) {
		t.Errorf("again: %v, want ErrUnknown", err)
	}
}

// Wherever an erasure breaks off, the walk ends it, and so does another try.
func TestEraseBrokenOff(t *testing.T) {
	for _, how := range []string{"before", "after"} {
		for _, ended := range []string{"by the walk", "by another try"} {
			t.Run(how+" a commit, ended "+ended, func(t *testing.T) {
				whole := false
				for n := 1; !whole; n++ {
					w := newWorld(t)
					bob := w.settle("bob")
					commits := 0
					fail := func([]store.Write) error {
						if commits++; commits >= n { // it is away for good
							return errBroken
						}
						return nil
					}
					if how == "before" {
						w.store.before = fail
					} else {
						w.store.after = fail
					}
					_, err := w.Erase(t.Context(), bob.ID, ByOperator)
					if whole = err == nil; !whole && !errors.Is(err, errBroken) {
						t.Fatalf("commit %d: %v", n, err)
					}
					w.store.before, w.store.after = nil, nil
					if how == "before" && n == 1 { // nothing has happened
						if !w.there(bob.ID) {
							t.Error("gone without a commit")
						}
						continue
					}
					if w.there(bob.ID) {
						t.Errorf("commit %d: still found", n)
					}
					if ended == "by the walk" {
						w.must(w.look(t.Context()))
					} else if _, err := w.Erase(t.Context(), bob.ID, ByOperator); err != nil && !errors.Is(err, people.ErrUnknown) {
						t.Fatalf("commit %d: %v", n, err)
					}
					w.wantsNothingLeft(bob)
					if n := strings.Count(w.log.String(), `msg="user erased" user=tid.bob by=operator`); n != 1 && n != 2 {
						t.Errorf("commit %d: the audit log has it %d times", commits, n)
					}
					if n > 30 {
						t.Fatal("it never ends")
					}
				}
			})
		}
	}
}

// An address that the configuration names stays with its owner: else whoever gets it
// next would be an admin. Later it goes.
func TestErasedAdminStaysPinned(t *testing.T) {
	w := newWorld(t)
	alice := w.settle("alice")
	const pin = "admin/contoso/alice@contoso.example"
	done, err := w.Erase(t.Context(), alice.ID, ByOperator)
	if err != nil || fmt.Sprint(done.Pinned) != "[contoso/alice@contoso.example]" || done.Pins != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	w.wantsNothingLeft(alice, pin)
	if holder, _, err := w.cfg.People.Pin(t.Context(), "contoso/alice@contoso.example", "tid.heir"); err != nil || holder != alice.ID {
		t.Errorf("the address is %s's, %v", holder, err)
	}
	bob := w.settle("bob") // whose address nobody names, but who is there
	walks := func() {
		t.Helper()
		w.pass(day)
		w.must(w.look(t.Context()))
	}
	walks()
	walks()
	w.wantsNothingLeft(alice, pin)
	if left := w.records(alice); len(left) != 1 {
		t.Errorf("after walks, the address is nobody's: %v", left)
	}
	w.rules.NamesAdmin = func(string) bool { return false }
	walks()
	w.wantsNothingLeft(alice)
	if pins, err := w.cfg.People.Pins(t.Context()); err != nil || len(pins) != 1 || pins[0].Holder != bob.ID {
		t.Errorf("pins: %+v, %v", pins, err)
	}
}

// Nobody's erasure disconnects a room that is configured.
func TestEraseOfARoomsAccount(t *testing.T) {
	w := newWorld(t)
	bob := w.settle("bob")
	for _, room := range []string{"boardroom", "cellar"} {
		w.must(w.cfg.Rooms.Connect(t.Context(), "contoso", room, rooms.Account{PersonID: bob.ID, Mailbox: bob.Mailbox}, tokens("room")))
	}
	before := w.records(bob)
	_, err := w.Erase(t.Context(), bob.ID, ByOperator)
	var refused *StandsForError
	if !errors.As(err, &refused) || fmt.Sprint(refused.Rooms) != "[boardroom]" || !slices.Equal(w.records(bob), before) {
		t.Errorf("%v, want a refusal for the boardroom, and nothing touched", err)
	}
	if _, err := w.cfg.Rooms.Disconnect(t.Context(), "contoso", "boardroom"); err != nil {
		t.Fatal(err)
	}
	done, err := w.Erase(t.Context(), bob.ID, ByOperator)
	if err != nil || fmt.Sprint(done.Rooms) != "[cellar]" {
		t.Errorf("%+v, %v", done, err)
	}
	w.wantsNothingLeft(bob)
	if c, err := w.cfg.Grants.Connection(t.Context(), rooms.GrantOwner("contoso", "cellar")); err != nil || c.State() != grant.NeedsSignIn {
		t.Errorf("the room's grant: %v, %v", c.State(), err)
	}
}

// Whoever signs in while an operator has them erased is erased with that; whoever does
// while they are forgotten is not.
func TestSignInWhileErased(t *testing.T) {
	for name, key := range map[string]string{
		"before the grant goes": "grant/tid.bob", "before a booking goes": "booking/", "before the id goes": "person/tid.bob",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bob := w.settle("bob")
			back := false
			w.store.before = func(writes []store.Write) error {
				if !back && slices.ContainsFunc(writes, func(wr store.Write) bool { return strings.HasPrefix(wr.Key, key) && wr.Op == store.Delete }) {
					back = true
					w.enter("bob")
					w.must(w.cfg.Grants.Save(t.Context(), bob.ID, "contoso", tokens("new"), grant.Connected))
				}
				return nil
			}
			if _, err := w.Erase(t.Context(), bob.ID, ByOperator); err != nil || !back {
				t.Fatalf("%v; signed in meanwhile: %v", err, back)
			}
			w.wantsNothingLeft(bob)

			back = true
			carol := w.settle("carol")
			w.must(w.look(t.Context()))
			for range 2 {
				w.pass(stride)
				w.must(w.look(t.Context()))
			}
			key = strings.ReplaceAll(key, "bob", "carol")
			back = false
			w.store.before = func(writes []store.Write) error {
				if !back && slices.ContainsFunc(writes, func(wr store.Write) bool { return strings.HasPrefix(wr.Key, key) && wr.Op == store.Delete }) {
					back = true
					w.enter("carol")
					w.must(w.cfg.Grants.Save(t.Context(), carol.ID, "contoso", tokens("new"), grant.Connected))
				}
				return nil
			}
			for range 60 {
				w.pass(stride)
				w.must(w.look(t.Context()))
			}
			if c, err := w.cfg.Grants.Connection(t.Context(), carol.ID); !back || !w.there(carol.ID) || err != nil || name == "before the grant goes" && c.State() != grant.Connected {
				t.Errorf("carol is gone, or her new grant: %v, %v; signed in meanwhile: %v", c.State(), err, back)
			}
		})
	}
}

// What somebody books who is back while the walk forgets them stays: they were told so.
func TestBookingOfSomebodyWhoIsBack(t *testing.T) {
	for _, key := range []string{"booking/", "room-account/"} {
		w := newWorld(t)
		carol := w.settle("carol")
		var made booking.Booking
		w.store.before = func(writes []store.Write) error {
			if made.ID != "" || !slices.ContainsFunc(writes, func(wr store.Write) bool {
				return strings.HasPrefix(wr.Key, key) && !w.there(carol.ID)
			}) {
				return nil
			}
			made.ID = "being made"
			w.enter("carol")
			w.must(w.cfg.Grants.Save(t.Context(), carol.ID, "contoso", tokens("new"), grant.Connected))
			var err error
			made, _, err = w.cfg.Bookings.Create(t.Context(), booking.Caller{Person: &carol}, booking.Request{
				Room: "boardroom", Subject: "New", Start: w.now().Add(time.Hour).Format(time.RFC3339), End: w.now().Add(2 * time.Hour).Format(time.RFC3339),
			}, "")
			w.must(err)
			return err
		}
		for range 60 {
			w.pass(stride)
			w.must(w.look(t.Context()))
		}
		if made.ID == "" || !slices.Contains(w.records(carol), "booking/"+made.ID) {
			t.Errorf("%s: the booking %s is gone", key, made.ID)
		}
	}
}

func TestDisconnect(t *testing.T) {
	w := newWorld(t)
	bob := w.settle("bob")
	bookings := func() (n int) {
		for _, key := range w.records(bob) {
			if strings.HasPrefix(key, "booking/") {
				n++
			}
		}
		return n
	}
	before := bookings()
	if n, err := w.Disconnect(t.Context(), bob.ID, ByOperator); err != nil || n != 1 {
		t.Errorf("%d sessions ended, %v; want 1", n, err)
	}
	if c, err := w.cfg.Grants.Connection(t.Context(), bob.ID); err != nil || c.State() != grant.NeedsSignIn {
		t.Errorf("the connection: %v, %v", c.State(), err)
	}
	if alive, err := w.cfg.Sessions.Of(t.Context(), bob.ID); err != nil || len(alive) != 0 {
		t.Errorf("sessions: %v, %v", alive, err)
	}
	if !w.there(bob.ID) || bookings() != before {
		t.Error("somebody who was disconnected is still known, and so are their bookings")
	}
	if !strings.Contains(w.log.String(), "msg=disconnected user=tid.bob by=operator") {
		t.Errorf("the audit log: %s", w.log.String())
	}
	// With the session still there, the grant is gone all the same.
	_, _, err := w.cfg.Sessions.Start(t.Context(), session.Opening{Person: &bob, Life: session.Life{Idle: day, Max: day}})
	w.must(err)
	w.must(w.cfg.Grants.Save(t.Context(), bob.ID, "contoso", tokens("bob"), grant.Connected))
	w.store.before = func(writes []store.Write) error {
		if strings.HasPrefix(writes[0].Key, "session/") {
			return errBroken
		}
		return nil
	}
	if _, err := w.Disconnect(t.Context(), bob.ID, ByThemselves); !errors.Is(err, errBroken) {
		t.Errorf("%v, want the store's error", err)
	}
	if c, err := w.cfg.Grants.Connection(t.Context(), bob.ID); err != nil || c.State() != grant.NeedsSignIn {
		t.Errorf("the connection: %v, %v", c.State(), err)
	}
}
