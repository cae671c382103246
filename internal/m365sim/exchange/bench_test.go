package exchange

import (
	"fmt"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// newCampus opens 200 rooms that 1,000 people have booked 250 times each, on 25
// days: 100,000 events.
func newCampus(b *testing.B) *office {
	b.Helper()
	o := &office{t: b, now: monday}
	t := world.Tenant{ID: "c0970500-0000-4000-8000-000000000000", Domain: "contoso.example", Name: "Contoso"}
	for i := range 1000 {
		t.People = append(t.People, world.Person{ID: fmt.Sprintf("0b1ec700-0000-4000-8000-%012d", i), Name: fmt.Sprintf("Person %d", i), Mail: person(i)})
	}
	for i := range 200 {
		t.Rooms = append(t.Rooms, world.Room{ID: fmt.Sprint(i), Address: room(i), Name: fmt.Sprintf("Room %d", i), TimeZone: "Europe/Berlin"})
	}
	w, err := world.New(world.Config{Tenants: []world.Tenant{t}}, "http://localhost")
	if err != nil {
		b.Fatal(err)
	}
	if o.file, err = table.Open(""); err != nil {
		b.Fatal(err)
	}
	if o.x, err = New(w, o.file, o.now, func(Change) {}); err != nil {
		b.Fatal(err)
	}
	for r := range 200 {
		for slot := range 250 {
			o.book(b, (r*250+slot)%1000, r, monday.AddDate(0, 0, 1+slot/10).Add(time.Duration(slot%10)*time.Hour))
		}
	}
	o.x.Settle(o.now)
	if o.x.Len() != 100_000 {
		b.Fatalf("%d events", o.x.Len())
	}
	return o
}

func person(i int) string { return fmt.Sprintf("person%d@contoso.example", i) }

func room(i int) string { return fmt.Sprintf("room%d@contoso.example", i) }

func (o *office) book(b *testing.B, p, r int, start time.Time) Item {
	e := NewEvent(o.now, o.box(person(p)).Owner)
	e.Subject, e.Start, e.End, e.StartZone, e.EndZone = "Review", start, start.Add(time.Hour), "UTC", "UTC"
	e.Attendees = []Attendee{{Type: "resource", EmailAddress: Address{Address: room(r)}}}
	made, err := o.x.Create(o.box(person(p)), e, o.now)
	if err != nil {
		b.Fatal(err)
	}
	return Item{Event: made}
}

func BenchmarkCampus(b *testing.B) {
	o := newCampus(b)
	free := monday.AddDate(0, 0, 100)
	b.Run("ViewOfARoomsDay", func(b *testing.B) {
		for i := range b.N {
			if items := o.box(room(i%200)).View("", monday.AddDate(0, 0, 3), monday.AddDate(0, 0, 4)); len(items) != 10 {
				b.Fatalf("%d events", len(items))
			}
		}
	})
	b.Run("CreateSettleAndCancel", func(b *testing.B) {
		for i := range b.N {
			it := o.book(b, i%1000, i%200, free)
			o.x.Settle(o.now)
			if says(it, room(i%200)) != Accepted {
				b.Fatal("not accepted")
			}
			o.x.Withdraw(o.box(it.Mailbox), it, o.now)
		}
	})
	b.Run("Create", func(b *testing.B) {
		for i := range b.N {
			o.book(b, i%1000, i%200, free)
		}
	})
	b.Run("SettleOne", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			o.x.Settle(o.now)
			o.book(b, i%1000, i%200, free)
			b.StartTimer()
			o.x.Settle(o.now)
		}
	})
}
