package booking

import (
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
	// Person is whom the call is for; nil: a service that asks for itself.
	Person *identity.Person
}

// A ServiceToken lets a service in. Only its SHA-256 is kept.
type ServiceToken struct {
	Name   string
	SHA256 [sha256.Size]byte
}

// sees says whether the caller may see a booking at all: a person their own, a
// service that asks for itself everything.
func (c Caller) sees(r *record) bool { return c.Person == nil || c.owns(r) }

func (c Caller) owns(r *record) bool { return c.Person != nil && c.Person.ID == r.PersonID }

// view is the booking as the caller may see it; the subject of a private one is
// only for its organizer.
func (c Caller) view(r *record) Booking { return r.booking(c.owns(r)) }

// mayUse says whether the room is one that the caller can ask for: those of the
// person's own integration.
func (c Caller) mayUse(room Room) bool {
	return c.Person == nil || c.Person.Integration == room.Integration
}

// caller finds out who sends a request. A bearer token decides where there is
// one and services are let in; else the session does.
func (a *api) caller(r *http.Request) (Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bearer := strings.EqualFold(scheme, "Bearer")
	actAs := r.Header.Values("Ones-Act-As")
	person := identity.FromContext(r.Context())
	switch {
	case bearer && len(a.options.ServiceTokens) > 0:
		name, ok := a.service(strings.TrimSpace(token))
		if !ok {
			return Caller{}, errInvalidToken
		}
		return a.actAs(r.Context(), name, actAs)
	case person != nil:
		if len(actAs) > 0 || identity.TriedActAs(r.Context()) {
			return Caller{}, refusal{codeForbidden, "A signed-in person acts for themselves: leave out Ones-Act-As."}
		}
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
func (a *api) actAs(ctx context.Context, service string, values []string) (Caller, error) {
	switch {
	case len(values) == 0:
		return Caller{Service: service}, nil
	case len(values) > 1:
		return Caller{}, refusal{codeMalformed, "Ones-Act-As must be there once."}
	}
	e, err := a.bookings.person(ctx, values[0])
	if err != nil {
		return Caller{}, err
	}
	return Caller{Service: service, Person: &e.Person}, nil
}

// Errors of looking for a person.
var (
	errUnknownUser   = errors.New("nobody like that has signed in with Microsoft 365 yet")
	errAmbiguousUser = errors.New("more than one person fits: say whom by their user id")
)

// maxWho bounds what a person is named by, in bytes.
const maxWho = 320

// person finds somebody by user id, "card:NUMBER" or e-mail address.
func (s *Service) person(ctx context.Context, who string) (people.Entry, error) {
	who = strings.TrimSpace(who)
	if who == "" || len(who) > maxWho {
		return people.Entry{}, errUnknownUser
	}
	if card, ok := strings.CutPrefix(who, "card:"); ok {
		return one(s.people.ByCard(ctx, card))
	}
	if strings.HasPrefix(who, "room:") { // rooms have no account of their own here yet
		return people.Entry{}, errUnknownUser
	}
	e, err := s.people.Get(ctx, who)
	if errors.Is(err, people.ErrUnknown) && strings.Contains(who, "@") {
		return one(s.people.ByEmail(ctx, who))
	}
	if errors.Is(err, people.ErrUnknown) {
		return people.Entry{}, errUnknownUser
	}
	return e, err
}

// one demands that exactly one was found.
func one(found []people.Entry, err error) (people.Entry, error) {
	switch {
	case err != nil:
		return people.Entry{}, err
	case len(found) == 0:
		return people.Entry{}, errUnknownUser
	case len(found) > 1:
		return people.Entry{}, errAmbiguousUser
	}
	return found[0], nil
}
