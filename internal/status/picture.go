package status

import (
	"time"

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
	// Gateways are all that stand on the store, this one too.
	Gateways []peers.Gateway `json:"gateways"`
	// KeysetProblem is why the keyset can't be taken as it is now.
	KeysetProblem string        `json:"keyset_problem,omitempty"`
	Store         Store         `json:"store"`
	Integrations  []Integration `json:"integrations"`
	Rooms         []Room        `json:"rooms"`
	// SharedCards are the user ids, at most ten each, of people with one card
	// number: nobody is found by it.
	SharedCards [][]string `json:"shared_cards,omitempty"`
}

// Problems are those of integrations and rooms, each with where it is.
func (p *Picture) Problems() []Problem {
	var all []Problem
	for _, i := range p.Integrations {
		for _, found := range i.Problems {
			found.What = i.Name + ": " + found.What
			all = append(all, found)
		}
	}
	for _, r := range p.Rooms {
		if r.Problem != nil {
			found := *r.Problem
			found.What = r.Integration + ": " + found.What
			all = append(all, found)
		}
	}
	return all
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

// A Disk is what the store takes there and what is free, in bytes.
type Disk struct {
	Used uint64 `json:"used"`
	Free uint64 `json:"free"`
}

// A Backup is one that was sent to its end.
type Backup struct {
	At      time.Time `json:"at"`
	Records uint64    `json:"records"`
	Bytes   int64     `json:"bytes"`
}

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
	// People who came through it, at the time of Store.Counted.
	People People `json:"people"`
	// Waiting are the bookings that are neither confirmed nor at their end, by then.
	Waiting  int       `json:"bookings_waiting"`
	Problems []Problem `json:"problems"`
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
	// Connection of the room's account: NotConnected where it has none.
	Connection string   `json:"connection"`
	Problem    *Problem `json:"problem,omitempty"`
}
