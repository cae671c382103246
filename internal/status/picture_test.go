package status

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/peers"
)

// What is wrong with the gateway itself, and with rooms, is told with whose it is.
func TestProblemsOfTheGateway(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	since := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
	for name, tt := range map[string]struct {
		change func(*Picture)
		whose  Owner
		want   string // part of it; "": there is no problem
	}{
		"nothing":                {func(*Picture) {}, "", ""},
		"a keyset":               {func(p *Picture) { p.KeysetProblem = "no key in it" }, Operator, "stays in use: no key in it"},
		"other keys":             {func(p *Picture) { p.Gateways = []peers.Gateway{{Seals: 1}, {Seals: 2}} }, Operator, "different keys"},
		"the same keys":          {func(p *Picture) { p.Gateways = []peers.Gateway{{Seals: 1}, {Seals: 1}} }, "", ""},
		"a full disk":            {func(p *Picture) { p.Store.Disk = &Disk{Free: 9, Least: 10} }, Operator, "is full"},
		"a nearly full disk":     {func(p *Picture) { p.Store.Disk = &Disk{Free: 19, Least: 10} }, Operator, "nearly full"},
		"room on the disk":       {func(p *Picture) { p.Store.Disk = &Disk{Free: 20, Least: 10} }, "", ""},
		"a slow feed":            {func(p *Picture) { p.Store.FeedLag = 7000 }, Operator, "late (7s)"},
		"no feed":                {func(p *Picture) { p.Store.FeedLag = math.MaxInt64 }, Operator, "late (not known)"},
		"an integration is gone": {func(p *Picture) { p.Gone = []Gone{{Name: "old", People: 3, Rooms: 1, Waiting: 2}} }, Operator, "3 people and the accounts of 1 room belong to the integration old, which is not configured any more: nobody of it can sign in or book, and 2 bookings wait"},
		"one person of one":      {func(p *Picture) { p.Gone = []Gone{{Name: "old", People: 1}} }, Operator, "1 person belongs to the integration old, which is not configured any more: nobody of it can sign in or book"},
		"shared cards":           {func(p *Picture) { p.SharedCards = [][]string{{"a", "b"}, {"c", "d"}} }, Operator, "2 card numbers belong"},
		"an old booking":         {func(p *Picture) { p.Bookings = Bookings{Accepted: 3, Oldest: since(2 * time.Hour)} }, Microsoft, "waits for Microsoft 365 since 2026-11-26"},
		"a young booking":        {func(p *Picture) { p.Bookings = Bookings{Accepted: 3, Oldest: since(time.Minute)} }, "", ""},
		"a booking for a person": {func(p *Picture) { p.Bookings = Bookings{NeedsSignIn: 3} }, "", ""},
		"a silent Graph":         {func(p *Picture) { p.Recent.Silence = Silence{Since: now, Calls: 5} }, Microsoft, "no answer since"},
		"calls that failed":      {func(p *Picture) { p.Recent.Silence = Silence{Since: now, Calls: 4} }, "", ""},
		"a room that is gone":    {func(p *Picture) { p.GoneRooms = []GoneRoom{{"boardroom", "contoso", 5}} }, Operator, "5 bookings that are not over are in the room boardroom of contoso, which is not configured any more"},
		"one booking of one":     {func(p *Picture) { p.GoneRooms = []GoneRoom{{"boardroom", "contoso", 1}} }, Operator, "1 booking that is not over is in the room"},
		"failed bookings":        {func(p *Picture) { p.Bookings = Bookings{Failed: 1} }, Operator, "1 booking has failed"},
	} {
		t.Run(name, func(t *testing.T) {
			var p Picture
			tt.change(&p)
			want(t, OfGateway(&p, now), tt.whose, tt.want)
		})
	}
	long := now.Add(-time.Hour)
	for name, tt := range map[string]struct {
		room  Room
		works bool
		seen  time.Time
		whose Owner
		want  string
	}{
		"not connected":            {Room{Connection: NotConnected}, true, time.Time{}, "", ""},
		"seen lately":              {Room{Connection: "connected", Looked: since(5 * time.Minute)}, true, time.Time{}, "", ""},
		"not seen for long":        {Room{Connection: "connected", Looked: since(time.Hour)}, true, long, Microsoft, "has not been seen for 1 hour:"},
		"never seen":               {Room{Connection: "connected"}, true, long, Microsoft, "has not been seen for 1 hour:"},
		"never, nor could it be":   {Room{Connection: "connected"}, true, now, "", ""},
		"seen since that was told": {Room{Connection: "connected", Looked: since(time.Minute)}, true, long, "", ""},
		"which isn't its own":      {Room{Connection: "connected", Looked: since(time.Hour)}, false, time.Time{}, "", ""},
		"to be connected again":    {Room{Connection: "needs_sign_in", Looked: since(time.Hour)}, true, time.Time{}, Operator, "no longer honours"},
		"private meetings exposed": {Room{Connection: "connected", Observed: Observed{Meetings: 3, Exposed: 2}}, true, time.Time{}, Administrator, "2 private meetings are no longer private"},
		"subjects replaced":        {Room{Connection: "connected", Observed: Observed{Meetings: 3, Replaced: 2}}, true, time.Time{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, OfRoom(tt.room, "https://ones.example.com", tt.works, tt.seen, now), tt.whose, tt.want)
		})
	}
}

func want(t *testing.T, got []Problem, whose Owner, part string) {
	t.Helper()
	switch {
	case part == "" && len(got) == 0:
	case part == "" || len(got) != 1 || got[0].Whose != whose || !strings.Contains(got[0].What, part) || got[0].Do == "":
		t.Errorf("told %+v, want %q, %s", got, part, whose)
	}
}

// All problems stand in one list, the gateway's own first.
func TestAllProblems(t *testing.T) {
	p := Picture{
		Own:          []Problem{{What: "a"}},
		Integrations: []Integration{{Name: "contoso", Problems: []Problem{{What: "b"}, {What: "c"}}}},
		Rooms:        []Room{{Name: "boardroom", Integration: "contoso", Problems: []Problem{{What: "d"}}}},
	}
	var got []string
	for _, found := range p.Problems() {
		got = append(got, found.What)
	}
	if want := []string{"a", "contoso: b", "contoso: c", "contoso: d"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if p.Integrations[0].Problems[0].What != "b" {
		t.Error("the picture has changed")
	}
}

// What is on its way is told by what it waits for.
func TestPrint(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	p := Picture{
		Version:  "v1.0.0",
		Bookings: Bookings{Waiting: 6, Accepted: 1, AwaitingRoom: 2, NeedsSignIn: 3, Oldest: new(now.Add(-time.Minute)), Failed: 4},
		Rooms: []Room{{
			Name: "boardroom", Title: "Boardroom", Integration: "contoso", Connection: "connected", Looked: new(now.Add(-20 * time.Second)),
			Policy:   Policy{TimeZone: "Asia/Hong_Kong", MaxMinutes: 90, WindowDays: 60, CheckInMinutes: 10, Capacity: 12, Group: "10"},
			Observed: Observed{Meetings: 3, Replaced: 1, Exposed: 2, Declined: map[string]int{"The room is taken.": 2, "Beyond its window.": 1}},
		}},
		Integrations: []Integration{{Name: "contoso", ConsentURL: "https://login.example/adminconsent"}},
		Recent:       Recent{Since: now.Add(-time.Hour), Slots: []Slot{{Confirmed: 1, Declined: 2, Failed: 3, SignIns: 4, SignInsFailed: 5, Calls: 6, Throttled: 7, CallsFailed: 8}}},
	}
	var told bytes.Buffer
	if err := p.Print(&told, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 to be sent, 2 to be answered by their rooms, 3 to be gone on with once their organizers have signed in; the oldest was made 1 minute ago; 4 failed within 7 days\n",
		": 1 booking confirmed, 2 declined, 3 failed; 4 sign-ins, 5 in vain; 6 calls to Microsoft Graph, 7 refused as too many, 8 failed\n",
		"boardroom (Boardroom) of contoso: connected, its calendar was seen 20 seconds ago; shows another subject than was given for 1 of 3 meetings; shows 2 meetings that had to be private\n" +
			"  policy     1 hour 30 minutes at most, up to 60 days ahead, check-in within 10 minutes, times of Asia/Hong_Kong, 12 people, group 10\n" +
			"  declined   1 booking within 7 days: Beyond its window.\n" +
			"  declined   2 bookings within 7 days: The room is taken.\n",
		"\n  consent    https://login.example/adminconsent\n",
	} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("told\n%s\nwithout %q", told.String(), want)
		}
	}
	told.Reset()
	p.Bookings = Bookings{}
	if err := p.Print(&told, now); err != nil || !strings.Contains(told.String(), "none waits; 0 failed") {
		t.Errorf("told\n%s, %v", told.String(), err)
	}
}
