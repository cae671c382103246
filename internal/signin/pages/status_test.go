package pages

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/status"
)

// busy is how a gateway stands that has all kinds of trouble.
func busy() Status {
	now := noon.UTC()
	ago := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
	clock := now.Add(-23 * time.Hour)
	r := status.NewRecorder(func() time.Time { return clock })
	for i := range 92 {
		for range i * i % 7 {
			r.Confirmed()
			r.SignedIn(true)
		}
		if i%9 == 0 {
			r.Declined()
			r.SignedIn(false)
		}
		for n := range 40 {
			r.Called(http.StatusOK, time.Duration(60+(i*n)%400)*time.Millisecond)
		}
		if i > 60 && i < 64 {
			r.Called(http.StatusTooManyRequests, 10*time.Millisecond)
			r.Failed()
		}
		clock = clock.Add(15 * time.Minute)
	}
	p := &status.Picture{
		Version: "v1.2.3", PublicURL: "https://ones.contoso.com",
		Redirects: status.Redirects{
			People: "https://ones.contoso.com/.ones/callback", Rooms: "https://ones.contoso.com/.ones/rooms/callback",
			SignedOut: "https://ones.contoso.com/.ones/signed-out", FrontchannelLogout: "https://ones.contoso.com/.ones/frontchannel-logout",
		},
		Gateways: []peers.Gateway{{Name: "gate-1, process 17", Version: "v1.2.3", Started: *ago(50 * time.Hour)}, {Name: "gate-2, process 4", Version: "v1.2.3", Started: *ago(49 * time.Hour)}},
		Store: status.Store{
			Engine: "badger", Counted: *ago(40 * time.Second), FeedLag: 12, Disk: &status.Disk{Used: 734 << 20, Free: 900 << 20, Least: 512 << 20},
			Records:    map[string]int{"people": 1234, "grants": 1100, "bookings": 98765, "sessions": 420},
			LastBackup: &status.Backup{At: *ago(30 * time.Hour), Records: 123456, Bytes: 200 << 20},
		},
		Integrations: []status.Integration{
			{
				Name: "contoso", Works: new(true), Waiting: 4,
				ConsentURL: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0/adminconsent?client_id=99999999-8888-7777-6666-555555555555&scope=openid+offline_access+Calendars.ReadWrite.Shared",
				Credentials: []status.Credential{
					{Name: "client_secret 1", About: "client_secret that expires on 2027-09-01", DaysLeft: new(279), Expires: ago(-279 * 24 * time.Hour)},
					{Name: "client_secret 2", About: "client_secret", DaysLeft: new(8), Expires: ago(-8 * 24 * time.Hour), Refused: ago(3 * time.Hour)},
				},
				People:   status.People{Connected: 1100, NeedsSignIn: 120, Disconnected: 20, NeedsAdminConsent: 10, NoMailbox: 4},
				Problems: []status.Problem{{What: "client_secret 2 expires on 2026-12-04, in 8 days; when none is left, nobody can sign in or book", Whose: status.Operator, Do: "another one works, so take the line of this one out of the Caddyfile and reload"}},
			},
			{
				Name: "fabrikam", Works: new(false), Since: ago(20 * time.Minute), Ailing: 3,
				Credentials: []status.Credential{{Name: "client_certificate 1", About: "client_certificate /etc/onesgate/fabrikam.pem"}},
				Problems:    []status.Problem{{What: "Microsoft can't be reached or gives no answer (no such host): nobody can sign in, and bookings wait. Nobody's connection is harmed", Whose: status.Microsoft, Do: "see whether this machine reaches the internet (DNS, proxy, firewall), then Microsoft's service health; the gateway goes on trying"}},
			},
			{Name: "tailspin", Credentials: []status.Credential{}},
		},
		Rooms: []status.Room{
			{
				Name: "boardroom", Title: "Boardroom 董事會議室", Integration: "contoso", Address: "boardroom@contoso.onmicrosoft.com", Connection: "connected", Looked: ago(12 * time.Second),
				Policy:   status.Policy{TimeZone: "Asia/Hong_Kong", Capacity: 12, Group: "10th floor", MaxMinutes: 240, WindowDays: 60, CheckInMinutes: 10},
				Observed: status.Observed{Meetings: 31, Replaced: 30, Exposed: 2, Declined: map[string]int{"The room declined: somebody else has it at that time.": 3, "The room declined though it is free at that time: its policy doesn't allow this booking.": 5}},
				Problems: []status.Problem{{What: "2 private meetings are no longer private in the calendar of boardroom: whoever may look into it sees what they are about", Whose: status.Administrator, Do: "have RemovePrivateProperty switched off for its mailbox: onesgate ones room-policy prints the script"}},
			},
			{Name: "harbour", Title: "Harbour", Integration: "contoso", Address: "harbour@contoso.com", Connection: "needs_sign_in", Policy: status.Policy{TimeZone: "UTC", MaxMinutes: 1440, WindowDays: 180, KeepDeclined: true}, Observed: status.Observed{Meetings: 2}},
			{Name: "library", Title: "library", Integration: "fabrikam", Address: "library@fabrikam.com", Connection: status.NotConnected, Policy: status.Policy{TimeZone: "Europe/London", MaxMinutes: 95, WindowDays: 1}},
		},
		Bookings: status.Bookings{Waiting: 4, Accepted: 1, AwaitingRoom: 2, NeedsSignIn: 1, Oldest: ago(9 * time.Minute), Failed: 3},
		Recent:   r.Recent(),
		Own:      []status.Problem{{What: "the disk of the store is nearly full: at less than 512 MiB nobody can sign in or book", Whose: status.Operator, Do: "make room on it; 900 MiB are free"}},
	}
	return Status{
		Picture: p, Now: now, Zone: noon.Location(), RoomsPath: "/.ones/rooms/",
		FormAction: []string{"https://login.microsoftonline.com"},
	}
}

// quiet is how one stands that was just started.
func quiet() Status {
	now := noon.UTC()
	return Status{Picture: &status.Picture{
		Version: "(devel)", Recent: status.NewRecorder(func() time.Time { return now }).Recent(), Store: status.Store{Engine: "badger", Counted: now},
	}, Now: now, RoomsPath: "/.ones/rooms/"}
}

// somebody are two who have signed in, of more.
func somebody() People {
	return People{
		Found: []Person{
			{ID: "11111111-2222-3333-4444-555555555555.AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", Name: "Alice Chan 陳", Email: "alice@contoso.com", CardNumber: "4711", Integration: "contoso", Connection: "connected", Since: noon.Add(-90 * time.Hour), LastSeen: noon.Add(-time.Hour)},
			{ID: "11111111-2222-3333-4444-555555555555.BBBBBBBBBBBBBBBBBBBBBIkzqFVrSaSaFHy782bbtaQ", Email: "bob@contoso.com", Integration: "contoso", Connection: "needs_sign_in", Since: noon.Add(-2 * time.Hour), LastSeen: noon.Add(-70 * time.Hour), Reason: "invalid_grant bad_token AADSTS50173"},
			{ID: "11111111-2222-3333-4444-555555555555.CCCC", Integration: "fabrikam", Connection: "something new"},
		},
		Search: "con", State: "needs_sign_in", Integrations: []string{"contoso", "fabrikam"}, Next: "cursor", Now: noon, Zone: noon.Location(),
	}
}

// waiting are bookings of all kinds.
func waiting() Bookings {
	b := Booking{
		ID: "01JDM7YB3ZK6W2N4Q8RXT5VCEH", State: "waiting", Status: "accepted", Integration: "contoso", Room: "boardroom", Organizer: "alice@contoso.com",
		Start: noon.Add(40 * time.Hour), End: noon.Add(41 * time.Hour), Created: noon.Add(-9 * time.Minute),
		Tries: 1, Error: "503 serviceUnavailable", NextAt: noon.Add(30 * time.Second),
	}
	asked, moved, failed, confirmed := b, b, b, b
	asked.ID, asked.Status, asked.Tries, asked.Error, asked.Private, asked.Working = "2", "awaiting_room", 0, "", true, true
	moved.ID, moved.Status, moved.Change, moved.Series, moved.Tries = "3", "confirmed", "update", true, 0
	failed.ID, failed.State, failed.Status, failed.Reason, failed.NextAt = "4", "failed", "failed", "Microsoft 365 refuses it: the mailbox is full.", time.Time{}
	confirmed.ID, confirmed.State, confirmed.Status, confirmed.Tries, confirmed.Error, confirmed.NextAt = "5", "confirmed", "confirmed", 0, "", time.Time{}
	return Bookings{
		Found: []Booking{b, asked, moved, failed, confirmed}, State: "waiting", First: true, Next: "00001764165600000/5", Now: noon, Zone: noon.Location(),
		States: []string{"waiting", "accepted", "awaiting_room", "needs_sign_in", "confirmed", "failed", "declined", "expired", "unanswered", "cancelled", "released"},
	}
}

// tried is the first of them.
func tried() Journal {
	return Journal{
		Booking: waiting().Found[0], Next: "The event is to be made in the organizer's calendar.", Ahead: 2, RoomResponse: "none", Service: "ones", ExternalID: "ONES-4711",
		EventID: "AAMkAGI1AAAt9AHjAAA=AAMkAGI1AAAt9AHjAAA=AAMkAGI1AAAt9AHjAAA=", ICalUID: "040000008200E00074C5B7101A82E00800000000", CheckedIn: noon,
		Steps: []Step{
			{At: noon.Add(-9 * time.Minute), What: "accepted", By: "ones"},
			{At: noon.Add(-8 * time.Minute), What: "tried", Code: "503 serviceUnavailable", Times: 4, Until: noon.Add(-time.Minute)},
			{At: noon, What: "retry_asked", By: "operator"},
			{At: noon, What: "extend_declined"},
		},
		Now: noon, Zone: noon.Location(),
	}
}

// operators draws one of the operator's pages for a reader of any language, and checks
// what each must hold.
func operators(t *testing.T, draw func(http.ResponseWriter, *http.Request)) (*http.Response, string) {
	t.Helper()
	res, body := render(t, English, draw)
	for _, want := range []string{"script-src 'self'", "connect-src 'self'"} {
		if !strings.Contains(res.Header.Get("Content-Security-Policy"), want) {
			t.Errorf("the policy is %q, want %q in it", res.Header.Get("Content-Security-Policy"), want)
		}
	}
	return res, body
}

// squeeze is what a part of a page says, with single spaces, also where there is a line
// on the screen.
func squeeze(t *testing.T, body, element, id string) string {
	t.Helper()
	body = strings.NewReplacer("</dt>", "</dt> ", "</li>", "</li> ").Replace(body)
	return strings.Join(strings.Fields(text(find(t, body, element, id))), " ")
}

// The page tells each problem with whose it is and what to do, and all that the picture has.
func TestStatusPage(t *testing.T) {
	res, body := operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.Status(w, req, busy()) })
	if res.StatusCode != http.StatusOK || formActionOf(res) != "'self' https://login.microsoftonline.com" {
		t.Errorf("%d, form-action %q", res.StatusCode, formActionOf(res))
	}
	if got := attr(find(t, body, "div", "problems"), "data-count"); got != "4" {
		t.Errorf("%s problems", got)
	}
	problems := squeeze(t, body, "div", "problems")
	for _, p := range busy().Picture.Problems() {
		if want := p.What + " Whose it is " + p.Whose.Words() + " What to do " + p.Do; !strings.Contains(problems, want) {
			t.Errorf("the problems are %s\nwithout %q", problems, want)
		}
	}
	for id, wants := range map[string][]string{
		"ul tiles": {"4 problems", "1100 of 1234 people connected", "1 of 3 rooms connected", "4 bookings wait"},
		"div integrations": {
			"contoso works", "client_secret 1 client_secret that expires on 2027-09-01 279 days left", "client_secret 2 refused since 3 hours ago",
			"To sign in again 120 (20 disconnected)", "adminconsent?client_id=99999999-8888-7777-6666-555555555555",
			"fabrikam does not work, since 20 minutes ago 3 connections wait for that to pass.", "its end is not known", "tailspin not asked yet",
		},
		"div rooms": {
			"Boardroom 董事會議室 connected boardroom of contoso, boardroom@contoso.onmicrosoft.com Calendar seen 12 seconds ago Longest booking 4 hours How far ahead 60 days Check-in within 10 minutes If the room declines the event is cancelled Time zone Asia/Hong_Kong Capacity 12 Group 10th floor",
			"Subject replaced in 30 of 31 meetings", "Private flag lost: 2 meetings", "Declined within 7 days: 5 × The room declined though it is free at that time: its policy doesn't allow this booking. 3 × The room declined: somebody else has it",
			"Harbour to sign in again", "the event stays", "Subjects kept (2 meetings)", "library not connected", "1 hour 35 minutes", "Check-in none",
		},
		"dl bookings": {"To be sent to Microsoft 365 1", "To be answered by their rooms 2", "Waiting for their organizer's sign-in 1", "made 9 minutes ago", "Failed within 7 days 3"},
		"dl store":    {"734 MiB used, 900 MiB free", "1,234 people, 1,100 grants, 98,765 bookings, 420 sessions", "40 seconds ago", "12ms", "25 November 2026, 14:00 UTC+08:00, 1 day ago, 200 MiB", "gate-1, process 17, v1.2.3", "gate-2, process 4"},
	} {
		element, id, _ := strings.Cut(id, " ")
		got := squeeze(t, body, element, id)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("#%s says %s\nwithout %q", id, got, want)
			}
		}
	}
	for _, uri := range []string{"callback", "rooms/callback", "signed-out", "frontchannel-logout"} {
		if want := "<code>https://ones.contoso.com/.ones/" + uri + "</code>"; !strings.Contains(body, want) {
			t.Errorf("%s is not to be copied", want)
		}
	}
	if n := strings.Count(body, "data-copy hidden>"); n != 5 || strings.Count(body, "data-copy") != n {
		t.Errorf("%d buttons to copy wait for the script", n)
	}
}

// Rooms are connected and disconnected by forms, those that are not connected only by one.
func TestFormsOfRooms(t *testing.T) {
	_, body := operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.Status(w, req, busy()) })
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			told := attr(n, "method") + " " + attr(n, "action")
			for c := range n.Descendants() {
				if c.Data == "input" {
					told += " " + attr(c, "name") + "=" + attr(c, "value")
				}
			}
			got = append(got, told+": "+strings.Join(strings.Fields(text(n)), " "))
		}
	}
	want := []string{
		"post /.ones/rooms/boardroom/connect: Connect again Boardroom 董事會議室", "post /.ones/rooms/boardroom/disconnect back=status: Disconnect Boardroom 董事會議室",
		"post /.ones/rooms/harbour/connect: Connect again Harbour", "post /.ones/rooms/harbour/disconnect back=status: Disconnect Harbour",
		"post /.ones/rooms/library/connect: Connect library",
	}
	if !slices.Equal(got, want) {
		t.Errorf("forms %q,\nwant %q", got, want)
	}
}

// Where nothing has happened yet, that is said.
func TestStatusPageOfAQuietGateway(t *testing.T) {
	res, body := operators(t, func(w http.ResponseWriter, req *http.Request) {
		req.Header.Set("Accept-Language", "zh-HK") // operators read English
		renderer.Status(w, req, quiet())
	})
	if got := squeeze(t, body, "div", "problems"); got != "Nothing, as far as this gateway knows." || formActionOf(res) != "'self'" {
		t.Errorf("the problems are %q, form-action %q", got, formActionOf(res))
	}
	for id, want := range map[string]string{"div rooms": "No room is configured.", "dl store": "never; make one with onesgate ones backup", "dl bookings": "none", "div charts": "0 sign-ins, 0 in vain since"} {
		element, id, _ := strings.Cut(id, " ")
		if got := squeeze(t, body, element, id); !strings.Contains(got, want) {
			t.Errorf("#%s says %q, want %q in it", id, got, want)
		}
	}
}

// What was asked for stays in the form, and goes with it to the next part.
func TestPeoplePage(t *testing.T) {
	res, body := operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.People(w, req, somebody()) })
	if res.StatusCode != http.StatusOK || formActionOf(res) != "'self'" {
		t.Errorf("%d, form-action %q", res.StatusCode, formActionOf(res))
	}
	got := squeeze(t, body, "ul", "people")
	for _, want := range []string{
		"Alice Chan 陳 connected alice@contoso.com contoso, so since 23 November 2026, 02:00 UTC+08:00, last seen 1 hour ago, card 4711",
		"bob@contoso.com to sign in again", "Microsoft: invalid_grant bad_token AADSTS50173", "CCCC gets no token now",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("people: %s\nwithout %q", got, want)
		}
	}
	if got := attr(find(t, body, "input", "search"), "value"); got != "con" {
		t.Errorf("searched for %q", got)
	}
	for _, want := range []string{
		`<option value="needs_sign_in" selected>to sign in again</option>`, `<option value="contoso">contoso</option>`,
		`<input type="hidden" name="search" value="con"><input type="hidden" name="state" value="needs_sign_in"><input type="hidden" name="integration" value=""><input type="hidden" name="cursor" value="cursor">`,
		`id="first"`, `id="next"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	_, body = operators(t, func(w http.ResponseWriter, req *http.Request) {
		renderer.People(w, req, People{First: true, Integrations: []string{"contoso"}, Now: noon})
	})
	if strings.Contains(body, `id="next"`) || strings.Contains(body, `id="first"`) || strings.Contains(body, `id="integration"`) || !strings.Contains(body, "Nobody like that has signed in.") {
		t.Errorf("of nobody: %s", body)
	}
}

// Bookings tell how they stand, and never what they are about.
func TestBookingsPage(t *testing.T) {
	res, body := operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.Bookings(w, req, waiting()) })
	got := squeeze(t, body, "ul", "bookings")
	for _, want := range []string{
		"boardroom, 28 November 2026, 12:00 UTC+08:00 accepted, to be sent alice@contoso.com contoso, made 9 minutes ago, 1 try in vain (503 serviceUnavailable), carried on 30 seconds from now",
		"sent, to be answered by the room alice@contoso.com, private contoso, made 9 minutes ago, carried on now", "update under way alice@contoso.com, a series",
		"failed alice@contoso.com contoso, made 9 minutes ago, 1 try in vain (503 serviceUnavailable) Microsoft 365 refuses it: the mailbox is full.", "confirmed alice@contoso.com contoso, made 9 minutes ago",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("bookings: %s\nwithout %q", got, want)
		}
	}
	links := hrefs(t, body)
	for _, want := range []string{
		"/.ones/status/bookings/01JDM7YB3ZK6W2N4Q8RXT5VCEH", "/.ones/status/bookings?state=unanswered", "/.ones/status/bookings?state=waiting&cursor=00001764165600000%2f5",
	} {
		if !slices.Contains(links, want) {
			t.Errorf("links %q, without %q", links, want)
		}
	}
	if res.StatusCode != http.StatusOK || strings.Contains(body, `id="first"`) || !strings.Contains(body, `<a href="/.ones/status/bookings?state=waiting" aria-current="true">Under way</a>`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	_, body = operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.Bookings(w, req, Bookings{Now: noon}) })
	if got := squeeze(t, body, "ul", "bookings"); got != "There are no others." {
		t.Errorf("none of a later part: %q", got)
	}
}

// A booking tells what was done for it, and can be carried on unless somebody is at it.
func TestJournalPage(t *testing.T) {
	res, body := operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.Journal(w, req, tried()) })
	want := "Accepted, to be sent 26 November 2026, 19:51 UTC+08:00, by ones Tried in vain 503 serviceUnavailable 26 November 2026, 19:52 UTC+08:00, 4 times until 26 November 2026, 19:59 UTC+08:00 " +
		"To be tried at once 26 November 2026, 20:00 UTC+08:00, by operator Extend declined 26 November 2026, 20:00 UTC+08:00"
	if got := squeeze(t, body, "ol", "steps"); got != want || res.StatusCode != http.StatusOK {
		t.Errorf("%d, steps: %s\nwant   %s", res.StatusCode, got, want)
	}
	got := squeeze(t, body, "dl", "booking")
	for _, want := range []string{"Booked by the service ones", "Before it in the room's line 2", "In vain since the last progress 1, 503 serviceUnavailable", "Carried on 30 seconds from now", "External id ONES-4711", "Checked in 26 November"} {
		if !strings.Contains(got, want) {
			t.Errorf("told %s\nwithout %q", got, want)
		}
	}
	if !strings.Contains(body, `<form method="post" action="/.ones/status/bookings/01JDM7YB3ZK6W2N4Q8RXT5VCEH">`) {
		t.Error("it can't be carried on")
	}
	busy := tried()
	busy.Working, busy.Refused = true, "Nothing is under way for it."
	res, body = operators(t, func(w http.ResponseWriter, req *http.Request) { renderer.Journal(w, req, busy) })
	if strings.Contains(body, "<form") || res.StatusCode != http.StatusConflict || text(find(t, body, "p", "refused")) != busy.Refused {
		t.Errorf("%d, while a gateway is at it: %s", res.StatusCode, body)
	}
}
