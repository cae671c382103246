package signin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
)

// challengeLife is how long a browser remembers what Microsoft demands of somebody
// who was signed out for it.
const challengeLife = 15 * time.Minute

// challenge is what Microsoft demands of the next sign-in for a grant; "": nothing
// that is known. Without it the sign-in works as well, and is demanded later.
func (s *Site) challenge(ctx context.Context, owner string) (claims string) {
	claims, err := s.Grants.Challenge(ctx, owner)
	if err != nil {
		s.Log.WarnContext(ctx, "what Microsoft demands of a sign-in could not be read; it begins without", "owner", owner, "error", err)
		return ""
	}
	return claims
}

// demanded is what Microsoft demands of a sign-in that begins in this browser: of
// whoever is signed in here, or was until just now. Should somebody else sign in,
// it is demanded of them, too, which harms nobody: it never demands less.
func (s *Site) demanded(r *http.Request, i Integration) (claims string) {
	current, err := s.Sessions.Lookup(r.Context(), s.cookies.sessionValue(r))
	switch {
	case err != nil:
		return s.cookies.demanded(r, s.Seal, i.Name, s.Now())
	case current.Person.Integration != i.Name:
		return ""
	}
	return s.challenge(r.Context(), current.Person.ID)
}

// carryOver has the browser remember what is demanded of somebody whose session
// ends for it: without a session nobody could tell whose sign-in the next one is.
func (s *Site) carryOver(w http.ResponseWriter, r *http.Request, current *session.Session) {
	ctx, cancel := lasting(r)
	defer cancel()
	claims := s.challenge(ctx, current.Person.ID)
	if claims == "" {
		return
	}
	d := demand{Integration: current.Person.Integration, Claims: claims, Expires: s.Now().Add(challengeLife)}
	if err := s.cookies.demand(w, s.Seal, d); err != nil {
		s.Log.ErrorContext(ctx, "what Microsoft demands of a sign-in could not be carried over", "user", current.Person.ID, "error", err)
	}
}

// A demand is what the next sign-in with an integration has to carry. It lives in a
// sealed cookie, like an attempt.
type demand struct {
	Integration string    `json:"integration"`
	Claims      string    `json:"claims"`
	Expires     time.Time `json:"expires"`
}

// demand remembers a demand in the browser, unless it is too long for a cookie.
func (c cookies) demand(w http.ResponseWriter, keys *seal.Keyset, d demand) error {
	plain, err := json.Marshal(d)
	if err != nil {
		return err
	}
	value, err := sealCookie(keys, "challenge", c.challenge, plain)
	if err == nil && len(value) <= maxCookie {
		c.set(w, c.challenge, value, challengeLife)
	}
	return err
}

// demanded is what a browser remembers of a demand on a sign-in with an integration;
// "": nothing.
func (c cookies) demanded(r *http.Request, keys *seal.Keyset, integration string, now time.Time) (claims string) {
	var d demand
	plain, err := openCookie(keys, "challenge", c.challenge, c.value(r, c.challenge))
	if err != nil || json.Unmarshal(plain, &d) != nil || d.Integration != integration || !now.Before(d.Expires) {
		return ""
	}
	return d.Claims
}
