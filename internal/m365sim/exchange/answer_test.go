package exchange

import (
	"testing"
	"time"
)

func TestAnswering(t *testing.T) {
	tests := map[string]struct {
		reply  Reply
		showAs string // "": it is off the calendar
		told   string
	}{
		"accept":            {Reply{Answer: Accepted, Send: true, Reason: "Fine"}, "oof", Accepted},
		"accept silently":   {Reply{Answer: Accepted}, "oof", None},
		"tentative":         {Reply{Answer: Tentative, Send: true}, "tentative", Tentative},
		"another time":      {Reply{Answer: Tentative, Send: true, ProposedStart: at("12-02 10:00"), ProposedEnd: at("12-02 11:00")}, "tentative", Tentative},
		"decline":           {Reply{Answer: Declined, Send: true}, "", Declined},
		"decline silently":  {Reply{Answer: Declined}, "", None},
		"decline, but when": {Reply{Answer: Declined, Send: true, ProposedStart: at("12-02 10:00"), ProposedEnd: at("12-02 11:00")}, "", Declined},
	}
	for name, tt := range tests {
		for _, kind := range []string{"a meeting", "a series", "an occurrence"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				o := newOffice(t)
				e := o.event(alice, "12-01 10:00", bob)
				if e.ShowAs = "oof"; kind != "a meeting" {
					daily(e, 3)
				}
				it := o.create(e)
				theirs := o.only(bob)
				if kind == "an occurrence" {
					theirs = o.on(theirs, "12-02")
				}
				o.now = o.now.Add(time.Minute)
				if err := o.x.Respond(theirs, tt.reply, o.now); err != nil {
					t.Fatal(err)
				}
				if kind == "an occurrence" {
					equal(t, "an answer to the series", says(it, bob), None)
					it = o.on(it, "12-02")
				}
				a := it.attendee(bob)
				equal(t, "answer", says(it, bob), tt.told)
				if tt.reply.Send {
					equal(t, "what alice is told", []any{a.Status.Time, a.Reason, a.ProposedStart, a.ProposedEnd}, []any{o.now, tt.reply.Reason, tt.reply.ProposedStart, tt.reply.ProposedEnd})
				}
				left := o.box(bob).View("", at("12-02 00:00"), at("12-03 00:00"))
				if kind == "a meeting" {
					left = o.box(bob).Items("")
				}
				if tt.showAs == "" {
					equal(t, "what is left", len(left), 0)
					return
				}
				equal(t, "how it stands there", left[0].ShowAs, tt.showAs)
				equal(t, "bob's answer", []any{left[0].Response, left[0].ResponseAt}, []any{tt.reply.Answer, o.now})
			})
		}
	}
}

func TestOrganizersDoNotAnswer(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00"), 3))
	for _, it := range []Item{series, o.on(series, "12-01")} {
		if err := o.x.Respond(it, Reply{Answer: Declined}, o.now); err != ErrOrganizer {
			t.Errorf("%s: %v", it.Type(), err)
		}
	}
}

// A silent answer is the attendee's own: an update that doesn't move the meeting
// doesn't ask again.
func TestSilentAnswersOutliveUpdates(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob))
	if err := o.x.Respond(o.only(bob), Reply{Answer: Accepted}, o.now); err != nil {
		t.Fatal(err)
	}
	o.update(it, func(e *Event) { e.Subject = "Renamed" })
	equal(t, "bob's answer", o.only(bob).Response, Accepted)
}

// An attendee's copy may say that they are invited where the organizer's doesn't.
func TestAnswersOfPeopleWhoAreNotInvited(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob))
	alone := it.Clone()
	alone.Attendees = nil
	o.x.Annotate(it, alone, o.now)
	if err := o.x.Respond(o.only(bob), Reply{Answer: Accepted, Send: true}, o.now); err != nil {
		t.Fatal(err)
	}
	equal(t, "bob", says(it, bob), "not invited")
}

func TestDeclinedMeetingsComeBackOnlyWhenTheyMove(t *testing.T) {
	o := newOffice(t)
	it := o.create(o.event(alice, "12-01 10:00", bob))
	if err := o.x.Respond(o.only(bob), Reply{Answer: Declined, Send: true}, o.now); err != nil {
		t.Fatal(err)
	}
	o.update(it, func(e *Event) { e.Subject = "Renamed" })
	equal(t, "bob's events after a new subject", len(o.box(bob).Items("*")), 0)
	o.update(it, func(e *Event) { e.Start = e.Start.Add(-time.Hour) })
	equal(t, "bob's answer after a move", o.only(bob).Response, NotResponded)

	series := o.create(daily(o.event(alice, "12-01 14:00", carol), 3))
	if err := o.x.Respond(o.on(o.only(carol), "12-02"), Reply{Answer: Declined, Send: true}, o.now); err != nil {
		t.Fatal(err)
	}
	o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
	equal(t, "carol's days after a new subject", days(o.only(carol)), []string{"12-01 14:00", "12-03 14:00"})
}

func TestAnAnswerToASeriesCoversItsExceptions(t *testing.T) {
	o := newOffice(t)
	series := o.create(daily(o.event(alice, "12-01 10:00", bob), 4))
	o.update(o.on(series, "12-02"), func(e *Event) { e.Subject = "Special" })
	answer := func(it Item, a string) {
		if err := o.x.Respond(it, Reply{Answer: a, Send: true}, o.now); err != nil {
			t.Fatal(err)
		}
	}
	answer(o.on(o.only(bob), "12-03"), Tentative)
	answer(o.on(o.only(bob), "12-04"), Declined)
	answer(o.only(bob), Accepted)
	for day, want := range map[string]string{"12-01": Accepted, "12-02": Accepted, "12-03": Tentative, "12-04": Declined} {
		equal(t, "what alice has for "+day, says(o.on(series, day), bob), want)
		if want != Declined {
			equal(t, "what bob has for "+day, o.on(o.only(bob), day).Response, want)
		}
	}
	answer(o.only(bob), Declined)
	for _, day := range []string{"12-01", "12-02", "12-03", "12-04"} {
		equal(t, "after declining it all, "+day, says(o.on(series, day), bob), Declined)
	}
}
