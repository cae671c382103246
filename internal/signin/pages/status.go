package pages

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	plurals "github.com/dustin/go-humanize/english"

	"github.com/onesgate/onesgate/internal/status"
)

// The pages for whoever operates the gateway. They are in English alone, as are the
// commands and the log.
const (
	StatusPath         = "/.ones/status"
	StatusPeoplePath   = "/.ones/status/people"
	StatusBookingsPath = "/.ones/status/bookings"
)

// Status is the page that shows how the gateway stands.
type Status struct {
	Picture *status.Picture
	// Now is when that was.
	Now time.Time
	// Zone is that of the times in the page; nil: UTC.
	Zone *time.Location
	// RoomsPath is the path below which NAME/connect and NAME/disconnect take the forms of
	// a room.
	RoomsPath string
	// FormAction is as in Logout: connecting leads to Microsoft.
	FormAction []string
}

// People is the page that shows who has signed in.
type People struct {
	// Found are those that were asked for.
	Found []Person
	// Search, State and Integration are what was asked for; "": anything.
	Search, State, Integration string
	// Integrations are those that can be asked for.
	Integrations []string
	// First says that the list has not begun in the middle. Next goes on with it; "": there
	// is no more.
	First bool
	Next  string
	Now   time.Time
	Zone  *time.Location
}

// A Person is somebody who has signed in, as operators are shown them.
type Person struct {
	ID, Name, Email, CardNumber, Integration string
	Connection                               string
	Since, LastSeen                          time.Time
	// Reason is why Microsoft has refused the connection, in its codes.
	Reason string
}

// Status writes the page with status 200.
func (r *Renderer) Status(w http.ResponseWriter, req *http.Request, data Status) {
	v := r.operatorsView(req, "status", "How the gateway stands", data.Zone)
	v.Data = statusView{Status: data, clockwork: clockwork{data.Now}, Problems: data.Picture.Problems(), Charts: charts(data.Picture.Recent, data.Zone)}
	write(w, r.status, http.StatusOK, formAction(data.FormAction), v)
}

// People writes the page with status 200.
func (r *Renderer) People(w http.ResponseWriter, req *http.Request, data People) {
	v := r.operatorsView(req, "people", "People", data.Zone)
	v.Data = peopleView{People: data, clockwork: clockwork{data.Now}}
	write(w, r.people, http.StatusOK, formAction(nil), v)
}

// operatorsView is newView for the operator's pages: wide, with a script.
func (r *Renderer) operatorsView(req *http.Request, kind, title string, zone *time.Location) *view {
	v := r.newViewIn(English, kind)
	v.Operator, v.Title, v.zone = true, title, zone
	return v
}

// clockwork tells how long ago something was.
type clockwork struct{ now time.Time }

// Ago tells it in words.
func (c clockwork) Ago(t time.Time) string { return humanize.RelTime(t, c.now, "ago", "from now") }

// Spell is a time of so many minutes in words.
func (clockwork) Spell(minutes int) string { return status.Spell(minutes) }

// Count is a number of things in words.
func (clockwork) Count(n int, one, many string) string { return plurals.Plural(n, one, many) }

// statusView is the page with what follows from the picture.
type statusView struct {
	Status
	clockwork
	Problems []status.Problem
	Charts   []chart
}

// Bytes is a size in words.
func (statusView) Bytes(n uint64) string { return humanize.IBytes(n) }

// Records tell how many there are of a kind.
func (s statusView) Records(kind, one, many string) string {
	n := s.Picture.Store.Records[kind]
	return humanize.Comma(int64(n)) + " " + plurals.PluralWord(n, one, many)
}

// Connected are the people of all integrations whose connection works, and Known all.
func (s statusView) Connected() (n int) {
	for _, i := range s.Picture.Integrations {
		n += i.People.Connected
	}
	return n
}

// Known: see Connected.
func (s statusView) Known() (n int) {
	for _, i := range s.Picture.Integrations {
		p := i.People
		n += p.Connected + p.NeedsSignIn + p.NeedsAdminConsent + p.NoMailbox
	}
	return n
}

// RoomsConnected are the rooms whose account works.
func (s statusView) RoomsConnected() (n int) {
	for _, r := range s.Picture.Rooms {
		if r.Connection == string(Connected) {
			n++
		}
	}
	return n
}

// Copy is a text to be pasted elsewhere.
func (statusView) Copy(what, text string) copied { return copied{what, text} }

type copied struct{ What, Text string }

// Works is how an integration stands, for a badge: its class and its words.
func (s statusView) Works(i status.Integration) badge {
	switch {
	case i.Works == nil:
		return badge{"", "not asked yet"}
	case *i.Works:
		return badge{"good", "works"}
	}
	return badge{"bad", "does not work, since " + s.Ago(*i.Since)}
}

// Credential is how long a credential lasts.
func (s statusView) Credential(c status.Credential) badge {
	switch {
	case c.Refused != nil:
		return badge{"bad", "refused since " + s.Ago(*c.Refused)}
	case c.DaysLeft == nil:
		return badge{"", "its end is not known"}
	case *c.DaysLeft < 0:
		return badge{"bad", "expired"}
	case *c.DaysLeft == 0:
		return badge{"bad", "ends within a day"}
	case c.EndsSoon():
		return badge{"bad", plurals.Plural(*c.DaysLeft, "day", "days") + " left"}
	}
	return badge{"good", plurals.Plural(*c.DaysLeft, "day", "days") + " left"}
}

// About is what a credential is, unless its name says so.
func (statusView) About(c status.Credential) string {
	if c.About == strings.TrimRight(c.Name, " 0123456789") {
		return ""
	}
	return c.About
}

// Observed tells what Exchange was seen to do with meetings in a room; "": nothing of note.
func (statusView) Observed(o status.Observed) []string {
	var told []string
	meetings := plurals.Plural(o.Meetings, "meeting", "meetings")
	switch {
	case o.Meetings == 0:
	case o.Replaced > 0:
		told = append(told, fmt.Sprintf("Subject replaced in %d of %s", o.Replaced, meetings))
	default:
		told = append(told, "Subjects kept ("+meetings+")")
	}
	if o.Exposed > 0 {
		told = append(told, "Private flag lost: "+plurals.Plural(o.Exposed, "meeting", "meetings"))
	}
	return told
}

// Refused tells why a room has declined bookings lately, by how often.
func (statusView) Refused(o status.Observed) []refusal {
	return refusals(o.Declined)
}

// peopleView is the page with what its form offers.
type peopleView struct {
	People
	clockwork
}

// States are those that people can be listed by.
func (peopleView) States() []Connection {
	return []Connection{Connected, NeedsSignIn, NeedsConsent, NoMailbox, Unavailable}
}

// State is a state of a connection in words.
func (peopleView) StateWords(c Connection) string { return connectionBadges[c].Text }

// Badge is how somebody's connection stands.
func (peopleView) Badge(connection string) badge { return connectionBadge(connection) }

// Room is how a room's connection stands.
func (statusView) Room(connection string) badge { return connectionBadge(connection) }

// A badge is a word with a colour.
type badge struct{ Class, Text string }

var connectionBadges = map[Connection]badge{
	Connected:    {"good", "connected"},
	NeedsSignIn:  {"bad", "to sign in again"},
	NeedsConsent: {"bad", "waits for an administrator"},
	NoMailbox:    {"", "without a mailbox"},
	Unavailable:  {"bad", "gets no token now"},
	NotConnected: {"", "not connected"},
}

func connectionBadge(connection string) badge {
	if b, ok := connectionBadges[Connection(connection)]; ok {
		return b
	}
	return connectionBadges[Unavailable]
}
