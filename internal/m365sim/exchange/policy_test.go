package exchange

import (
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestRules(t *testing.T) {
	only := func(list *[]string, all *bool, names ...string) { *all, *list = false, names }
	hour := func(start string) func(*Event) {
		return func(e *Event) { e.Start, e.End = at(start), at(start).Add(time.Hour) }
	}
	long := func(minutes int) func(*Event) {
		return func(e *Event) { e.End = e.Start.Add(time.Duration(minutes) * time.Minute) }
	}
	series := func(n int) func(*Event) { return func(e *Event) { daily(e, n) } }
	const pending = "pending"
	tests := []struct {
		name  string
		rules func(*world.Processing)
		by    string // alice, if not given
		event func(*Event)
		want  string // the answer; NotResponded: none is given
	}{
		{name: "a new room", want: Accepted},
		{name: "AutoUpdate", rules: func(p *world.Processing) { p.Automate = world.AutoUpdate }, want: NotResponded},
		{name: "None", rules: func(p *world.Processing) { p.Automate = world.AutoNone }, want: NotResponded},
		{name: "invited as a person", event: func(e *Event) { e.Attendees[0].Type = "required" }, want: NotResponded},

		{name: "a conflict", event: hour("12-08 10:30"), want: Declined},
		{name: "around another", event: func(e *Event) { e.Start, e.End = at("12-08 09:00"), at("12-08 12:00") }, want: Declined},
		{name: "right before another", event: hour("12-08 09:00"), want: Accepted},
		{name: "right after another", event: hour("12-08 11:00"), want: Accepted},
		{name: "what somebody has put there without asking", event: hour("12-09 10:00"), want: Declined},
		{name: "what is only requested", event: hour("12-10 10:00"), want: Accepted},
		{name: "AllowConflicts", rules: func(p *world.Processing) { p.AllowConflicts = true }, event: hour("12-08 10:30"), want: Accepted},

		{name: "a series", event: series(3), want: Accepted},
		{name: "AllowRecurringMeetings false", rules: func(p *world.Processing) { p.AllowRecurring = false }, event: series(3), want: Declined},
		{name: "AllowRecurringMeetings false, a meeting", rules: func(p *world.Processing) { p.AllowRecurring = false }, want: Accepted},

		{name: "at the end of the window", rules: func(p *world.Processing) { p.BookingWindowDays = 2 }, event: hour("11-25 09:00"), want: Accepted},
		{name: "after the window", rules: func(p *world.Processing) { p.BookingWindowDays = 2 }, event: hour("11-25 09:01"), want: Declined},
		{name: "a window of 0, today", rules: func(p *world.Processing) { p.BookingWindowDays = 0 }, event: hour("11-23 23:59"), want: Accepted},
		{name: "a window of 0, tomorrow", rules: func(p *world.Processing) { p.BookingWindowDays = 0 }, event: hour("11-24 00:00"), want: Declined},
		{name: "in the past", event: hour("11-23 07:00"), want: Declined},
		{name: "under way", event: hour("11-23 08:30"), want: Accepted},
		{name: "a series in the window", rules: func(p *world.Processing) { p.BookingWindowDays = 11 }, event: series(3), want: Accepted},
		{name: "a series beyond the window", rules: func(p *world.Processing) { p.BookingWindowDays = 11 }, event: series(4), want: Declined},
		{
			name: "a series beyond the window without EnforceSchedulingHorizon", event: series(4), want: Accepted,
			rules: func(p *world.Processing) { p.BookingWindowDays, p.EnforceHorizon = 11, false },
		},
		{
			name: "a series all beyond the window without EnforceSchedulingHorizon", event: series(4), want: Declined,
			rules: func(p *world.Processing) { p.BookingWindowDays, p.EnforceHorizon = 5, false },
		},

		{name: "as long as allowed", event: long(1440), want: Accepted},
		{name: "longer than allowed", event: long(1441), want: Declined},
		{name: "no limit", rules: func(p *world.Processing) { p.MaximumMinutes = 0 }, event: long(1441), want: Accepted},

		{name: "before work", rules: func(p *world.Processing) { p.OnlyDuringWorkHours = true }, event: hour("12-01 07:59"), want: Declined},
		{name: "first thing", rules: func(p *world.Processing) { p.OnlyDuringWorkHours = true }, event: hour("12-01 08:00"), want: Accepted},
		{name: "until closing time", rules: func(p *world.Processing) { p.OnlyDuringWorkHours = true }, event: hour("12-01 16:00"), want: Accepted},
		{name: "overtime", rules: func(p *world.Processing) { p.OnlyDuringWorkHours = true }, event: hour("12-01 16:01"), want: Declined},
		{name: "on Saturday", rules: func(p *world.Processing) { p.OnlyDuringWorkHours = true }, event: hour("12-05 10:00"), want: Declined},

		{name: "from outside", by: frank, want: Declined},
		{name: "ProcessExternalMeetingMessages", rules: func(p *world.Processing) { p.External = true }, by: frank, want: Accepted},
		{
			name: "from outside, by BookInPolicy", by: frank, want: Accepted,
			rules: func(p *world.Processing) { p.External = true; only(&p.BookIn, &p.AllBookIn, frank) },
		},

		{name: "BookInPolicy: a person", rules: func(p *world.Processing) { only(&p.BookIn, &p.AllBookIn, alice) }, want: Accepted},
		{name: "BookInPolicy: a group", rules: func(p *world.Processing) { only(&p.BookIn, &p.AllBookIn, "facilities") }, want: Accepted},
		{name: "BookInPolicy: not in it", rules: func(p *world.Processing) { only(&p.BookIn, &p.AllBookIn, bob) }, want: Declined},
		{name: "RequestInPolicy: a person", rules: func(p *world.Processing) { only(&p.RequestIn, &p.AllBookIn, alice) }, want: pending},
		{name: "RequestInPolicy: a group", rules: func(p *world.Processing) { only(&p.RequestIn, &p.AllBookIn, "Facilities") }, want: pending},
		{name: "RequestInPolicy: not in it", rules: func(p *world.Processing) { only(&p.RequestIn, &p.AllBookIn, bob) }, want: Declined},
		{name: "AllRequestInPolicy", rules: func(p *world.Processing) { p.AllBookIn, p.AllRequestIn = false, true }, want: pending},
		{name: "AllRequestInPolicy, but a conflict", rules: func(p *world.Processing) { p.AllBookIn, p.AllRequestIn = false, true }, event: hour("12-08 10:00"), want: Declined},
		{name: "RequestOutOfPolicy: a person", rules: func(p *world.Processing) { p.RequestOutOf = []string{alice} }, event: long(1441), want: pending},
		{name: "RequestOutOfPolicy: a group", rules: func(p *world.Processing) { p.RequestOutOf = []string{"Facilities"} }, event: long(1441), want: pending},
		{name: "RequestOutOfPolicy: not in it", rules: func(p *world.Processing) { p.RequestOutOf = []string{bob} }, event: long(1441), want: Declined},
		{name: "AllRequestOutOfPolicy", rules: func(p *world.Processing) { p.AllRequestOutOf = true }, event: long(1441), want: pending},
		{name: "AllRequestOutOfPolicy, but within it", rules: func(p *world.Processing) { p.AllRequestOutOf = true }, want: Accepted},
		{
			name: "nobody to ask", want: Declined,
			rules: func(p *world.Processing) { p.AllBookIn, p.AllRequestIn, p.Delegates = false, true, nil },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, func(p *world.Processing) { p.Delegates = []string{carol} })
			if tt.by == "" {
				tt.by = alice
			}
			o.create(o.event(bob, "12-08 10:00", boardroom))
			o.create(o.event(boardroom, "12-09 10:00"))
			requested := o.event(bob, "12-10 10:00", boardroom)
			requested.Attendees[0].Type = "required"
			o.create(requested)
			o.wait(time.Minute)
			o.now = monday
			if tt.rules != nil {
				tt.rules(o.box(boardroom).room.Processing)
			}
			e := o.event(tt.by, "12-01 10:00", boardroom)
			if tt.event != nil {
				tt.event(e)
			}
			it := o.create(e)
			o.wait(boardroomDelay)
			c := o.x.copyIn(o.box(boardroom), it.UID)
			got := Declined
			if c != nil {
				got = c.Response
				if c.Pending {
					got = pending
				}
			}
			equal(t, "the room's answer", got, tt.want)
			want := map[string]string{NotResponded: None, pending: Tentative}[tt.want]
			if want == "" {
				want = tt.want
			}
			equal(t, "as the organizer has it", says(it, boardroom), want)
			if (want == Declined) != (it.attendee(boardroom).Reason != "") && tt.want != pending {
				t.Errorf("the reason is %q", it.attendee(boardroom).Reason)
			}
		})
	}
}

func TestConflictsOfASeries(t *testing.T) {
	tests := map[string]struct {
		percentage, instances int
		want                  string
	}{
		"none allowed":       {0, 0, Declined},
		"too many":           {100, 1, Declined},
		"too large a share":  {19, 10, Declined},
		"just so many":       {20, 2, Accepted},
		"conflicts accepted": {-1, 0, Accepted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, func(p *world.Processing) {
				p.ConflictPercentage, p.ConflictInstances, p.AllowConflicts = max(tt.percentage, 0), tt.instances, tt.percentage < 0
			})
			o.create(o.event(bob, "12-03 10:30", boardroom))
			o.create(o.event(bob, "12-04 08:30", boardroom))
			o.wait(time.Minute)
			series := o.create(daily(o.event(alice, "12-01 10:00", boardroom), 10))
			o.update(o.on(series, "12-04"), func(e *Event) { e.Start, e.End = at("12-04 09:00"), at("12-04 10:00") })
			o.wait(time.Minute)
			equal(t, "the answer", says(series, boardroom), tt.want)
			c := o.x.copyIn(o.box(boardroom), series.UID)
			if tt.want == Declined {
				if c != nil {
					t.Errorf("the room has %+v", c)
				}
				return
			}
			clashing := map[string]string{"12-03": Declined, "12-04": Declined}
			if tt.percentage < 0 {
				clashing = nil
			}
			for _, occurrence := range series.Occurrences(monday, monday.AddDate(1, 0, 0)) {
				day := occurrence.Day.String()[5:]
				want := Accepted
				if clashing[day] != "" {
					want = Declined
				}
				equal(t, "the answer to "+day, says(occurrence, boardroom), want)
				held, there := c.occurrence(occurrence.Day)
				if there != (want == Accepted) || there && held.Response != Accepted {
					t.Errorf("%s is in the room's calendar: %v", day, there)
				}
			}
			o.update(series, func(e *Event) { e.Subject = "Renamed" })
			equal(t, "the room's days after a new subject", len(days(Item{Event: c})), 10-len(clashing))
		})
	}
}

func TestSeriesAreCutAtTheHorizon(t *testing.T) {
	o := newOffice(t, func(p *world.Processing) { p.BookingWindowDays, p.EnforceHorizon = 11, false })
	e := daily(o.event(alice, "12-01 10:00", boardroom), 1)
	e.Recurrence.Range.Type = NoEnd
	series := o.create(e)
	o.update(o.on(series, "12-05"), func(e *Event) { e.Subject = "Special" })
	beyond := o.on(o.only(boardroom), "12-07").ID(false)
	o.wait(time.Minute)
	want := []string{"12-01 10:00", "12-02 10:00", "12-03 10:00"}
	removed, _ := o.box(boardroom).Removed(0)
	if !slices.ContainsFunc(removed, func(r Removal) bool { return r.ID == beyond }) {
		t.Error("the room's removals don't name what was cut off")
	}
	equal(t, "the answer", says(series, boardroom), Accepted)
	equal(t, "the answer to an exception beyond it", says(o.on(series, "12-05"), boardroom), Declined)
	equal(t, "the room's days", days(o.only(boardroom)), want)
	o.update(series, func(e *Event) { e.Subject = "Renamed" })
	equal(t, "the room's days after a new subject", days(o.only(boardroom)), want)
	o.update(o.on(series, "12-06"), func(e *Event) { e.Start, e.End = at("12-06 12:00"), at("12-06 13:00") })
	equal(t, "the room is asked", days(o.only(boardroom)), append(want, "12-06 12:00"))
	o.wait(time.Minute)
	equal(t, "its answer", says(o.on(series, "12-06"), boardroom), Declined)
	equal(t, "its days", days(o.only(boardroom)), want)
}

func TestSeriesWithoutAnythingWithinTheHorizon(t *testing.T) {
	o := newOffice(t, func(p *world.Processing) { p.BookingWindowDays, p.EnforceHorizon = 11, false })
	series := o.create(daily(o.event(alice, "12-01 10:00", boardroom), 4))
	for _, day := range []string{"12-01", "12-02", "12-03"} {
		o.x.Withdraw(o.box(alice), o.on(series, day), o.now)
	}
	o.wait(time.Minute)
	equal(t, "the answer", says(series, boardroom), Declined)
}

func TestConflictsRightOnTheHorizon(t *testing.T) {
	o := newOffice(t, func(p *world.Processing) { p.BookingWindowDays = 10 })
	o.create(o.event(bob, "12-03 08:30", boardroom))
	o.wait(boardroomDelay)
	e := o.event(alice, "12-01 10:00", boardroom)
	e.Start = o.now.Add(boardroomDelay).AddDate(0, 0, 9)
	e.End = e.Start.Add(time.Hour)
	series := o.create(daily(e, 2))
	o.wait(boardroomDelay)
	equal(t, "the answer", says(series, boardroom), Declined)
	equal(t, "the reason", series.attendee(boardroom).Reason, "The room is not available at that time.")
}

func TestSeriesInThePast(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "11-01 10:00", boardroom), 3))
	o.wait(time.Minute)
	equal(t, "the answer", says(series, boardroom), Accepted)
}
