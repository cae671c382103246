package exchange

import (
	"slices"
	"testing"
	"time"
)

// told takes what was told of a mailbox since the last time.
func (o *office) told(address string) []string {
	var kinds []string
	for _, c := range o.changes {
		if c.Mailbox.Address() == address {
			kinds = append(kinds, c.Kind)
		}
	}
	o.changes = slices.DeleteFunc(o.changes, func(c Change) bool { return c.Mailbox.Address() == address })
	return kinds
}

func TestChangesAreTold(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob, boardroom))
	c := o.changes[0]
	equal(t, "the first", []any{c.Mailbox.Owner.Address, c.Kind, c.ID, c.Immutable, c.ETag}, []any{alice, Created, it.ID(false), it.ID(true), it.ETag()})
	for _, address := range []string{alice, bob, boardroom} {
		equal(t, "inviting, to "+address, o.told(address), []string{Created})
	}
	o.wait(time.Minute)
	equal(t, "the room's answer, to alice", o.told(alice), []string{Updated})
	equal(t, "the room's answer, to the room", o.told(boardroom), []string{Updated})
	equal(t, "the room's answer, to bob", len(o.told(bob)), 0)
	id := o.only(boardroom).ID(false)
	o.x.Withdraw(o.box(alice), it, o.now)
	equal(t, "cancelling, to bob", o.told(bob), []string{Updated})
	equal(t, "cancelling, to alice", o.told(alice), []string{Deleted})
	last := o.changes[len(o.changes)-1]
	equal(t, "cancelling, to the room", []string{last.Kind, last.ID}, []string{Deleted, id})
}

func TestSequence(t *testing.T) {
	o := newOffice(t)
	m := o.box(alice)
	series := o.create(daily(o.event(alice, "12-01 10:00"), 3))
	single := o.create(o.event(alice, "12-01 08:00"))
	before := m.Sequence()
	if series.Sequence() >= single.Sequence() || single.Sequence() != before {
		t.Errorf("%d, %d of %d", series.Sequence(), single.Sequence(), before)
	}
	in := o.on(series, "12-02")
	o.x.Withdraw(m, in, o.now)
	between := m.Sequence()
	o.x.Withdraw(m, single, o.now)
	if series.Sequence() <= before || series.Sequence() > between {
		t.Errorf("the series has the number %d, want one between %d and %d", series.Sequence(), before, between)
	}
	ids := func(since int) []string {
		var all []string
		removed, known := m.Removed(since)
		if !known {
			t.Fatalf("what was removed since %d is not known", since)
		}
		for _, r := range removed {
			all = append(all, r.ID)
		}
		return all
	}
	equal(t, "at first", ids(0), []string{in.ID(false), single.ID(false)})
	equal(t, "after the occurrence", ids(between), []string{single.ID(false)})
	equal(t, "now", len(ids(m.Sequence())), 0)
	for _, since := range []int{-1, m.Sequence() + 1} {
		if _, known := m.Removed(since); known {
			t.Errorf("%d is a number", since)
		}
	}
	between = m.Sequence()
	first, third := o.on(series, "12-01"), o.on(series, "12-03")
	o.update(series, func(e *Event) { e.End = e.End.Add(time.Hour) })
	equal(t, "with another time", ids(between), []string{first.ID(false), third.ID(false)})
	between = m.Sequence()
	o.x.Withdraw(m, series, o.now)
	removed, _ := m.Removed(between)
	equal(t, "removals with the series", len(removed), 4) // its occurrences, of which all are back, and the master
	equal(t, "the series ends", removed[3].End.Year(), lastYear)
}

func TestRemovalsAreForgotten(t *testing.T) {
	o := newOffice(t)
	m := o.box(alice)
	for range keptRemovals + 2 {
		o.x.Withdraw(m, o.create(o.event(alice, "12-01 10:00")), o.now)
	}
	equal(t, "records", o.x.removals.Len(), keptRemovals)
	if _, known := m.Removed(3); known {
		t.Error("what is forgotten is known")
	}
	removed, known := m.Removed(4) // the second one's number
	if !known || len(removed) != keptRemovals {
		t.Errorf("%d removals, %v", len(removed), known)
	}
}

func TestCalendars(t *testing.T) {
	o := newOffice(t)
	m := o.box(alice)
	c, err := o.x.AddCalendar(m, "Projects")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"projects": "ErrorFolderExists", "calendar": "ErrorFolderExists", "": ErrValidation.Code} {
		if _, err := o.x.AddCalendar(m, name); err == nil || refusalCode(err) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	e := o.event(alice, "12-01 10:00", bob)
	e.Calendar = c.ID
	o.create(e)
	o.create(o.event(alice, "12-01 12:00"))
	equal(t, "events of the new, the default and all", []int{len(m.Items(c.ID)), len(m.View("", monday, monday.AddDate(1, 0, 0))), len(m.Items("*"))}, []int{1, 1, 2})
	o.x.RenameCalendar(m, c.ID, "Plans")
	o.x.RenameCalendar(m, "", "Main")
	equal(t, "names", []string{m.Calendars()[0].Name, m.DefaultName()}, []string{"Plans", "Main"})
	o.x.DeleteCalendar(m, c.ID, o.now)
	equal(t, "calendars and events", []int{len(m.Calendars()), len(m.Items("*"))}, []int{0, 1})
	equal(t, "bob's is cancelled", o.only(bob).Cancelled, true)
}
