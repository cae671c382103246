package exchange

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Whatever people do, in whatever order and with whatever restarts, a room never
// accepts two things at the same time, and the organizer is told what stands in
// its calendar.
func TestRoomsNeverDoubleBook(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		own, err := os.MkdirTemp(dir, "run")
		if err != nil {
			r.Fatal(err)
		}
		o := &office{t: r, cfg: contoso(), now: monday, path: filepath.Join(own, "state")}
		rooms := o.cfg.Tenants[0].Rooms
		rooms[0].Processing.ConflictPercentage, rooms[0].Processing.ConflictInstances = 50, 3
		rooms[0].Processing.EnforceHorizon, rooms[0].Processing.BookingWindowDays = false, 9
		rooms[1].Processing.AllBookIn, rooms[1].Processing.AllRequestIn = false, true
		rooms[1].Processing.BookIn, rooms[1].Processing.Delegates = []string{alice}, []string{carol}
		o.open()
		r.Repeat(map[string]func(*rapid.T){
			"create": o.createAny, "change": o.changeAny, "withdraw": o.withdrawAny, "answer": o.answerAny, "decide": o.decideAny,
			"wait": func(r *rapid.T) { o.wait(time.Duration(rapid.IntRange(1, 7).Draw(r, "seconds")) * time.Second) },
			"reopen": func(r *rapid.T) {
				before := o.views()
				stop := rapid.SampledFrom([]func() error{o.file.Commit, o.file.Close}).Draw(r, "stop")
				if err := stop(); err != nil {
					r.Fatal(err)
				}
				if o.open(); o.views() != before {
					r.Fatalf("after reopening:\n%s\nbefore:\n%s", o.views(), before)
				}
			},
			"": o.check,
		})
		if err := o.file.Close(); err != nil {
			r.Fatal(err)
		}
	})
}

func anyOf(r *rapid.T, what string, of ...string) string {
	return rapid.SampledFrom(of).Draw(r, what)
}

func someOf(r *rapid.T, what string, of ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, len(of), rapid.ID[string]).Draw(r, what)
}

// anySlot is a time on one of six days that lie ahead.
func (o *office) anySlot(r *rapid.T, e *Event) {
	day := DayOf(o.now) + Day(rapid.IntRange(1, 6).Draw(r, "day"))
	e.Start = day.at(at("12-01 08:00"), e.zone()).Add(time.Duration(rapid.IntRange(0, 8).Draw(r, "from")) * time.Hour)
	e.End = e.Start.Add(time.Duration(rapid.IntRange(1, 4).Draw(r, "hours")) * time.Hour)
}

func (o *office) createAny(r *rapid.T) {
	e := o.event(anyOf(r, "organizer", alice, bob), "12-01 10:00", someOf(r, "invited", alice, carol, boardroom, garden)...)
	o.anySlot(r, e)
	if rapid.Bool().Draw(r, "series") {
		daily(e, rapid.IntRange(1, 6).Draw(r, "times"))
		if e.Recurrence.Pattern.Interval = rapid.IntRange(1, 2).Draw(r, "interval"); rapid.Bool().Draw(r, "endless") {
			e.Recurrence.Range.Type = NoEnd
		}
	}
	o.create(e)
}

// pick chooses an event, a series or an occurrence of somebody's.
func (o *office) pick(r *rapid.T, of ...string) (*Mailbox, Item) {
	m := o.box(anyOf(r, "mailbox", of...))
	items := m.Items("*")
	if len(items) == 0 {
		r.Skip("no event yet")
	}
	slices.SortFunc(items, func(a, b Item) int { return a.Sequence() - b.Sequence() }) // keys are random
	it := items[rapid.IntRange(0, len(items)-1).Draw(r, "event")]
	if it.Recurrence == nil || rapid.Bool().Draw(r, "the whole series") {
		return m, it
	}
	occurrences := it.Occurrences(o.now, o.now.AddDate(0, 0, 20))
	if len(occurrences) == 0 {
		r.Skip("no occurrence is left")
	}
	return m, occurrences[rapid.IntRange(0, len(occurrences)-1).Draw(r, "occurrence")]
}

func (o *office) changeAny(r *rapid.T) {
	_, it := o.pick(r, alice, bob, carol)
	changed := it.Clone()
	changed.Subject = anyOf(r, "subject", "A", "B")
	switch rapid.IntRange(0, 4).Draw(r, "change") {
	case 0:
		o.anySlot(r, changed)
		if changed.Recurrence != nil {
			again := *changed.Recurrence
			again.Range.StartDate = DayOf(changed.Start.In(changed.zone())).String()
			changed.Recurrence = &again
		}
	case 1:
		changed.End = changed.End.Add(time.Hour)
	case 2:
		before := changed.Attendees
		changed.Attendees = attendees(someOf(r, "invited", alice, bob, carol, boardroom, garden)...)
		for i := range changed.Attendees { // those who stay keep their answers
			a := &changed.Attendees[i]
			for _, b := range before {
				if b.EmailAddress.Address == a.EmailAddress.Address {
					*a = b
				}
			}
		}
	case 3:
		if it.Master == nil && it.Recurrence != nil {
			changed.Recurrence = nil
		}
	}
	if _, err := o.x.Update(it, changed, o.now); err != nil && err != ErrBoundary {
		r.Fatal(err)
	}
}

func (o *office) withdrawAny(r *rapid.T) {
	m, it := o.pick(r, alice, bob, carol)
	o.x.Withdraw(m, it, o.now)
}

func (o *office) answerAny(r *rapid.T) {
	_, it := o.pick(r, alice, carol)
	reply := Reply{Answer: anyOf(r, "answer", Accepted, Tentative, Declined), Send: rapid.Bool().Draw(r, "send")}
	if err := o.x.Respond(it, reply, o.now); err != nil && !it.Organized() {
		r.Fatal(err)
	}
}

// decideAny accepts only what is pending: a delegate could book a room twice.
func (o *office) decideAny(r *rapid.T) {
	m, it := o.pick(r, boardroom, garden)
	answer := Declined
	if it.Pending {
		answer = anyOf(r, "answer", Accepted, Declined, Tentative)
	}
	if clashes, _ := m.clashes(it, o.now); answer == Accepted && len(clashes) > 0 {
		r.Skip("it clashes by now")
	}
	if err := o.x.Decide(it.Mailbox, it.ICalUID(), answer, "", o.now); err != nil {
		r.Fatal(err)
	}
}

// seenBy is how an organizer sees a room's own view of an invitation.
func seenBy(it Item, rules *world.Processing) string {
	switch {
	case it.Response == NotResponded:
		return None
	case it.Pending && !rules.TentativePending:
		return None
	}
	return it.Response
}

func (o *office) check(r *rapid.T) {
	for m := range mailboxes(o.x) {
		for _, it := range m.Items("*") {
			series, _ := splitUID(it.UID)
			if o.x.original(series) == nil && (!it.Cancelled || m.IsRoom()) {
				r.Fatalf("%s holds %q, which nobody organizes", m.address, it.Subject)
			}
		}
		if m.IsRoom() {
			o.checkRoom(r, m)
		}
	}
	for _, address := range []string{alice, bob} {
		for _, it := range o.box(address).Items("*") {
			if it.Organized() {
				o.checkOrganizer(r, it)
			}
		}
	}
}

func (o *office) checkRoom(r *rapid.T, m *Mailbox) {
	var last *Event
	for _, it := range m.View("*", o.now, o.now.AddDate(0, 0, m.room.Rules().BookingWindowDays)) {
		if it.Response != Accepted {
			continue
		}
		if last != nil && last.End.After(it.Start) {
			r.Fatalf("%s has accepted two things at %s", m.address, it.Start)
		}
		last = it.Event
	}
}

// checkOrganizer compares what an organizer knows of the rooms' answers with
// what stands in their calendars.
func (o *office) checkOrganizer(r *rapid.T, it Item) {
	items := []Item{it}
	if it.Recurrence != nil {
		items = append(items, it.Occurrences(o.now, o.now.AddDate(0, 0, 20))...)
	}
	for _, address := range []string{boardroom, garden} {
		m := o.box(address)
		series, whole := m.named(it.UID)
		for _, each := range items {
			held, there := m.named(each.ICalUID())
			told := says(each, address)
			switch {
			case each.Master != nil && whole && series.Recurrence.Range != it.Recurrence.Range && !there:
				// it was cut before that day
			case told == Declined || told == "not invited":
				if there {
					r.Fatalf("%s holds %s of %s, the organizer sees %q", address, each.Type(), each.Start, told)
				}
			case !there:
				r.Fatalf("%s doesn't hold %s of %s, the organizer sees %q", address, each.Type(), each.Start, told)
			case seenBy(held, m.room.Rules()) != told || !held.Start.Equal(each.Start) || !held.End.Equal(each.End) || held.Subject != each.Subject:
				r.Fatalf("%s says %q to %q at %s to %s, the organizer sees %q to %q at %s to %s",
					address, held.Response, held.Subject, held.Start, held.End, told, each.Subject, each.Start, each.End)
			}
		}
	}
}
