package exchange

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestWhatRoomsKeep(t *testing.T) {
	type kept struct{ Subject, Body, Sensitivity string }
	tests := map[string]struct {
		rules func(*world.Processing)
		want  kept
	}{
		"everything":            {func(*world.Processing) {}, kept{"Review", "Agenda", "private"}},
		"DeleteSubject":         {func(p *world.Processing) { p.DeleteSubject = true }, kept{"", "Agenda", "private"}},
		"AddOrganizerToSubject": {func(p *world.Processing) { p.OrganizerToSubject = true }, kept{"Alice Review", "Agenda", "private"}},
		"DeleteComments":        {func(p *world.Processing) { p.DeleteComments = true }, kept{"Review", "", "private"}},
		"RemovePrivateProperty": {func(p *world.Processing) { p.RemovePrivate = true }, kept{"Review", "Agenda", "normal"}},
		"what a new room does":  {func(p *world.Processing) { *p = *world.NewRoomProcessing() }, kept{"Alice", "", "normal"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, tt.rules)
			check := func(when string, it Item, want kept) {
				t.Helper()
				equal(t, when, kept{it.Subject, it.Body.Content, it.Sensitivity}, want)
			}
			e := daily(o.event(alice, "12-01 10:00", boardroom), 3)
			e.Sensitivity = "private"
			series := o.create(e)
			o.update(o.on(series, "12-02"), func(e *Event) { e.Importance = "high" })
			asked := kept{"Review", "Agenda", "private"}
			check("before the answer", o.only(boardroom), asked)
			o.wait(time.Minute)
			check("after it", o.only(boardroom), tt.want)
			check("an exception", o.on(o.only(boardroom), "12-02"), tt.want)
			if err := o.x.Decide(boardroom, series.UID, Accepted, "", o.now); err != nil {
				t.Fatal(err)
			}
			check("accepted twice", o.only(boardroom), tt.want)
			check("the organizer's", series, asked)
			o.update(o.on(series, "12-02"), func(e *Event) { e.Importance = "low" })
			check("an exception that was changed", o.on(o.only(boardroom), "12-02"), tt.want)
			series = o.update(series, func(e *Event) { e.Importance = "low" })
			check("after a change", o.only(boardroom), tt.want)
			check("an exception after a change", o.on(o.only(boardroom), "12-02"), tt.want)
			o.update(series, func(e *Event) { e.End = e.End.Add(time.Minute) })
			check("asked anew", o.only(boardroom), asked)
		})
	}
}

func TestHowRequestsStandInTheRoomsCalendar(t *testing.T) {
	tests := map[string]struct {
		rules          func(*world.Processing)
		asked, pending string // ShowAs
		told           string
	}{
		"a new room":                       {func(*world.Processing) {}, "tentative", "tentative", Tentative},
		"TentativePendingApproval false":   {func(p *world.Processing) { p.TentativePending = false }, "tentative", "free", None},
		"AddNewRequestsTentatively false":  {func(p *world.Processing) { p.AddTentatively = false }, "free", "tentative", Tentative},
		"AutomateProcessing None, unasked": {func(p *world.Processing) { p.Automate = world.AutoNone }, "free", "free", None},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, func(p *world.Processing) { p.AllBookIn, p.AllRequestIn, p.Delegates = false, true, []string{carol} }, tt.rules)
			it := o.create(o.event(alice, "12-01 10:00", boardroom))
			equal(t, "at first", o.only(boardroom).ShowAs, tt.asked)
			o.wait(time.Minute)
			equal(t, "pending", o.only(boardroom).ShowAs, tt.pending)
			equal(t, "what alice is told", says(it, boardroom), tt.told)
			second := o.create(o.event(bob, "12-01 10:30", boardroom))
			o.wait(time.Minute)
			if declined := says(second, boardroom) == Declined; declined != (tt.pending == "tentative") {
				t.Errorf("another at the same time is declined: %v", declined)
			}
		})
	}
}

func TestDelegates(t *testing.T) {
	for _, answer := range []string{Accepted, Tentative, Declined} {
		o := newOffice(t, func(p *world.Processing) { p.AllBookIn, p.AllRequestIn, p.Delegates = false, true, []string{carol} })
		series := o.create(daily(o.event(alice, "12-01 10:00", boardroom), 3))
		o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
		o.wait(time.Minute)
		for _, day := range []string{"12-01", "12-02"} {
			equal(t, day+" is pending", o.on(o.only(boardroom), day).Pending, true)
		}
		o.wait(24 * time.Hour)
		if err := o.x.Decide(boardroom, series.ID(false), answer, "As I like", o.now); err != nil {
			t.Fatal(err)
		}
		equal(t, "the answer", says(series, boardroom), answer)
		equal(t, "the answer to an exception", says(o.on(series, "12-02"), boardroom), answer)
		equal(t, "the reason", series.attendee(boardroom).Reason, "As I like")
		for _, occurrence := range o.box(boardroom).View("", monday, monday.AddDate(1, 0, 0)) {
			equal(t, "the room's "+occurrence.Day.String(), []any{occurrence.Response, occurrence.Pending}, []any{answer, false})
		}
	}
}

func TestDecidingByAnyName(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob, boardroom), 9))
	o.wait(time.Minute)
	rooms := o.only(boardroom)
	for day, name := range map[string]string{
		"12-01": o.on(series, "12-01").ID(false),
		"12-02": o.on(o.only(bob), "12-02").ID(true),
		"12-03": o.on(rooms, "12-03").ID(false),
		"12-04": o.on(series, "12-04").ICalUID(),
	} {
		if err := o.x.Decide(boardroom, name, Declined, "Painters", o.now); err != nil {
			t.Fatal(err)
		}
		equal(t, "the answer to "+day, says(o.on(series, day), boardroom), Declined)
	}
	equal(t, "the room's days", days(rooms), []string{"12-05 10:00", "12-06 10:00", "12-07 10:00", "12-08 10:00", "12-09 10:00"})
	equal(t, "the answer to the series", says(series, boardroom), Accepted)
	if err := o.x.Decide(boardroom, series.UID, Declined, "Painters", o.now); err != nil {
		t.Fatal(err)
	}
	equal(t, "the room's events", len(o.box(boardroom).Items("*")), 0)

	own := o.create(o.event(boardroom, "12-01 10:00"))
	for name, decide := range map[string][3]string{
		"no room":             {alice, series.UID, Accepted},
		"nobody":              {"nobody@contoso.example", series.UID, Accepted},
		"no answer":           {boardroom, series.UID, "maybe"},
		"no event":            {boardroom, series.UID, Accepted},
		"an unknown id":       {boardroom, idParts{}.String(), Accepted},
		"organized by itself": {boardroom, own.UID, Accepted},
	} {
		if o.x.Decide(decide[0], decide[1], decide[2], "", o.now) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAnswersComeWhenTheyAreDue(t *testing.T) {
	o := newOffice(t)
	late := o.create(o.event(alice, "12-01 10:00", garden, boardroom))
	first, second := []Item{}, []Item{}
	for day := range 10 {
		start := fmt.Sprintf("12-%02d 12:00", day+1)
		first, second = append(first, o.create(o.event(alice, start, boardroom))), append(second, o.create(o.event(bob, start, boardroom)))
	}
	equal(t, "the next answer", o.x.NextAnswer(), monday.Add(boardroomDelay))
	o.wait(boardroomDelay - 1)
	for _, it := range append([]Item{late}, first...) {
		equal(t, "just before", says(it, boardroom), None)
	}
	o.wait(1)
	for i := range first {
		equal(t, "who asked first", []string{says(first[i], boardroom), says(second[i], boardroom)}, []string{Accepted, Declined})
	}
	equal(t, "the other room", says(late, garden), None)
	o.wait(time.Hour)
	for _, a := range late.Attendees {
		delay := map[string]time.Duration{boardroom: boardroomDelay, garden: gardenDelay}[a.EmailAddress.Address]
		equal(t, a.EmailAddress.Name, a.Status, Status{Accepted, monday.Add(delay)})
	}
	equal(t, "the next answer at the end", o.x.NextAnswer(), time.Time{})
}

func TestAMovedMeetingIsAskedAnew(t *testing.T) {
	o := newOffice(t)
	o.create(o.event(bob, "12-01 12:00", boardroom))
	it := o.create(o.event(alice, "12-01 10:00", boardroom))
	o.wait(2 * time.Second)
	o.update(it, func(e *Event) { e.Subject = "Renamed" })
	o.wait(time.Second)
	equal(t, "after a new subject it is the same question", says(it, boardroom), Accepted)
	o.update(it, func(e *Event) { e.End = e.End.Add(time.Hour) })
	equal(t, "after a move", says(it, boardroom), None)
	o.wait(2 * time.Second)
	o.update(it, func(e *Event) { e.End = e.End.Add(time.Hour) })
	o.wait(2 * time.Second)
	equal(t, "after another", says(it, boardroom), None)
	o.wait(time.Second)
	equal(t, "when it is due", says(it, boardroom), Declined)
	equal(t, "the room's events", len(o.box(boardroom).Items("*")), 1)
	o.update(it, func(e *Event) { e.End = e.Start.Add(time.Hour) })
	o.wait(boardroomDelay)
	equal(t, "after moving back", says(it, boardroom), Accepted)

	series := o.create(daily(o.event(alice, "12-02 10:00", boardroom), 3))
	o.wait(time.Minute)
	o.create(o.event(bob, "12-03 15:00", boardroom))
	o.wait(time.Minute)
	moved := o.update(o.on(series, "12-03"), func(e *Event) { e.Start, e.End = at("12-03 15:00"), at("12-03 16:00") })
	equal(t, "an occurrence", says(moved, boardroom), None)
	equal(t, "the room's", o.on(Item{Event: o.x.copyIn(o.box(boardroom), series.UID)}, "12-03").Response, NotResponded)
	o.wait(boardroomDelay)
	equal(t, "an occurrence, when it is due", says(o.on(series, "12-03"), boardroom), Declined)
	equal(t, "the rest", says(series, boardroom), Accepted)
	equal(t, "the room's days", days(Item{Event: o.x.copyIn(o.box(boardroom), series.UID)}), []string{"12-02 10:00", "12-04 10:00"})
}

func TestVoidQuestionsAreNotAnswered(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", boardroom))
	o.x.Withdraw(o.box(alice), it, o.now)
	series := o.create(daily(o.event(alice, "12-01 10:00", boardroom), 3))
	o.wait(time.Minute)
	o.update(o.on(series, "12-02"), func(e *Event) { e.Start, e.End = at("12-02 15:00"), at("12-02 16:00") })
	o.x.Withdraw(o.box(alice), o.on(series, "12-02"), o.now)
	before := len(o.changes)
	o.wait(time.Minute)
	if len(o.changes) != before || slices.Contains(days(o.only(boardroom)), "12-02 15:00") {
		t.Errorf("%v", o.changes[before:])
	}
}
