package exchange

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func newStoredOffice(t *testing.T) *office {
	o := &office{t: t, cfg: contoso(), now: monday, path: filepath.Join(t.TempDir(), "state")}
	o.cfg.Tenants[0].Events = []world.Meeting{
		{Organizer: bob, Room: boardroom, Subject: "Planning", Day: 1, Start: "09:30", End: "10:30", Private: true},
	}
	o.open()
	return o
}

func TestSeeding(t *testing.T) {
	o := newStoredOffice(t)
	it := o.only(bob)
	if !it.Start.Equal(at("11-24 09:30")) || !it.End.Equal(at("11-24 10:30")) || it.Subject != "Planning" || !it.Private() || says(it, boardroom) != Accepted {
		t.Errorf("bob has %+v", it.Event)
	}
	equal(t, "the room has accepted", o.only(boardroom).Response, Accepted)
	changes := len(o.changes)
	o.wait(time.Hour)
	equal(t, "changes later", len(o.changes)-changes, 0)
	o.x.Withdraw(o.box(bob), it, o.now)
	if err := o.file.Close(); err != nil {
		t.Fatal(err)
	}
	o.open()
	equal(t, "events after a restart", o.x.Len(), 0)
}

func TestOnlyANewStateIsSeeded(t *testing.T) {
	o := newStoredOffice(t)
	o.path = filepath.Join(t.TempDir(), "another")
	meetings := o.cfg.Tenants[0].Events
	o.cfg.Tenants[0].Events = nil
	o.open()
	if err := o.file.Close(); err != nil {
		t.Fatal(err)
	}
	o.cfg.Tenants[0].Events = meetings
	o.open()
	equal(t, "events", o.x.Len(), 0)
}

func TestRestarts(t *testing.T) {
	for name, stop := range map[string]func(*office) error{
		"closed": func(o *office) error { return o.file.Close() },
		"killed": func(o *office) error { return o.file.Commit() },
	} {
		t.Run(name, func(t *testing.T) {
			o := newStoredOffice(t)
			series := o.create(daily(o.event(alice, "12-01 10:00", bob, boardroom, garden), 5))
			o.update(o.on(series, "12-02"), func(e *Event) { e.Start, e.End = at("12-02 15:00"), at("12-02 16:00") })
			o.x.Withdraw(o.box(alice), o.on(series, "12-03"), o.now)
			if _, err := o.x.AddCalendar(o.box(bob), "Projects"); err != nil {
				t.Fatal(err)
			}
			o.wait(boardroomDelay)
			o.update(o.on(series, "12-04"), func(e *Event) { e.Start, e.End = at("12-04 15:00"), at("12-04 16:00") })
			before, next := o.views(), o.x.NextAnswer()
			if err := stop(o); err != nil {
				t.Fatal(err)
			}
			o.open()
			equal(t, "what there is", o.views(), before)
			equal(t, "the next answer", o.x.NextAnswer(), next)
			o.wait(time.Minute)
			master := o.only(alice)
			for day, answered := range map[string]time.Time{"12-01": monday.Add(gardenDelay), "12-04": monday.Add(boardroomDelay + gardenDelay)} {
				equal(t, "the garden's answer to "+day, o.on(master, day).attendee(garden).Status, Status{Accepted, answered})
			}
			equal(t, "the boardroom's answer", o.on(master, "12-04").attendee(boardroom).Status, Status{Accepted, monday.Add(2 * boardroomDelay)})
		})
	}
}

func TestWhatWasNotCommittedIsLost(t *testing.T) {
	o := newStoredOffice(t)
	if err := o.file.Commit(); err != nil {
		t.Fatal(err)
	}
	before := o.views()
	o.create(o.event(alice, "12-01 10:00"))
	o.open()
	equal(t, "what there is", o.views(), before)
}

func TestOwnersLeaveTheConfiguration(t *testing.T) {
	o := newStoredOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob, boardroom, garden), 5))
	byBob := o.create(o.event(bob, "12-02 15:00", alice, garden))
	o.x.Withdraw(o.box(alice), o.on(series, "12-05"), o.now)
	if err := o.file.Close(); err != nil {
		t.Fatal(err)
	}
	everybody := o.cfg
	staff := contoso()
	staff.Tenants[0].People = slices.DeleteFunc(staff.Tenants[0].People, func(p world.Person) bool { return p.Mail == alice })
	staff.Tenants[0].Rooms = staff.Tenants[0].Rooms[:1]
	o.cfg = staff
	o.open()
	o.wait(time.Minute)
	if o.box(alice) != nil || o.box(garden) != nil {
		t.Fatal("they are still there")
	}
	equal(t, "what the boardroom holds of somebody unknown", len(o.box(boardroom).Items("*")), 1)
	held, found := o.box(bob).named(series.UID)
	if !found {
		t.Fatal("bob has lost the invitation")
	}
	if err := o.x.Respond(held, Reply{Answer: Accepted, Send: true}, o.now); err != nil {
		t.Error(err)
	}
	mine, _ := o.box(bob).Find(byBob.ID(false))
	o.update(mine, func(e *Event) { e.End = e.End.Add(time.Hour) })
	o.x.Withdraw(o.box(bob), mine, o.now)
	equal(t, "bob's answer", held.Response, Accepted)
	if err := o.file.Close(); err != nil {
		t.Fatal(err)
	}
	o.cfg = everybody
	o.open()
	equal(t, "alice's days when she is back", days(o.box(alice).Items("*")[0]), []string{"12-01 10:00", "12-02 10:00", "12-03 10:00", "12-04 10:00"})
	o.wait(time.Minute)
	again, _ := o.box(alice).named(series.UID)
	equal(t, "the garden's late answer", says(again, garden), Accepted)
}
