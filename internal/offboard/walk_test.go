package offboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

// lives lets days pass, with a walk on each.
func (w *world) lives(days int) {
	w.t.Helper()
	for range days {
		w.pass(day)
		w.must(w.look(w.t.Context()))
	}
}

// wants are the people who are in the directory.
func (w *world) wants(why string, names ...string) {
	w.t.Helper()
	found, _, _, err := w.cfg.People.After(w.t.Context(), "", 1000)
	w.must(err)
	var got []string
	for _, e := range found {
		got = append(got, strings.TrimPrefix(e.ID, "tid."))
	}
	slices.Sort(names)
	if !slices.Equal(got, names) {
		w.t.Errorf("%s: %v are there, want %v", why, got, names)
	}
}

func TestForgetsWhoIsNotSeen(t *testing.T) {
	w := newWorld(t)
	bob := w.settle("bob")
	w.enter("carol")
	ctx := t.Context()
	p := person("dora")
	p.Integration = "gone" // it is not configured any more
	w.must(w.cfg.People.SignedIn(ctx, p))
	e := w.enter("erin") // whose account stands for a room
	w.must(w.cfg.Rooms.Connect(ctx, "contoso", "boardroom", rooms.Account{PersonID: e.ID}, tokens("room")))
	f := w.enter("finn") // who has a session
	_, _, err := w.cfg.Sessions.Start(ctx, session.Opening{Person: &f, Life: session.Life{Idle: 370 * day, Max: 1000 * day}})
	w.must(err)
	seen := func(id string) {
		t.Helper()
		e, err := w.cfg.People.Get(ctx, id)
		w.must(err)
		w.must(w.cfg.People.Seen(ctx, e))
	}
	w.lives(99)
	seen("tid.carol")
	w.wants("after 99 days", "bob", "carol", "dora", "erin", "finn")
	w.lives(1)
	w.wants("after 100 days", "carol", "dora", "erin", "finn")
	w.wantsNothingLeft(bob)
	if !strings.Contains(w.log.String(), `msg="user erased" user=tid.bob by=forget_after`) {
		t.Errorf("the audit log: %s", w.log.String())
	}
	w.lives(98)
	w.wants("99 days after carol was seen", "carol", "dora", "erin", "finn")
	w.lives(1)
	w.wants("100 days after carol was seen", "dora", "erin", "finn")
	w.lives(365 - 200)
	w.wants("after a year but a day", "dora", "erin", "finn")
	w.lives(2)
	w.wants("after a year", "erin", "finn")
	w.lives(12) // finn's session ends
	w.wants("without the session", "erin")
	if _, err := w.cfg.Rooms.Disconnect(ctx, "contoso", "boardroom"); err != nil {
		t.Fatal(err)
	}
	w.lives(1)
	w.wants("without the room")
}

// Who uses one session for longer than people are remembered was seen with each page.
func TestOneLongSession(t *testing.T) { synctest.Test(t, oneLongSession) }

func oneLongSession(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("bob")
	w.lives(1)
	cookie, _, err := w.cfg.Sessions.Start(t.Context(), session.Opening{Person: &bob, Life: session.Life{Idle: 30 * day, Max: 400 * day}})
	w.must(err)
	for range 150 {
		_, err := w.cfg.Sessions.Lookup(t.Context(), cookie)
		w.must(err)
		synctest.Wait() // until the store has heard of it
		w.lives(1)
	}
	w.lives(90)
	w.wants("90 days after his last page", "bob")
	w.lives(11)
	w.wants("100 days after his last page")
}

// Whose integration or room is out of the configuration for a while is not forgotten
// for that, however long ago they were seen.
func TestOutOfTheConfigurationForAWhile(t *testing.T) {
	w := newWorld(t)
	configured := true
	w.rules.HasRoom = func(string, string) bool { return configured }
	in := func() {
		configured, w.rules.ForgetAfter["contoso"] = true, 1000*day
	}
	out := func() {
		configured = false
		delete(w.rules.ForgetAfter, "contoso")
	}
	in()
	w.enter("bob")
	erin := person("erin")
	erin.Integration = "fabrikam" // it stays as it is, only her room doesn't
	w.rules.ForgetAfter["fabrikam"] = 100 * day
	w.must(w.cfg.People.SignedIn(t.Context(), erin))
	w.must(w.cfg.Rooms.Connect(t.Context(), "contoso", "boardroom", rooms.Account{PersonID: erin.ID}, tokens("room")))
	w.lives(500)
	for range 2 { // the days before don't count for the second time
		out()
		w.lives(30)
		w.wants("within 30 days", "bob", "erin")
		in()
		w.lives(1)
	}
	out()
	w.lives(31)
	w.wants("after 30 days")
}

// A time that can't be counts as being seen.
func TestOddTimesOfBeingSeen(t *testing.T) {
	w := newWorld(t)
	w.lives(1)
	put := func(name, lastSeen string) {
		t.Helper()
		_, err := w.store.Commit(t.Context(), store.Write{
			Key: "person/tid." + name, Value: []byte(`{"id":"tid.` + name + `","integration":"contoso","last_seen":"` + lastSeen + `"}`),
		})
		w.must(err)
	}
	put("never", "0001-01-01T00:00:00Z")
	put("future", "2099-01-01T00:00:00Z")
	put("old", "2020-01-01T00:00:00Z")
	w.lives(1)
	w.wants("odd times", "future", "never")
}

// A clock that is a year ahead, as NTP would have it, has nobody forgotten, and when it
// is right again all is as before.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 400 * day, "far ahead": 40_000 * day, "back": -400 * day} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var all []string
			for i := range 8 { // so few that no walk holds back
				all = append(all, fmt.Sprintf("p%d", i))
				w.enter(all[i])
			}
			w.lives(30)
			w.pass(jump)
			for range 50 { // restarts and reloads don't make it worse
				w.must(w.look(t.Context()))
			}
			w.wants("right after the jump", all...)
			w.lives(14)
			w.wants("two weeks later", all...)
			w.pass(-jump)
			w.lives(100 - 30 - 14 - 1)
			w.wants("until they are due", all...)
			if jump < 0 { // the calendar comes back slowly
				w.lives(170)
				w.wants("until they are due by the calendar", all...)
				w.lives(5)
			}
			w.lives(2)
			w.wants("when they are due")
		})
	}
}

// A machine without a clock of its own begins in 1970, until NTP tells it better. Who is
// seen by it then isn't taken for somebody who was not seen for long.
func TestClockBeginsIn1970(t *testing.T) {
	w := newWorld(t)
	w.enter("bob")
	w.lives(30)
	now := w.now()
	w.clock.Store(int64(time.Minute))
	e, err := w.cfg.People.Get(t.Context(), "tid.bob")
	w.must(err)
	w.must(w.cfg.People.Seen(t.Context(), e))
	w.clock.Store(now.UnixNano())
	w.lives(100 - 30 - 1)
	w.wants("until he is due", "bob")
	w.lives(1)
	w.wants("when he is due")
}

// The first walk on a store has nobody forgotten either, whatever the clock says.
func TestFirstWalkByAWrongClock(t *testing.T) {
	w := newWorld(t)
	w.enter("bob")
	w.pass(400 * day)
	w.lives(30)
	w.wants("30 days after", "bob")
	w.lives(30) // its calendar has made 2 days a day
	w.wants("60 days after")
}

// A crowd is forgotten by a second walk only, which whoever reads the log can prevent.
func TestCrowdsAreHeldBack(t *testing.T) {
	const crowd = 12
	w := newWorld(t)
	for i := range crowd {
		w.enter(fmt.Sprintf("old%02d", i))
	}
	w.lives(50)
	for i := range crowd * 9 {
		w.enter(fmt.Sprintf("young%03d", i))
	}
	count := func() int {
		t.Helper()
		found, _, _, err := w.cfg.People.After(t.Context(), "", 1000)
		w.must(err)
		return len(found)
	}
	w.lives(50)
	if n := count(); n != crowd*9 { // a tenth of all
		t.Errorf("%d people, want the young ones", n)
	}
	w.enter("carol")
	w.lives(50)
	if n := count(); n != crowd*9+1 || strings.Count(w.log.String(), "nobody is forgotten today") != 1 {
		t.Errorf("%d people, want all; log: %s", n, w.log.String())
	}
	// forget_after was too short: it is mended, and nobody has gone.
	w.rules.ForgetAfter["contoso"] = 200 * day
	w.lives(99)
	if n := count(); n != crowd*9+1 {
		t.Errorf("%d people, want all", n)
	}
	w.log.Reset()
	w.lives(1)
	if n := count(); n != crowd*9+1 || strings.Count(w.log.String(), "nobody is forgotten today") != 1 {
		t.Errorf("%d people, want all, once more; log: %s", n, w.log.String())
	}
	w.lives(1)
	w.wants("a day later", "carol")
}

// What the log has said of a few is no leave to forget many.
func TestCrowdThatGrows(t *testing.T) {
	w := newWorld(t)
	for i := range 12 {
		w.enter(fmt.Sprintf("old%02d", i))
	}
	w.lives(50)
	for i := range 60 {
		w.enter(fmt.Sprintf("young%02d", i))
	}
	w.lives(50) // 12 people are due, and held back
	w.rules.ForgetAfter["contoso"] = 30 * day
	w.lives(1)
	found, _, _, err := w.cfg.People.After(t.Context(), "", 1000)
	if n := strings.Count(w.log.String(), "nobody is forgotten today"); err != nil || len(found) != 72 || n != 2 {
		t.Errorf("%d people, %v, want all; told %d times", len(found), err, n)
	}
	w.lives(1)
	w.wants("a day after all were told of")
}

// However often a clock is wrong, and by how much, the calendar of the walks is never
// ahead by more than two days for each walk in a row that went by a wrong one.
func TestCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
		d := diary{Today: now}
		wrong := 0 // in a row
		for range rapid.IntRange(1, 500).Draw(t, "walks") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Hour, day, 30 * day}).Draw(t, "time passes"))
			clock := now
			if rapid.Bool().Draw(t, "wrong") {
				clock = now.Add(time.Duration(rapid.IntRange(-10_000, 10_000).Draw(t, "hours off")) * time.Hour)
				wrong++
			} else {
				wrong = 0
			}
			before := d.Today
			d.Today = d.next(clock)
			if ahead := d.Today.Sub(now); ahead > time.Duration(wrong)*stride {
				t.Fatalf("%s ahead after %d wrong walks", ahead, wrong)
			}
			if !d.Today.Equal(clock) && !d.Today.Equal(before.Add(stride)) || d.Today.After(clock) {
				t.Fatalf("%s, the clock says %s, before it was %s", d.Today, clock, before)
			}
		}
	})
}

// Somebody whose records are damaged doesn't hold up the others.
func TestOneWhoCannotBeErased(t *testing.T) {
	w := newWorld(t)
	w.settle("bob")
	w.enter("carol")
	_, err := w.store.Commit(t.Context(), store.Write{Key: "booking-person/tid.bob/00000000000000000001/x"}, store.Write{Key: "booking/x", Value: []byte("{")})
	w.must(err)
	w.lives(102)
	w.wants("with a damaged booking")
	if !strings.Contains(w.log.String(), `msg="somebody could not be erased; the next walk tries again" user=tid.bob`) {
		t.Errorf("the log: %s", w.log.String())
	}
	if _, err := w.cfg.People.StruckOff(t.Context(), "tid.bob"); err != nil {
		t.Errorf("whose erasure goes on: %v", err)
	}
	_, err = w.store.Commit(t.Context(), store.Write{Key: "booking/x", Op: store.Delete})
	w.must(err)
	w.lives(1)
	w.wantsNothingLeft(person("bob"), "admin/contoso/bob@contoso.example")
}

// Run looks again after a failure, and ends with its context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, stop := context.WithCancel(t.Context())
		begun, tries := time.Now(), 0
		w.store.before = func(writes []store.Write) error {
			if tries++; tries == 1 {
				return errBroken
			}
			stop()
			return nil
		}
		w.Run(ctx)
		if took := time.Since(begun); took != 2*lookEvery || tries != 2 {
			t.Errorf("%d tries in %s", tries, took)
		}
		if n := strings.Count(w.log.String(), "could not be forgotten; trying again"); n != 1 {
			t.Errorf("the log: %s", w.log.String())
		}
		w.store.before = nil
	})
}

// There are more people than are read at a time.
func TestManyPeople(t *testing.T) {
	w := newWorld(t)
	var writes []store.Write
	const n = 2*atOnce + 3
	for i := range n {
		writes = append(writes, store.Write{
			Key:   fmt.Sprintf("person/tid.p%05d", i),
			Value: fmt.Appendf(nil, `{"id":"tid.p%05d","integration":"contoso","last_seen":%q}`, i, w.now().Format(time.RFC3339)),
		})
	}
	_, err := w.store.Commit(t.Context(), writes...)
	w.must(err)
	w.lives(100)
	w.must(w.cfg.People.SignedIn(t.Context(), identity.Person{ID: "tid.new", Integration: "contoso"}))
	w.lives(1)
	w.wants("after the second look", "new")
}

// Whoever has come to stand for a room since their erasure broke off takes it from
// nobody: it is ended once another account stands for the room.
func TestBrokenOffErasureSparesARoom(t *testing.T) {
	w := newWorld(t)
	bob := w.settle("bob")
	e, err := w.cfg.People.Get(t.Context(), bob.ID)
	w.must(err)
	_, err = w.cfg.People.Strike(t.Context(), e, ByForgetAfter)
	w.must(err)
	connect := func(id string) {
		t.Helper()
		w.must(w.cfg.Rooms.Connect(t.Context(), "contoso", "boardroom", rooms.Account{PersonID: id}, tokens("room")))
	}
	connect(bob.ID)
	w.must(w.look(t.Context()))
	if account, _, err := w.cfg.Rooms.Get(t.Context(), "contoso", "boardroom"); err != nil || account.PersonID != bob.ID {
		t.Errorf("the room's account: %+v, %v", account, err)
	}
	if log := w.log.String(); !strings.Contains(log, "stands for the rooms boardroom") {
		t.Errorf("the log: %s", log)
	}
	connect("tid.service")
	w.pass(day)
	w.must(w.look(t.Context()))
	w.wantsNothingLeft(bob)
}
