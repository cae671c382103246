package booking

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at is a period in hours of a day.
func at(from, to int) period {
	day := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	return period{day.Add(time.Duration(from) * time.Hour), day.Add(time.Duration(to) * time.Hour)}
}

func TestNextFree(t *testing.T) {
	tests := []struct {
		name string
		busy []period
		want period
		free period
		ok   bool
	}{
		{"nothing busy", nil, at(10, 11), at(10, 11), true},
		{"taken", []period{at(10, 11)}, at(10, 11), at(11, 12), true},
		{"touching is free", []period{at(9, 10), at(11, 12)}, at(10, 11), at(10, 11), true},
		{"the gap is too short", []period{at(10, 11), at(12, 13)}, at(10, 12), at(13, 15), true},
		{"unsorted and nested", []period{at(14, 15), at(10, 14), at(11, 12)}, at(10, 11), at(15, 16), true},
		{"nothing before the end", []period{at(10, 24)}, at(10, 11), period{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			free, ok := nextFree(tt.busy, tt.want, at(24, 24).start)
			if ok != tt.ok || ok && free != tt.free {
				t.Errorf("got %v, %v; want %v, %v", free, ok, tt.free, tt.ok)
			}
		})
	}
}

func TestNextFreeIsFreeAndTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var busy []period
		for range rapid.IntRange(0, 6).Draw(t, "busy") {
			from := rapid.IntRange(0, 20).Draw(t, "from")
			busy = append(busy, at(from, from+rapid.IntRange(1, 4).Draw(t, "length")))
		}
		from := rapid.IntRange(0, 20).Draw(t, "start")
		want := at(from, from+rapid.IntRange(1, 3).Draw(t, "duration"))
		free, ok := nextFree(busy, want, at(100, 100).start)
		if !ok || taken(busy, free) || free.duration() != want.duration() || free.start.Before(want.start) {
			t.Fatalf("got %v, %v; want a free period from %v", free, ok, want)
		}
		for p := want; p.start.Before(free.start); p = (period{p.start.Add(time.Hour), p.end.Add(time.Hour)}) {
			if !taken(busy, p) {
				t.Fatalf("got %v, but %v is free before", free, p)
			}
		}
	})
}

func TestRankRooms(t *testing.T) {
	wanted := Room{Name: "wanted", Integration: "c", Capacity: 10, Group: "10"}
	rooms := []Room{
		wanted,
		{Name: "elsewhere-large", Integration: "c", Capacity: 50},
		{Name: "elsewhere-fits", Integration: "c", Capacity: 11},
		{Name: "same-floor-small", Integration: "c", Capacity: 8, Group: "10"},
		{Name: "same-floor-fits", Integration: "c", Capacity: 12, Group: "10"},
		{Name: "other-tenant", Integration: "f", Capacity: 10, Group: "10"},
	}
	var got []string
	for _, r := range rankRooms(rooms, wanted) {
		got = append(got, r.Name)
	}
	if want := "[same-floor-fits same-floor-small elsewhere-fits elsewhere-large]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestMerge(t *testing.T) {
	mine := &record{PersonID: alice.ID, ID: "b1", Request: Request{Subject: "mine"}}
	private := &record{PersonID: bob.ID, ID: "b2", Request: Request{Subject: "secret", Private: true}}
	own := []block{{period: at(12, 13), status: tentative, record: private}, {period: at(10, 11), status: tentative, record: mine}}
	seen := []block{
		{period: at(10, 11), status: busy, subject: "Alice Chan"},
		{period: at(12, 13), status: busy, subject: "secret"},
		{period: at(9, 10), status: "oof", subject: "cleaning"},
	}
	want := map[string]string{ // by who looks
		"alice":   "oof cleaning -; busy mine b1; busy  -; ",
		"bob":     "oof cleaning -; busy Alice Chan -; busy secret b2; ",
		"service": "oof cleaning -; busy mine b1; busy  b2; ",
	}
	for name, c := range map[string]Caller{"alice": {Person: &alice}, "bob": {Person: &bob}, "service": {Service: "ones"}} {
		got := ""
		for _, b := range merge(own, seen) {
			told := b.seenBy(c, time.UTC)
			id := told.BookingID
			if id == "" {
				id = "-"
			}
			got += told.Status + " " + told.Subject + " " + id + "; "
		}
		if got != want[name] {
			t.Errorf("%s sees %q, want %q", name, got, want[name])
		}
	}
}

// The meeting's iCalUId tells which block of the room's calendar is ours, also where
// the meeting was moved in Outlook: what is private stays so.
func TestMergeByICalUID(t *testing.T) {
	private := &record{PersonID: bob.ID, ID: "b1", ICalUID: "uid-1", Request: Request{Subject: "secret", Private: true}}
	series := &record{PersonID: bob.ID, ID: "b2", ICalUID: "uid-2", Request: Request{Subject: "daily"}}
	own := []block{{period: at(10, 11), status: tentative, record: private}, {period: at(14, 15), status: tentative, record: series}}
	for name, tt := range map[string]struct {
		seen []block
		want string
	}{
		"in its place": {
			[]block{{period: at(10, 11), status: busy, subject: "other", uid: "uid-9"}, {period: at(10, 11), status: "oof", subject: "secret", uid: "uid-1"}},
			"10 oof  b1; 10 busy other -; 14 tentative daily b2; ",
		},
		"moved": {
			[]block{{period: at(12, 13), status: busy, subject: "secret", uid: "uid-1"}},
			"10 tentative  b1; 12 busy  b1; 14 tentative daily b2; ",
		},
		"an occurrence has another one": {
			[]block{{period: at(14, 15), status: busy, subject: "daily", uid: "uid-2-1"}},
			"10 tentative  b1; 14 busy daily b2; ",
		},
		"not known": {
			[]block{{period: at(10, 11), status: busy, subject: "secret"}},
			"10 busy  b1; 14 tentative daily b2; ",
		},
	} {
		got := ""
		for _, b := range merge(own, tt.seen) {
			told := b.seenBy(Caller{Service: "ones"}, time.UTC)
			got += fmt.Sprintf("%d %s %s %s; ", told.Start.Hour(), told.Status, told.Subject, cmp.Or(told.BookingID, "-"))
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	var got []int
	for n := range 13 {
		got = append(got, int(backoff(n)/time.Second))
	}
	if want := "[1 1 2 4 8 15 30 60 120 240 480 900 900]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		4 * time.Hour: "4h", 90 * time.Minute: "1h30m", 24 * time.Hour: "24h", 60 * 24 * time.Hour: "60 days", 10 * time.Minute: "10m",
	} {
		if got := words(d); got != want {
			t.Errorf("words(%v): got %q, want %q", d, got, want)
		}
	}
}
