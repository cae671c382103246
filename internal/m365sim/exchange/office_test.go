package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	alice     = "alice@contoso.example"
	bob       = "bob@contoso.example"
	carol     = "carol@contoso.example"
	frank     = "frank@fabrikam.example" // of another tenant
	boardroom = "boardroom@contoso.example"
	garden    = "garden@contoso.example"

	boardroomDelay = 3 * time.Second
	gardenDelay    = 6 * time.Second
)

// monday is when every office opens, in the rooms' zone a Monday at 9.
var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// An office is an Exchange with a clock.
type office struct {
	t       rapid.TB
	cfg     world.Config
	path    string
	file    *table.File
	x       *Exchange
	now     time.Time
	changes []Change
}

// plainRules leave a room's copy as it was sent.
func plainRules() *world.Processing {
	p := world.NewRoomProcessing()
	p.DeleteSubject, p.OrganizerToSubject, p.DeleteComments, p.RemovePrivate = false, false, false, false
	return p
}

func contoso() world.Config {
	return world.Config{Tenants: []world.Tenant{
		{
			ID: "c0970500-0000-4000-8000-000000000000", Domain: "contoso.example", Name: "Contoso",
			People: []world.Person{
				{ID: "0b1ec700-0000-4000-8000-000000000001", Name: "Alice", Mail: alice, Groups: []string{"Facilities"}},
				{ID: "0b1ec700-0000-4000-8000-000000000002", Name: "Bob", Mail: bob},
				{ID: "0b1ec700-0000-4000-8000-000000000003", Name: "Carol", Mail: carol},
				{ID: "0b1ec700-0000-4000-8000-000000000004", Name: "Eve", Mail: "eve@contoso.example", NoMailbox: true},
			},
			Rooms: []world.Room{
				{ID: "boardroom", Address: boardroom, Name: "Boardroom", TimeZone: "Europe/Berlin", AnswerDelay: world.Duration(boardroomDelay), Processing: plainRules()},
				{ID: "garden", Address: garden, Name: "Garden", TimeZone: "Europe/Berlin", AnswerDelay: world.Duration(gardenDelay), Processing: plainRules()},
			},
		},
		{
			ID: "fab00000-0000-4000-8000-000000000000", Domain: "fabrikam.example", Name: "Fabrikam",
			People: []world.Person{{ID: "0b1ec700-0000-4000-8000-000000000005", Name: "Frank", Mail: frank}},
		},
	}}
}

// newOffice opens one in memory. change may alter the boardroom's rules.
func newOffice(t rapid.TB, change ...func(*world.Processing)) *office {
	t.Helper()
	o := &office{t: t, cfg: contoso(), now: monday}
	for _, c := range change {
		c(o.cfg.Tenants[0].Rooms[0].Processing)
	}
	o.open()
	return o
}

// open begins with what the file has: with a copy of it, if it was open before, as
// if its process had been killed.
func (o *office) open() {
	o.t.Helper()
	if o.file != nil && o.path != "" {
		text, err := os.ReadFile(o.path)
		if err == nil {
			o.path += "+"
			err = os.WriteFile(o.path, text, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a new one
			o.t.Fatal(err)
		}
	}
	w, err := world.New(o.cfg, "http://localhost")
	if err != nil {
		o.t.Fatal(err)
	}
	if o.file, err = table.Open(o.path); err != nil {
		o.t.Fatal(err)
	}
	if o.x, err = New(w, o.file, o.now, func(c Change) { o.changes = append(o.changes, c) }); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) box(address string) *Mailbox { return o.x.Mailbox(address) }

// wait lets time pass.
func (o *office) wait(d time.Duration) {
	o.now = o.now.Add(d)
	o.x.Settle(o.now)
}

// at reads a time of the rooms' zone, such as "12-01 10:00".
func at(clock string) time.Time {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", "2026-"+clock, zone)
	if err != nil {
		panic(err)
	}
	return when.UTC()
}

func attendees(addresses ...string) []Attendee {
	var all []Attendee
	for _, address := range addresses {
		a := Attendee{Type: "required", EmailAddress: Address{Address: address}}
		if address == boardroom || address == garden {
			a.Type = "resource"
		}
		all = append(all, a)
	}
	return all
}

// event is an hour, not yet created.
func (o *office) event(organizer, start string, invited ...string) *Event {
	e := NewEvent(o.now, o.box(organizer).Owner)
	e.Subject, e.Body.Content = "Review", "Agenda"
	e.Start, e.End, e.StartZone, e.EndZone = at(start), at(start).Add(time.Hour), "Europe/Berlin", "Europe/Berlin"
	e.Attendees = attendees(invited...)
	return e
}

// daily makes a series of it.
func daily(e *Event, n int) *Event {
	e.Recurrence = &Recurrence{
		Pattern: Pattern{Type: Daily, Interval: 1},
		Range:   Range{Type: Numbered, StartDate: DayOf(e.Start.In(e.zone())).String(), NumberOfOccurrences: n},
	}
	return e
}

func (o *office) create(e *Event) Item {
	o.t.Helper()
	made, err := o.x.Create(o.box(e.Organizer.Address), e, o.now)
	if err != nil {
		o.t.Fatalf("creating: %v", err)
	}
	return Item{Event: made}
}

func (o *office) update(it Item, change func(*Event)) Item {
	o.t.Helper()
	changed := it.Clone()
	change(changed)
	it, err := o.x.Update(it, changed, o.now)
	if err != nil {
		o.t.Fatalf("updating: %v", err)
	}
	return it
}

// only returns the one item of a mailbox, series as their masters.
func (o *office) only(address string) Item {
	o.t.Helper()
	items := o.box(address).Items("*")
	if len(items) != 1 {
		o.t.Fatalf("%s has %d events, want 1", address, len(items))
	}
	return items[0]
}

// on returns an occurrence of a series, which has to happen.
func (o *office) on(it Item, day string) Item {
	o.t.Helper()
	occurrence, there := it.occurrence(DayOf(at(day + " 12:00")))
	if !there {
		o.t.Fatalf("nothing on %s", day)
	}
	return occurrence
}

// days are when a series happens, such as "12-01 10:00".
func days(it Item) []string {
	var all []string
	zone, _ := Zone("Europe/Berlin")
	for _, o := range it.Occurrences(it.Start, it.Start.AddDate(1, 0, 0)) {
		all = append(all, o.Start.In(zone).Format("01-02 15:04"))
	}
	return all
}

// says is an attendee's answer as the organizer has it.
func says(it Item, address string) string {
	if a := it.attendee(address); a != nil {
		return a.Status.Response
	}
	return "not invited"
}

func refusalCode(err error) string {
	if r, is := err.(*Refusal); is {
		return r.Code
	}
	return fmt.Sprint(err)
}

// views describe what all mailboxes hold, for comparing.
func (o *office) views() string {
	var b strings.Builder
	for _, m := range slices.SortedFunc(mailboxes(o.x), func(a, b *Mailbox) int { return cmp.Compare(a.address, b.address) }) {
		fmt.Fprintln(&b, m.address, m.Sequence(), m.DefaultName(), m.Calendars())
		for _, it := range m.View("*", o.now.AddDate(0, 0, -60), o.now.AddDate(0, 0, 60)) {
			fmt.Fprintln(&b, "  ", it.ID(false), it.ICalUID(), it.ETag(), it.Type(), it.Start.UTC(), it.End.UTC(), it.Subject, it.Response, it.ShowAs,
				it.Cancelled, it.Pending, it.AnswerDue.UTC(), it.Attendees)
		}
		removed, known := m.Removed(m.record.Forgotten)
		fmt.Fprintln(&b, len(removed), removed[max(0, len(removed)-3):], known)
	}
	return b.String()
}

func mailboxes(x *Exchange) func(func(*Mailbox) bool) {
	return func(yield func(*Mailbox) bool) {
		for _, m := range x.boxes {
			if !yield(m) {
				return
			}
		}
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}
