package exchange

import (
	"testing"
	"time"
)

func TestInviting(t *testing.T) {
	o := newOffice(t)
	e := o.event(alice, "12-01 10:00", bob, boardroom, frank, "eve@contoso.example", "nobody@example.net", bob, alice)
	e.Categories, e.Properties = []string{"Red"}, []Property{{ID: "String {0}", Value: "mine"}}
	e.TransactionID, e.Extensions = "t-1", map[string]map[string]any{"com.example": {}}
	original := o.create(e)
	equal(t, "events", o.x.Len(), 4) // of alice, bob, frank and the room
	for _, address := range []string{bob, frank, boardroom} {
		c := o.only(address)
		if c.ICalUID() != original.ICalUID() || c.Organized() || c.Response != NotResponded || c.ShowAs != "tentative" || c.Subject != "Review" {
			t.Errorf("%s has %+v", address, c.Event)
		}
		if c.TransactionID != "" || c.Properties != nil || c.Extensions != nil || c.Categories != nil {
			t.Errorf("%s has what is alice's own: %+v", address, c.Event)
		}
	}
	equal(t, "a name of the directory", original.attendee(bob).EmailAddress.Name, "Bob")
	equal(t, "a name of nobody", original.attendee("nobody@example.net").EmailAddress.Name, "nobody@example.net")
	equal(t, "an answer", says(original, bob), None)
}

func TestRefusedEventsChangeNothing(t *testing.T) {
	o := newOffice(t)
	e := o.event(alice, "12-01 10:00", bob)
	e.End = e.Start.Add(-1)
	if _, err := o.x.Create(o.box(alice), e, o.now); err != ErrValidation || o.x.Len() != 0 {
		t.Errorf("creating: %v", err)
	}
	it := o.create(o.event(alice, "12-01 10:00", bob))
	changed, etag := it.Clone(), it.ETag()
	changed.End = changed.Start.Add(-1)
	if _, err := o.x.Update(it, changed, o.now); err != ErrValidation || it.ETag() != etag || !it.End.After(it.Start) {
		t.Errorf("updating: %v", err)
	}
}

func TestTransactions(t *testing.T) {
	o := newOffice(t)
	create := func(organizer, content string) (*Event, error) {
		e := o.event(organizer, "12-01 10:00", boardroom)
		e.TransactionID, e.Content = "t-1", content
		return o.x.Create(o.box(organizer), e, o.now)
	}
	first, err := create(alice, "a")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := create(alice, "a"); err != nil || again != first || o.x.Len() != 2 {
		t.Errorf("the same makes %v, %v", again, err)
	}
	if _, err := create(alice, "b"); err != ErrTransaction {
		t.Errorf("something else: %v", err)
	}
	if other, err := create(bob, "b"); err != nil || other == first {
		t.Errorf("in another mailbox: %v, %v", other, err)
	}
	changed := first.Clone()
	changed.TransactionID = "t-2"
	if _, err := o.x.Update(Item{Event: first}, changed, o.now); err != ErrValidation {
		t.Errorf("setting another one: %v", err)
	}
	o.x.Withdraw(o.box(alice), Item{Event: first}, o.now)
	if anew, err := create(alice, "b"); err != nil || anew == first {
		t.Errorf("after it was deleted: %v, %v", anew, err)
	}
}

func TestUpdatesReachTheCopies(t *testing.T) {
	tests := map[string]struct {
		change func(*Event)
		want   string // bob's answer after he had accepted
	}{
		"subject": {func(e *Event) { e.Subject = "Renamed" }, Accepted},
		"place":   {func(e *Event) { e.Locations = []Location{{DisplayName: "Roof"}} }, Accepted},
		"start":   {func(e *Event) { e.Start = e.Start.Add(-time.Minute) }, None},
		"end":     {func(e *Event) { e.End = e.End.Add(time.Minute) }, None},
		"series":  {func(e *Event) { daily(e, 3) }, None},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			it := o.create(o.event(alice, "12-01 10:00", bob))
			if err := o.x.Respond(o.only(bob), Reply{Answer: Accepted, Send: true, ProposedStart: o.now}, o.now); err != nil {
				t.Fatal(err)
			}
			before := o.only(bob)
			id, etag := before.ID(false), before.ETag()
			o.update(it, tt.change)
			c := o.only(bob)
			equal(t, "bob's answer as alice has it", says(it, bob), tt.want)
			want := map[string]string{Accepted: Accepted, None: NotResponded}[tt.want]
			equal(t, "bob's answer", c.Response, want)
			equal(t, "how it stands in bob's calendar", c.ShowAs, map[string]string{Accepted: "busy", NotResponded: "tentative"}[want])
			if c.Subject != it.Subject || !c.Start.Equal(it.Start) || !c.End.Equal(it.End) || len(c.Locations) != len(it.Locations) || c.Type() != it.Type() {
				t.Errorf("bob has %+v", c.Event)
			}
			if c.ID(false) != id || c.ETag() == etag {
				t.Error("the copy has another id, or the same etag")
			}
			if kept := !it.attendee(bob).ProposedStart.IsZero(); kept != (tt.want == Accepted) {
				t.Errorf("the proposed time is kept: %v", kept)
			}
		})
	}
}

func TestAnAttendeesChangesStayTheirs(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob, carol))
	bobs := o.update(o.only(bob), func(e *Event) {
		e.Subject, e.Categories = "Boring", []string{"Grey"}
		e.Properties = []Property{{ID: "String {0}", Value: "bob's"}}
	})
	o.x.Annotate(it, it.Clone(), o.now)
	equal(t, "alice's subject", it.Subject, "Review")
	equal(t, "carol's subject", o.only(carol).Subject, "Review")
	equal(t, "bob's subject", o.only(bob).Subject, "Boring")
	o.update(it, func(e *Event) { e.Body.Content = "New" })
	equal(t, "bob's subject after alice's change", bobs.Subject, "Review")
	equal(t, "bob's categories", bobs.Categories, []string{"Grey"})
	equal(t, "bob's properties", bobs.Properties[0].Value, "bob's")
}

func TestAddingAndRemovingAttendees(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob, boardroom))
	o.wait(time.Minute)
	it = o.update(it, func(e *Event) { e.Attendees = append(e.Attendees[1:], attendees(carol, garden)...) })
	equal(t, "bob's events", len(o.box(bob).Items("*")), 0)
	equal(t, "carol's answer", o.only(carol).Response, NotResponded)
	equal(t, "the boardroom's answer", o.only(boardroom).Response, Accepted)
	o.wait(time.Minute)
	equal(t, "the garden's answer", says(it, garden), Accepted)
	o.update(it, func(e *Event) { e.Attendees = nil })
	equal(t, "events", o.x.Len(), 1)
}

func TestChangingWhoComesToASeries(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob), 4))
	o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
	o.update(o.on(series, "12-03"), func(e *Event) { e.Attendees = nil })
	o.x.Withdraw(o.box(alice), o.on(series, "12-04"), o.now)
	equal(t, "bob's days", days(o.only(bob)), []string{"12-01 10:00", "12-02 10:00", "12-04 10:00"})

	series = o.update(series, func(e *Event) { e.Attendees = append(e.Attendees, attendees(carol)...) })
	equal(t, "carol's days", days(o.only(carol)), []string{"12-01 10:00", "12-02 10:00", "12-03 10:00"})
	equal(t, "carol's exception", o.on(o.only(carol), "12-02").Subject, "Special")
	again := o.update(o.on(series, "12-03"), func(e *Event) { e.Attendees = attendees(bob, carol) })
	equal(t, "bob is asked again", says(again, bob), None)
	equal(t, "bob's days", days(o.only(bob)), []string{"12-01 10:00", "12-02 10:00", "12-03 10:00", "12-04 10:00"})

	o.update(o.on(series, "12-03"), func(e *Event) { e.Attendees = attendees(carol) })
	o.changes = nil
	o.update(o.on(series, "12-03"), func(e *Event) { e.Subject = "Without Bob" })
	equal(t, "what bob is told of an occurrence that isn't his", len(o.told(bob)), 0)

	series = o.update(series, func(e *Event) { e.Attendees = attendees(carol) })
	equal(t, "bob's events", len(o.box(bob).Items("*")), 0)
	equal(t, "bob in an exception", says(o.on(series, "12-02"), bob), "not invited")
}

func TestInvitedToOneOccurrence(t *testing.T) {
	setUp := func(t *testing.T) (*office, Item) {
		o := newOffice(t)
		series := o.create(daily(o.event(alice, "12-01 10:00"), 3))
		o.update(o.on(series, "12-02"), func(e *Event) { e.Attendees = attendees(bob, boardroom) })
		o.wait(time.Minute)
		return o, series
	}
	t.Run("it is a single event", func(t *testing.T) {
		o, series := setUp(t)
		c := o.only(bob)
		equal(t, "type", c.Type(), SingleInstance)
		equal(t, "UID", c.ICalUID(), o.on(series, "12-02").ICalUID())
	})
	t.Run("answers arrive", func(t *testing.T) {
		o, series := setUp(t)
		if err := o.x.Respond(o.only(bob), Reply{Answer: Tentative, Send: true}, o.now); err != nil {
			t.Fatal(err)
		}
		equal(t, "bob", says(o.on(series, "12-02"), bob), Tentative)
		equal(t, "the room", says(o.on(series, "12-02"), boardroom), Accepted)
		equal(t, "another day", says(o.on(series, "12-01"), bob), "not invited")
	})
	t.Run("updates arrive", func(t *testing.T) {
		o, series := setUp(t)
		o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
		equal(t, "bob's subject", o.only(bob).Subject, "Special")
		o.update(series, func(e *Event) { e.Subject = "Renamed" })
		equal(t, "bob's subject after one of the series", o.only(bob).Subject, "Special")
	})
	for name, end := range map[string]func(*office, Item){
		"it is cancelled":         func(o *office, series Item) { o.x.Withdraw(o.box(alice), o.on(series, "12-02"), o.now) },
		"the series is cancelled": func(o *office, series Item) { o.x.Withdraw(o.box(alice), series, o.now) },
	} {
		t.Run(name, func(t *testing.T) {
			o, series := setUp(t)
			end(o, series)
			equal(t, "bob's is cancelled", o.only(bob).Cancelled, true)
			equal(t, "the room's events", len(o.box(boardroom).Items("*")), 0)
		})
	}
	for name, end := range map[string]func(*office, Item){
		"another is cancelled": func(o *office, series Item) { o.x.Withdraw(o.box(alice), o.on(series, "12-01"), o.now) },
		"another is changed": func(o *office, series Item) {
			o.update(o.on(series, "12-01"), func(e *Event) { e.Attendees = attendees(carol) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, series := setUp(t)
			end(o, series)
			equal(t, "bob's is cancelled", o.only(bob).Cancelled, false)
			equal(t, "the room's answer", o.only(boardroom).Response, Accepted)
		})
	}
	for name, end := range map[string]func(*office, Item){
		"taken off it": func(o *office, series Item) {
			o.update(o.on(series, "12-02"), func(e *Event) { e.Attendees = nil })
		},
		"the days of the series change": func(o *office, series Item) {
			o.update(series, func(e *Event) { e.End = e.End.Add(time.Hour) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, series := setUp(t)
			end(o, series)
			equal(t, "bob's events", len(o.box(bob).Items("*")), 0)
			equal(t, "the room's events", len(o.box(boardroom).Items("*")), 0)
		})
	}
	t.Run("after having declined all", func(t *testing.T) {
		o := newOffice(t)
		series := o.create(daily(o.event(alice, "12-01 10:00", bob), 3))
		if err := o.x.Respond(o.only(bob), Reply{Answer: Declined, Send: true}, o.now); err != nil {
			t.Fatal(err)
		}
		o.update(o.on(series, "12-02"), func(e *Event) { e.End = e.End.Add(time.Hour) })
		equal(t, "bob is asked to one", o.only(bob).ICalUID(), o.on(series, "12-02").ICalUID())
		o.update(series, func(e *Event) { e.Subject = "Renamed" })
		equal(t, "bob has it still", o.only(bob).ICalUID(), o.on(series, "12-02").ICalUID())
	})
	t.Run("declined, then invited to all", func(t *testing.T) {
		o, series := setUp(t)
		if err := o.x.Respond(o.only(bob), Reply{Answer: Declined, Send: true}, o.now); err != nil {
			t.Fatal(err)
		}
		o.update(series, func(e *Event) { e.Attendees = attendees(bob) })
		equal(t, "bob's days", days(o.only(bob)), []string{"12-01 10:00", "12-03 10:00"})
	})
	t.Run("then invited to all", func(t *testing.T) {
		o, series := setUp(t)
		o.update(series, func(e *Event) { e.Attendees = attendees(bob, boardroom) })
		equal(t, "bob's days", days(o.only(bob)), days(series))
		equal(t, "what the room has accepted stays so", o.on(o.only(boardroom), "12-02").Response, Accepted)
		equal(t, "the rest is asked", o.only(boardroom).Response, NotResponded)
		o.wait(time.Minute)
		equal(t, "the rest", says(series, boardroom), Accepted)
	})
}

func TestCancelling(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob, boardroom))
	o.wait(time.Minute)
	o.x.Withdraw(o.box(alice), it, o.now)
	equal(t, "alice's events", len(o.box(alice).Items("*")), 0)
	equal(t, "the room's events", len(o.box(boardroom).Items("*")), 0)
	c := o.only(bob)
	if !c.Cancelled || c.ShowAs != "free" || c.Subject != "Canceled: Review" {
		t.Errorf("bob has %+v", c.Event)
	}
	if err := o.x.Respond(c, Reply{Answer: Accepted, Send: true}, o.now); err != nil || o.only(bob).ShowAs != "free" {
		t.Errorf("accepting what is cancelled takes time: %v", err)
	}
	o.x.Withdraw(o.box(bob), o.only(bob), o.now)
	equal(t, "events", o.x.Len(), 0)
}

func TestCancellingASeries(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob, boardroom), 3))
	o.wait(time.Minute)
	o.x.Withdraw(o.box(alice), o.on(series, "12-02"), o.now)
	equal(t, "alice's days", days(series), []string{"12-01 10:00", "12-03 10:00"})
	equal(t, "the room's days", days(o.only(boardroom)), days(series))
	equal(t, "bob's exception is cancelled", o.on(o.only(bob), "12-02").Cancelled, true)
	equal(t, "bob's others are", o.on(o.only(bob), "12-01").Cancelled, false)

	o.update(o.on(series, "12-03"), func(e *Event) { e.Subject = "Special" })
	o.x.Withdraw(o.box(alice), series, o.now)
	equal(t, "the room's events", len(o.box(boardroom).Items("*")), 0)
	var subjects []string
	for _, occurrence := range o.only(bob).Occurrences(monday, monday.AddDate(1, 0, 0)) {
		if !occurrence.Cancelled || occurrence.ShowAs != "free" {
			t.Errorf("%s is not cancelled", occurrence.Day)
		}
		subjects = append(subjects, occurrence.Subject)
	}
	equal(t, "bob's subjects", subjects, []string{"Canceled: Review", "Canceled: Review", "Canceled: Special"})
}

func TestAnAttendeeDeletesTheirCopy(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob, carol), 3))
	accept := Reply{Answer: Accepted, Send: true}
	if err := o.x.Respond(o.only(bob), accept, o.now); err != nil {
		t.Fatal(err)
	}
	o.x.Withdraw(o.box(bob), o.on(o.only(bob), "12-02"), o.now)
	o.x.Withdraw(o.box(carol), o.only(carol), o.now)
	o.update(series, func(e *Event) { e.Subject = "Renamed" })
	equal(t, "alice's days", days(series), []string{"12-01 10:00", "12-02 10:00", "12-03 10:00"})
	equal(t, "bob's days", days(o.only(bob)), []string{"12-01 10:00", "12-03 10:00"})
	o.update(o.on(series, "12-02"), func(e *Event) { e.Start, e.End = at("12-02 14:00"), at("12-02 15:00") })
	equal(t, "bob's days after a move", days(o.only(bob)), []string{"12-01 10:00", "12-02 14:00", "12-03 10:00"})
	before := o.on(o.only(bob), "12-01")
	changed := before.Clone()
	changed.End = at("12-02 14:30")
	if _, err := o.x.Update(before, changed, o.now); err != ErrBoundary {
		t.Errorf("into the one that is back: %v", err)
	}
}

// An attendee may make of a series in their mailbox what they want.
func TestAnAttendeeRewritesTheirSeries(t *testing.T) {
	for name, change := range map[string]func(*Event){
		"no series": func(e *Event) { e.Recurrence = nil },
		"other days": func(e *Event) {
			r := *e.Recurrence
			r.Pattern.Interval = 2
			e.Recurrence = &r
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			series := o.create(daily(o.event(alice, "12-01 10:00", bob), 4))
			bobs := o.only(bob)
			o.update(bobs, change)
			o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
			o.x.Withdraw(o.box(alice), o.on(series, "12-03"), o.now)
			o.update(series, func(e *Event) { e.Subject = "Renamed" })
			equal(t, "bob's days after alice's next update", days(bobs), days(series))
		})
	}
}
