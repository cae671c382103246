package exchange

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSeriesKeepTheirWallTime(t *testing.T) {
	tests := map[string]struct {
		zone, start, end string
		want             []string // in UTC
	}{
		"Berlin into summer": {
			"Europe/Berlin", "2027-03-27T10:00", "2027-03-27T11:00",
			[]string{"03-27 09:00-10:00", "03-28 08:00-09:00", "03-29 08:00-09:00"},
		},
		"New York into winter, by its Windows name": {
			"Eastern Standard Time", "2026-10-31T22:00", "2026-11-01T03:00",
			[]string{"11-01 02:00-08:00", "11-02 03:00-08:00", "11-03 03:00-08:00"},
		},
		"over an hour that the clock skips": {
			"Europe/Berlin", "2027-03-27T02:30", "2027-03-27T03:00",
			[]string{"03-27 01:30-02:00", "03-28 01:30-02:00", "03-29 00:30-01:00"},
		},
		"a zone without daylight saving time": {
			"China Standard Time", "2027-03-27T10:00", "2027-03-27T11:00",
			[]string{"03-27 02:00-03:00", "03-28 02:00-03:00", "03-29 02:00-03:00"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			zone, err := Zone(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			clock := func(text string) time.Time {
				when, err := time.ParseInLocation("2006-01-02T15:04", text, zone)
				if err != nil {
					t.Fatal(err)
				}
				return when.UTC()
			}
			e := NewEvent(monday, Address{})
			e.Start, e.End, e.StartZone, e.EndZone = clock(tt.start), clock(tt.end), tt.zone, tt.zone
			if err := daily(e, 3).Check(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range e.Occurrences(e.Start, e.Start.AddDate(1, 0, 0)) {
				got = append(got, o.Start.Format("01-02 15:04")+o.End.Format("-15:04"))
			}
			equal(t, "occurrences", got, tt.want)
		})
	}
}

func TestAllDayFloats(t *testing.T) {
	o := newOffice(t)
	e := o.event(alice, "12-01 10:00")
	e.AllDay, e.StartZone, e.EndZone = true, "Pacific Standard Time", "Pacific Standard Time"
	if err := e.Check(); err != ErrValidation {
		t.Errorf("from 10 to 11: %v", err)
	}
	e.Start, e.End = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
	it := o.create(daily(e, 2))
	for i, occurrence := range it.Occurrences(monday, monday.AddDate(1, 0, 0)) {
		if want := e.Start.AddDate(0, 0, i); !occurrence.Start.Equal(want) || !occurrence.End.Equal(want.AddDate(0, 0, 1)) {
			t.Errorf("day %d is from %s to %s", i, occurrence.Start, occurrence.End)
		}
	}
	e = o.event(alice, "12-01 10:00")
	e.AllDay, e.Start, e.End, e.EndZone = true, it.Start, it.End, "UTC"
	if refusalCode(e.Check()) != "ErrorPropertyValidationFailure" {
		t.Error("two zones are taken")
	}
}

func TestEventChecks(t *testing.T) {
	for name, change := range map[string]func(*Event){
		"no start":                func(e *Event) { e.Start = time.Time{} },
		"an end before the start": func(e *Event) { e.End = e.Start.Add(-1) },
		"501 attendees":           func(e *Event) { e.Attendees = make([]Attendee, MaxAttendees+1) },
	} {
		e := newOffice(t).event(alice, "12-01 10:00")
		if change(e); e.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestClonesShareNothing(t *testing.T) {
	o := newOffice(t)
	e := daily(o.event(alice, "12-01 10:00", bob), 3)
	e.Categories, e.Properties, e.Locations = []string{"Red"}, []Property{{"String {0}", "a"}}, []Location{{DisplayName: "Roof"}}
	e.Extensions = map[string]map[string]any{"com.example": {}}
	series := o.create(e)
	o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
	o.x.Withdraw(o.box(alice), o.on(series, "12-03"), o.now)
	text := func() string {
		b, err := json.Marshal(series.Event)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before, c := text(), series.Clone()
	c.Categories[0], c.Properties[0].Value, c.Locations[0].DisplayName, c.Attendees[0].Type = "", "", "", ""
	delete(c.Extensions, "com.example")
	c.omit(DayOf(at("12-01 10:00")))
	c.Exceptions[DayOf(at("12-02 10:00"))].Attendees[0].Type = ""
	equal(t, "the event", text(), before)
}

func TestOccurrencesHaveTheirDayInTheirUID(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob), 3))
	uid := o.on(series, "12-02").ICalUID()
	if want := series.UID[:32] + "07EA0C02" + series.UID[40:]; uid != want {
		t.Errorf("%s, want %s", uid, want)
	}
	if theirs := o.on(o.only(bob), "12-02"); theirs.ICalUID() != uid || theirs.ID(false) == o.on(series, "12-02").ID(false) {
		t.Error("the copy has another UID, or the same id")
	}
	for uid, held := range map[string]bool{
		series.UID: true, strings.ToLower(uid): true, uidOn(series.UID, DayOf(at("12-04 10:00"))): false, newUID(): false, "": false,
	} {
		if o.box(bob).Holds(uid) != held {
			t.Errorf("bob holds %s: %v", uid, !held)
		}
	}
}

func TestFirstOccurrenceMovesToTheNextMatch(t *testing.T) {
	o := newOffice(t)
	e := daily(o.event(alice, "12-01 10:00"), 2) // a Tuesday
	e.Recurrence.Pattern = Pattern{Type: Weekly, Interval: 2, DaysOfWeek: []string{"Monday"}}
	series := o.create(e)
	want := []string{"12-14 10:00", "12-28 10:00"}
	equal(t, "days", days(series), want)
	equal(t, "start", series.Start, at("12-14 10:00"))
	equal(t, "range", series.Recurrence.Range.StartDate, "2026-12-14")
	series = o.update(series, func(e *Event) { e.Subject = "Renamed" })
	equal(t, "days after another change", days(series), want)
}

func TestViewOfSeries(t *testing.T) {
	o := newOffice(t)
	e := o.event(alice, "12-01 22:00")
	e.End = e.Start.Add(4 * time.Hour)
	series := o.create(daily(e, 10))
	o.update(o.on(series, "12-03"), func(e *Event) { e.Start, e.End = at("12-03 12:00"), at("12-03 13:00") })
	o.x.Withdraw(o.box(alice), o.on(series, "12-05"), o.now)
	for window, want := range map[[2]string]string{
		{"12-01 00:00", "12-02 00:00"}: "occurrence 12-01",
		{"12-02 01:00", "12-02 22:00"}: "occurrence 12-01", // it lasts until 2
		{"12-02 02:00", "12-02 22:00"}: "",
		{"12-03 00:00", "12-04 00:00"}: "occurrence 12-02, exception 12-03",
		{"12-05 02:00", "12-06 22:00"}: "",
		{"12-10 23:00", "12-31 00:00"}: "occurrence 12-10",
		{"12-11 02:00", "12-31 00:00"}: "",
	} {
		var got []string
		for _, it := range o.box(alice).View("", at(window[0]), at(window[1])) {
			got = append(got, it.Type()+" "+it.Day.String()[5:])
		}
		equal(t, strings.Join(window[:], " to "), strings.Join(got, ", "), want)
	}
	equal(t, "type of the master", series.Type(), SeriesMaster)
	equal(t, "original start", o.on(series, "12-03").OriginalStart(), at("12-03 22:00"))
	if master := o.on(series, "12-04").MasterItem(); master.ID(false) != series.ID(false) {
		t.Error("the master has another id")
	}
}

// What a view shows of a series is what touches its window.
func TestViewsMissNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecurrence(t)
		r.Range.Type = Numbered
		r.Range.RecurrenceTimeZone = rapid.SampledFrom([]string{"Etc/GMT+12", "Line Islands Standard Time", "Europe/Berlin", "America/New_York"}).Draw(t, "zone")
		zone, _ := Zone(r.Range.RecurrenceTimeZone)
		e := NewEvent(monday, Address{})
		start, _ := ParseDay(r.Range.StartDate)
		hour := rapid.IntRange(0, 23).Draw(t, "hour")
		e.Start = start.at(time.Date(2026, 7, 1, hour, 0, 0, 0, zone), zone)
		e.End = e.Start.Add(time.Duration(rapid.IntRange(0, 24).Draw(t, "length")) * time.Hour)
		e.Recurrence, e.StartZone = r, r.Range.RecurrenceTimeZone
		if err := e.Check(); err != nil {
			t.Skip(err)
		}
		all := slices.Collect(e.since(0))
		near := all[rapid.IntRange(0, len(all)-1).Draw(t, "near")]
		from := near.Start.Add(time.Duration(rapid.IntRange(-30, 30).Draw(t, "hours")) * time.Hour)
		to := from.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "window")) * time.Hour)
		var want []Day
		for _, o := range all {
			if o.Overlaps(from, to) {
				want = append(want, o.Day)
			}
		}
		var got []Day
		for _, o := range e.Occurrences(from, to) {
			got = append(got, o.Day)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("from %s to %s there are %v, want %v", from, to, got, want)
		}
	})
}

func TestOccurrencesDoNotCrossTheirNeighbours(t *testing.T) {
	for start, allowed := range map[string]bool{
		"12-08 15:00": true, "12-02 10:00": true, "12-14 09:00": true,
		"12-01 18:00": false, "12-15 08:00": false, "11-30 10:00": false, "12-20 10:00": false,
	} {
		o := newOffice(t)
		e := daily(o.event(alice, "12-01 10:00"), 4)
		e.Recurrence.Pattern.Interval = 7
		series := o.create(e)
		before := o.on(series, "12-08")
		changed := before.Clone()
		changed.Start, changed.End = at(start), at(start).Add(time.Hour)
		_, err := o.x.Update(before, changed, o.now)
		if allowed && err != nil || !allowed && err != ErrBoundary {
			t.Errorf("to %s: %v", start, err)
		}
	}
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00"), 4))
	before := o.on(series, "12-02")
	changed := before.Clone()
	changed.End = at("12-03 11:00")
	if _, err := o.x.Update(before, changed, o.now); err != ErrBoundary {
		t.Errorf("into the next one: %v", err)
	}
	o.x.Withdraw(o.box(alice), o.on(series, "12-03"), o.now)
	if _, err := o.x.Update(before, changed, o.now); err != nil {
		t.Errorf("over one that is gone: %v", err)
	}
	allDay := before.Clone()
	allDay.AllDay, allDay.Start, allDay.End = true, DayOf(before.Start).midnight(), (DayOf(before.Start) + 1).midnight()
	if _, err := o.x.Update(before, allDay, o.now); err != nil {
		t.Errorf("all day: %v", err)
	}
}

func TestWhatBecomesOfExceptions(t *testing.T) {
	setUp := func(t *testing.T) (*office, Item) {
		o := newOffice(t)
		series := o.create(daily(o.event(alice, "12-01 10:00", bob), 4))
		o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
		o.update(o.on(series, "12-03"), func(e *Event) { e.Start, e.End = at("12-03 14:00"), at("12-03 15:00") })
		o.x.Withdraw(o.box(alice), o.on(series, "12-04"), o.now)
		return o, series
	}
	subjects := func(it Item) string {
		var all []string
		for _, o := range it.Occurrences(monday, monday.AddDate(1, 0, 0)) {
			all = append(all, o.Subject)
		}
		return strings.Join(all, ", ")
	}
	t.Run("they stay, and follow where they were like the series", func(t *testing.T) {
		o, series := setUp(t)
		o.update(series, func(e *Event) { e.Subject = "Renamed"; e.Body.Content = "New" })
		want := []string{"12-01 10:00", "12-02 10:00", "12-03 14:00"}
		equal(t, "alice's days", days(series), want)
		equal(t, "alice's subjects", subjects(series), "Renamed, Special, Renamed")
		equal(t, "bob's days", days(o.only(bob)), append(want, "12-04 10:00"))
		equal(t, "bob's subjects", subjects(o.only(bob)), "Renamed, Special, Renamed, Canceled: Review")
		equal(t, "the body of an exception", o.on(o.only(bob), "12-02").Body.Content, "New")
	})
	for name, change := range map[string]func(*Event){
		"pattern": func(e *Event) {
			r := *e.Recurrence
			r.Range.NumberOfOccurrences = 3
			e.Recurrence = &r
		},
		"time": func(e *Event) { e.End = e.End.Add(time.Minute) },
	} {
		t.Run("they vanish with another "+name, func(t *testing.T) {
			o, series := setUp(t)
			o.update(series, change)
			want := []string{"12-01 10:00", "12-02 10:00", "12-03 10:00", "12-04 10:00"}[:series.Recurrence.Range.NumberOfOccurrences]
			equal(t, "alice's", days(series), want)
			equal(t, "bob's", days(o.only(bob)), want)
		})
	}
	t.Run("they stay when the range comes as Graph shows it", func(t *testing.T) {
		o := newOffice(t)
		e := daily(o.event(alice, "12-01 10:00"), 0)
		e.Recurrence.Range.Type = NoEnd
		series := o.create(e)
		o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
		o.update(series, func(e *Event) {
			r := *e.Recurrence
			r.Range.EndDate, r.Range.NumberOfOccurrences = "0001-01-01", 1
			e.Recurrence = &r
		})
		equal(t, "the exception", o.on(series, "12-02").Subject, "Special")
	})
	t.Run("a single event has none", func(t *testing.T) {
		o, series := setUp(t)
		o.update(series, func(e *Event) { e.Recurrence = nil })
		equal(t, "alice's", series.Type(), SingleInstance)
		equal(t, "bob's", o.only(bob).Type(), SingleInstance)
	})
}
