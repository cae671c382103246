package status

import (
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/peers"
)

// Kinds of records, as people count them.
const (
	KindPeople   = "people"
	KindGrants   = "grants"
	KindBookings = "bookings"
	KindSessions = "sessions"
	KindGateways = "gateways"
	KindOther    = "other" // indexes, above all
)

// NotConnected is the connection of a room that no account stands for.
const NotConnected = "not_connected"

// A Picture is how a gateway stands.
type Picture struct {
	Version string `json:"version"`
	// PublicURL is where browsers reach it, and Redirects are what Azure has to know of it.
	PublicURL string    `json:"public_url"`
	Redirects Redirects `json:"redirect_uris"`
	// Gateways are all that stand on the store, this one too.
	Gateways []peers.Gateway `json:"gateways"`
	// KeysetProblem is why the keyset can't be taken as it is now.
	KeysetProblem string        `json:"keyset_problem,omitempty"`
	Store         Store         `json:"store"`
	Integrations  []Integration `json:"integrations"`
	// Gone are the integrations that are not configured any more, with what is left of them
	// at the time of Store.Counted.
	Gone  []Gone `json:"gone_integrations,omitempty"`
	Rooms []Room `json:"rooms"`
	// GoneRooms are those of which the same is true, of integrations that are configured.
	GoneRooms []GoneRoom `json:"gone_rooms,omitempty"`
	Bookings  Bookings   `json:"bookings"`
	// Recent is what has happened at this gateway alone.
	Recent Recent `json:"recent"`
	// SharedCards are the user ids, at most ten each, of people with one card
	// number, at the time of Store.Counted: nobody is found by it.
	SharedCards [][]string `json:"shared_cards,omitempty"`
	// Own are the problems of the gateway itself and of its store.
	Own []Problem `json:"problems"`
}

// Problems are all, each with where it is; the gateway's own come first.
func (p *Picture) Problems() []Problem {
	all := slices.Clone(p.Own)
	of := func(integration string, problems []Problem) {
		for _, found := range problems {
			found.What = integration + ": " + found.What
			all = append(all, found)
		}
	}
	for _, i := range p.Integrations {
		of(i.Name, i.Problems)
	}
	for _, r := range p.Rooms {
		of(r.Integration, r.Problems)
	}
	return all
}

// Redirects are the addresses that have to stand in the app registration.
type Redirects struct {
	People             string `json:"people"`
	Rooms              string `json:"rooms"`
	SignedOut          string `json:"signed_out"`
	FrontchannelLogout string `json:"frontchannel_logout"`
}

// A Store is where a gateway keeps its records.
type Store struct {
	Engine string `json:"engine"`
	// Records by their kind, as counted at a time.
	Records map[string]int `json:"records"`
	Counted time.Time      `json:"counted_at"`
	// Disk is missing where the engine can't tell.
	Disk *Disk `json:"disk,omitempty"`
	// FeedLag is how old the knowledge of what other instances have done is, in
	// milliseconds.
	FeedLag int64 `json:"feed_lag_ms"`
	// LastBackup is null if there was none.
	LastBackup *Backup `json:"last_backup"`
}

// Lag is FeedLag in words.
func (s Store) Lag() string {
	lag := time.Duration(min(s.FeedLag, int64(unknownLag/time.Millisecond))) * time.Millisecond
	if lag == unknownLag {
		return "not known"
	}
	return lag.String()
}

// unknownLag is that of a feed of which nothing has come yet, or not for long.
const unknownLag = 24 * time.Hour

// A Disk is what the store takes there and what is free, in bytes. Least is what has to
// be free for the store to take anything.
type Disk struct {
	Used  uint64 `json:"used"`
	Free  uint64 `json:"free"`
	Least uint64 `json:"least"`
}

// A Backup is one that was sent to its end.
type Backup struct {
	At      time.Time `json:"at"`
	Records uint64    `json:"records"`
	Bytes   int64     `json:"bytes"`
}

// Size is Bytes, of which there are never less than none.
func (b Backup) Size() uint64 { return uint64(max(0, b.Bytes)) }

// An Integration is one tenant of Microsoft 365.
type Integration struct {
	Name string `json:"name"`
	// Works says whether Microsoft's token endpoint gave tokens the last time it was
	// asked, as this gateway knows. It is false while Microsoft refuses the integration
	// or gives no answer, since Since; missing: there was no token yet since the
	// configuration was loaded, and no such trouble.
	Works *bool      `json:"works,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	// Ailing is how many connections wait for that to pass.
	Ailing      int          `json:"ailing"`
	Credentials []Credential `json:"credentials"`
	// ConsentURL is where an administrator of the tenant grants the permissions; missing:
	// its issuer has no such page.
	ConsentURL string `json:"consent_url,omitempty"`
	// People who came through it, at the time of Store.Counted.
	People People `json:"people"`
	// Waiting are the bookings that are neither confirmed nor at their end, by then.
	Waiting  int       `json:"bookings_waiting"`
	Problems []Problem `json:"problems"`
}

// A Gone is an integration that is not configured any more, and what is left of it.
type Gone struct {
	Name string `json:"name"`
	// People have come through it, accounts stand for Rooms of it, and bookings of it wait.
	People  int `json:"people"`
	Rooms   int `json:"rooms"`
	Waiting int `json:"bookings_waiting"`
}

// Words tell what that means.
func (g Gone) Words() string {
	told := english.Plural(g.People, "person belongs", "people belong")
	if g.Rooms > 0 {
		told = english.Plural(g.People, "person", "people") + " and the accounts of " + english.Plural(g.Rooms, "room", "rooms") + " belong"
	}
	told += " to the integration " + g.Name + ", which is not configured any more: nobody of it can sign in or book"
	if g.Waiting > 0 {
		told += ", and " + english.Plural(g.Waiting, "booking waits", "bookings wait")
	}
	return told
}

// GoneToDo is what to do about an integration that is gone.
const GoneToDo = "if that is a mistake, put its block back into the Caddyfile, under its name, and reload: all is as before then. Else there is nothing to do: they are forgotten a year after they were last seen, or at once with onesgate ones users erase; onesgate ones users list --integration tells who they are"

// A GoneRoom is one that is not configured any more, and has bookings that are not over.
type GoneRoom struct {
	Name        string `json:"name"`
	Integration string `json:"integration"`
	Bookings    int    `json:"bookings"`
}

// Words tell what that means.
func (g GoneRoom) Words() string {
	one := "bookings that are not over are"
	if g.Bookings == 1 {
		one = "booking that is not over is"
	}
	return fmt.Sprintf("%d %s in the room %s of %s, which is not configured any more: what is booked there stays in the calendars, and can be cancelled, but not changed", g.Bookings, one, g.Name, g.Integration)
}

// ToDo is what to do about it.
func (g GoneRoom) ToDo() string {
	return "if that is a mistake, put its block back into the Caddyfile (if it was renamed: its old name) and reload: all is as before then. Else cancel what is not to be: onesgate ones bookings list --room " + g.Name
}

// A Credential is one of an app registration.
type Credential struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Expires and DaysLeft are missing where nothing here can tell.
	Expires  *time.Time `json:"expires,omitempty"`
	DaysLeft *int       `json:"days_left,omitempty"`
	// Refused is since when Microsoft has refused it; missing where it works, as far
	// as is known.
	Refused *time.Time `json:"refused_since,omitempty"`
	// Worked is when Microsoft last took it; missing if it has not since the
	// configuration was loaded.
	Worked *time.Time `json:"worked_at,omitempty"`
}

// EndsSoon says whether it is time to have another one made.
func (c Credential) EndsSoon() bool { return c.DaysLeft != nil && *c.DaysLeft <= entra.FirstWarning }

// People is how many are in each state of a connection.
type People struct {
	Connected   int `json:"connected"`
	NeedsSignIn int `json:"needs_sign_in"`
	// Disconnected are those of NeedsSignIn who have no connection at all: they, or
	// the operator, have ended it.
	Disconnected      int `json:"disconnected"`
	NeedsAdminConsent int `json:"needs_admin_consent"`
	NoMailbox         int `json:"no_mailbox"`
}

// A Room is one that is configured.
type Room struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Integration string `json:"integration"`
	Address     string `json:"address"`
	// Connection of the room's account: NotConnected where it has none.
	Connection string `json:"connection"`
	// Looked is when this gateway has last seen the room's calendar by its account;
	// missing: it has not.
	Looked *time.Time `json:"last_look,omitempty"`
	// Policy is what is configured, Observed what Exchange was seen to do.
	Policy   Policy    `json:"policy"`
	Observed Observed  `json:"observed"`
	Problems []Problem `json:"problems"`
}

// A Policy is how a room may be booked, as it is configured.
type Policy struct {
	TimeZone string `json:"time_zone"`
	Capacity int    `json:"capacity,omitempty"`
	Group    string `json:"group,omitempty"`
	// MaxMinutes is the longest booking, WindowDays how far ahead one may start.
	MaxMinutes int `json:"max_minutes"`
	WindowDays int `json:"window_days"`
	// CheckInMinutes is how long after its start a booking is released that nobody has
	// checked in to; missing: never.
	CheckInMinutes int `json:"check_in_minutes,omitempty"`
	// KeepDeclined leaves an event that the room has declined in the organizer's calendar.
	KeepDeclined bool `json:"keep_declined,omitempty"`
}

// Observed is what became of the bookings of a room, at the time of Store.Counted.
type Observed struct {
	// Meetings are the confirmed bookings, but for series, that its calendar showed. Of
	// these, Replaced show another subject there than they were given, and Exposed are
	// private, but not there.
	Meetings int `json:"meetings"`
	Replaced int `json:"subject_replaced"`
	Exposed  int `json:"private_flag_lost"`
	// Declined are the bookings that the room has declined within Lately, by why.
	Declined map[string]int `json:"declined,omitempty"`
}

// Lately is for how long what has failed, or was declined, is told.
const Lately = 7 * 24 * time.Hour

// Bookings is how many there are, of all integrations, at the time of Store.Counted.
type Bookings struct {
	// Waiting are neither confirmed nor at their end: Accepted are not at Microsoft yet,
	// AwaitingRoom have no answer of the room, NeedsSignIn wait for their organizer.
	Waiting      int `json:"waiting"`
	Accepted     int `json:"accepted"`
	AwaitingRoom int `json:"awaiting_room"`
	NeedsSignIn  int `json:"needs_sign_in"`
	// Oldest is when the oldest was made of those that wait for no person; missing:
	// there is none.
	Oldest *time.Time `json:"oldest_waiting,omitempty"`
	// Failed are those that have come to that within Lately.
	Failed int `json:"failed"`
}
