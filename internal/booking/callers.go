package booking

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
)

// A Caller is who asks, and for whom.
type Caller struct {
	// Service is the name of the token of a service; empty: a person's session.
	Service string
	// Person is whom the call is for; nil: a service that asks for itself, or for a room.
	Person *identity.Person
	// Room is the name of the room that the call is for, such as from a panel at its
	// door; empty: none.
	Room string

	integration string // of Room
	// operator is which one it is; empty: none. They ask for nobody.
	operator string
}

// A ServiceToken lets a service in. Only its SHA-256 is kept.
type ServiceToken struct {
	Name   string
	SHA256 [sha256.Size]byte
}

// sees says whether the caller may see a booking at all: a person their own, a room
// those in it, a service that asks for itself everything.
func (c Caller) sees(r *record) bool {
	if c.Room != "" {
		return r.Request.Room == c.Room && r.Integration == c.integration
	}
	return c.Person == nil || c.owns(r)
}

// forItself says that a service asks for nobody else.
func (c Caller) forItself() bool { return c.Service != "" && c.Person == nil && c.Room == "" }

func (c Caller) owns(r *record) bool { return c.Person != nil && c.Person.ID == r.PersonID }

// by is what the audit log calls the caller: an operator, a service by its token's name, a
// person's session "session".
func (c Caller) by() string { return cmp.Or(c.operator, c.Service, "session") }

// id is the person's whom the call is for; "": nobody's.
func (c Caller) id() string {
	if c.Person == nil {
		return ""
	}
	return c.Person.ID
}

// view is the booking as the caller may see it; the subject of a private one is
// only for its organizer.
func (c Caller) view(r *record) Booking {
	b := r.booking(c.Room == "" && c.owns(r))
	if c.Room != "" {
		b.atTheDoor()
	}
	return b
}

// atTheDoor leaves of a booking what everybody who passes by may read: when, what and
// by whom, of a private one only when.
func (b *Booking) atTheDoor() {
	b.Body, b.Attendees, b.Graph = "", []string{}, GraphIDs{}
	if b.PendingChange != nil {
		b.PendingChange.Attendees = []string{}
	}
	if b.Private {
		b.Subject, b.Organizer = "", Organizer{}
	}
}

// mayUse says whether the room is one that the caller can ask for: those of the
// person's, or the room's, own integration.
func (c Caller) mayUse(room Room) bool {
	switch {
	case c.Room != "":
		return c.integration == room.Integration
	case c.Person != nil:
		return c.Person.Integration == room.Integration
	}
	return true
}

// Caller finds out who sends a request to a handler that stands beside the API, by
// the same rules; if nobody may, the problem says why.
func (a API) Caller(r *http.Request) (Caller, *Problem) {
	c, err := a.admit(r)
	if err != nil {
		return Caller{}, a.problem(r.Context(), Caller{}, err)
	}
	return c, nil
}

// Problem is what a caller is told of an error of grants or of Graph.
func (a API) Problem(ctx context.Context, c Caller, err error) *Problem {
	return a.problem(ctx, c, err)
}

// admit finds out who sends a request, and notes who tries tokens.
func (a *api) admit(r *http.Request) (Caller, error) {
	c, err := a.caller(r)
	if errors.Is(err, errInvalidToken) {
		if tired := a.strangers.err(from(r)); tired != nil {
			return Caller{}, tired // nor is there a line in the log for each
		}
		a.bookings.audit.WarnContext(r.Context(), "bearer token refused", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr)
	}
	return c, err
}

// caller finds out who sends a request. A bearer token decides where there is
// one and services are let in; else the session does.
func (a *api) caller(r *http.Request) (Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bearer := strings.EqualFold(scheme, "Bearer")
	actAs := identity.ActAs(r)
	person := identity.FromContext(r.Context())
	switch {
	case bearer && len(a.options.ServiceTokens) > 0:
		name, ok := a.service(strings.TrimSpace(token))
		if !ok {
			return Caller{}, errInvalidToken
		}
		if err := a.services.err(name); err != nil {
			return Caller{}, err
		}
		return a.actAs(r, name, actAs)
	case person != nil:
		if len(actAs) > 0 {
			return Caller{}, refusal{codeForbidden, "A signed-in person acts for themselves: leave out Ones-Act-As."}
		}
		if err := a.persons.err(person.ID); err != nil {
			return Caller{}, err
		}
		e, err := a.bookings.people.Get(r.Context(), person.ID)
		a.seen(r, e, err)
		return Caller{Person: person}, nil
	case bearer || len(a.options.ServiceTokens) > 0:
		return Caller{}, errInvalidToken
	}
	return Caller{}, errSignInRequired
}

// service compares a token with all that are valid, in constant time.
func (a *api) service(token string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(token))
	for _, t := range a.options.ServiceTokens {
		if subtle.ConstantTimeCompare(sum[:], t.SHA256[:]) == 1 {
			name, ok = t.Name, true
		}
	}
	return name, ok
}

// actAs resolves the Ones-Act-As of a service.
func (a *api) actAs(r *http.Request, service string, values []string) (Caller, error) {
	switch {
	case len(values) == 0:
		return Caller{Service: service}, nil
	case len(values) > 1:
		return Caller{}, refusal{codeMalformed, "Ones-Act-As must be there once."}
	}
	if name, ok := strings.CutPrefix(strings.TrimSpace(values[0]), "room:"); ok {
		room, ok := a.bookings.world().Rooms[name]
		if !ok {
			return Caller{}, errUnknownRoom
		}
		return Caller{Service: service, Room: room.Name, integration: room.Integration}, nil
	}
	e, err := a.bookings.people.Find(r.Context(), values[0])
	if err != nil {
		return Caller{}, err
	}
	a.seen(r, e, nil)
	return Caller{Service: service, Person: &e.Person}, nil
}

// seen notes that somebody calls, or is called for: whoever is not seen for long is
// forgotten. To ask about a person is not to see them: ONES may ask about everybody
// each night. No call fails for this; err is why the person could not be read.
func (a *api) seen(r *http.Request, e people.Entry, err error) {
	if strings.HasPrefix(r.URL.Path, "/v1/users/") || errors.Is(err, people.ErrUnknown) {
		return
	}
	if err == nil {
		err = a.bookings.people.Seen(r.Context(), e)
	}
	if err != nil {
		a.bookings.log.WarnContext(r.Context(), "that somebody was seen could not be noted; the next call tries again", "error", err)
	}
}
