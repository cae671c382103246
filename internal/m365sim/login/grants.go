package login

import (
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A grant is what a refresh token or an access token stands for.
type grant struct {
	TenantID string    `json:"tenant"`
	ClientID string    `json:"client"`
	PersonID string    `json:"person,omitempty"` // "": the app itself
	Scopes   []string  `json:"scopes"`
	SID      string    `json:"sid,omitempty"`
	Expires  time.Time `json:"expires"`
	Revoked  bool      `json:"revoked,omitempty"`
	// SignIn is the claims parameter that the user signed in with.
	SignIn string `json:"sign_in_claims,omitempty"`

	// Of an access token: whether its client understands challenges, the claims
	// that it was asked with, and how many challenges there had been.
	CAE        bool   `json:"cae,omitempty"`
	Claims     string `json:"claims,omitempty"`
	Challenges int    `json:"challenges,omitempty"`
}

// A code is what an authorization code stands for.
type code struct {
	grant
	Authority       string `json:"authority"` // where it was issued
	RedirectURI     string `json:"redirect_uri"`
	Nonce           string `json:"nonce,omitempty"`
	Challenge       string `json:"challenge,omitempty"`
	ChallengeMethod string `json:"challenge_method,omitempty"`
	Redeemed        bool   `json:"redeemed,omitempty"`
}

// A standing is what has happened to somebody's account.
type standing struct {
	Disabled bool `json:"disabled,omitempty"`
	Deleted  bool `json:"deleted,omitempty"`
	// Condition is the AADSTS code with which refreshes are refused; 0: none.
	Condition int `json:"condition,omitempty"`
	// Challenge is what CAE tokens have to satisfy, and Challenges how many there
	// have been.
	Challenge  string    `json:"challenge,omitempty"`
	Challenges int       `json:"challenges,omitempty"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
}

// The lifetimes that Entra documents
// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow,
// https://learn.microsoft.com/entra/identity-platform/refresh-tokens,
// https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes).
const (
	codeLifetime    = 10 * time.Minute
	refreshLifetime = 90 * 24 * time.Hour // unused
	sessionLifetime = 24 * time.Hour      // unused, where nobody asked to stay signed in
	idTokenLifetime = time.Hour
)

// accessLifetime is random, lest all clients come back at once.
func accessLifetime(a *world.App, cae bool) time.Duration {
	switch {
	case cae:
		return between(20*time.Hour, 28*time.Hour)
	case a.AccessTokenLifetime != 0:
		return time.Duration(a.AccessTokenLifetime)
	}
	return between(time.Hour, 90*time.Minute)
}

// holder returns whom a grant is of; nil if the configuration has changed since.
func (l *Login) holder(g grant) (*world.Tenant, *world.App, *world.Person) {
	t := l.world.Tenant(g.TenantID)
	a, _ := l.world.App(g.ClientID)
	if t == nil || a == nil {
		return nil, nil, nil
	}
	return t, a, t.Person(g.PersonID)
}

// sweepEvery is how often what has expired is looked for.
const sweepEvery = time.Minute

// sweep drops what nobody needs to be told about any more.
func (l *Login) sweep(now time.Time) {
	if since := now.Sub(l.swept); since >= 0 && since < sweepEvery {
		return
	}
	l.swept = now
	for id, c := range l.codes.All() {
		if now.Sub(c.Expires) > codeLifetime {
			l.codes.Delete(id)
		}
	}
	for id, g := range l.access.All() {
		if now.Sub(g.Expires) > codeLifetime {
			l.access.Delete(id)
		}
	}
	for id, g := range l.refresh.All() {
		if now.Sub(g.Expires) > refreshLifetime {
			l.refresh.Delete(id)
		}
	}
	for id, b := range l.browsers.All() {
		if now.Sub(b.Used) > sessionLifetime {
			l.browsers.Delete(id)
		}
	}
}
