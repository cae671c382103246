package login

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// The functions here are what an administrator, or fate, does to accounts, apps
// and grants while the simulator runs. None of them is Microsoft's interface.

// Revoke ends all sessions of somebody, given by address, as revokeSignInSessions
// does: grants are refused from now on, and browsers are signed out. Access
// tokens live on unless their clients understand challenges. It returns how many
// refresh tokens it revoked
// (https://learn.microsoft.com/graph/api/user-revokesigninsessions).
func (l *Login) Revoke(mail string, now time.Time) int {
	_, p := l.personBy(mail)
	if p == nil {
		return 0
	}
	revoked := 0
	for id, g := range l.refresh.All() {
		if g.PersonID == p.ID && !g.Revoked {
			g.Revoked = true
			l.refresh.Put(id, g)
			revoked++
		}
	}
	for id, c := range l.codes.All() {
		if c.PersonID == p.ID {
			c.Revoked = true
			l.codes.Put(id, c)
		}
	}
	l.cutAccess(p.ID, now)
	l.endSessions(p.ID)
	return revoked
}

// cutAccess has access tokens refused whose clients understand challenges.
func (l *Login) cutAccess(personID string, now time.Time) {
	for id, g := range l.access.All() {
		if g.PersonID == personID && g.CAE && !g.Revoked {
			g.Revoked = true
			l.access.Put(id, g)
		}
	}
	s := l.standings.Get(personID)
	s.RevokedAt = now
	l.standings.Put(personID, s)
}

// Events of Happen.
const (
	PasswordChanged  = "password_changed"
	PasswordExpired  = "password_expired"
	SelfServiceReset = "self_service_reset"
	PortalReset      = "portal_reset" // in the Azure portal
	AdminReset       = "admin_reset"  // in the Entra admin center
	SessionsRevoked  = "sessions_revoked"
	Disabled         = "disabled"
	Deleted          = "deleted"
	Enabled          = "enabled" // again, or restored
)

var events = []string{
	PasswordChanged, PasswordExpired, SelfServiceReset, PortalReset, AdminReset, SessionsRevoked, Disabled, Deleted, Enabled,
}

// Happen lets something happen to the account of somebody, given by address.
// What becomes of a confidential client's refresh tokens is as documented: most
// changes of a password leave them alive. Clients that understand challenges
// lose their access tokens by all of it but the end of a password
// (https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-revocation).
func (l *Login) Happen(mail, event string, now time.Time) error {
	_, p := l.personBy(mail)
	if p == nil {
		return fmt.Errorf("nobody has the address %q", mail)
	}
	s := l.standings.Get(p.ID)
	switch event {
	case PasswordExpired:
		return nil
	case PasswordChanged, SelfServiceReset, PortalReset:
		l.cutAccess(p.ID, now)
		return nil
	case AdminReset, SessionsRevoked:
		l.Revoke(mail, now)
		return nil
	case Disabled:
		s.Disabled = true
	case Deleted:
		s.Deleted = true
	case Enabled:
		s.Disabled, s.Deleted = false, false
		l.standings.Put(p.ID, s)
		return nil
	default:
		return fmt.Errorf("event %q is unknown; there are %s", event, strings.Join(events, ", "))
	}
	l.standings.Put(p.ID, s)
	l.cutAccess(p.ID, now)
	l.endSessions(p.ID)
	return nil
}

// SetCondition has the refreshes of somebody, given by address, refused with an
// AADSTS code until it is lifted by "". One that users can do something about is
// lifted when they sign in; any other is told them on a page then.
func (l *Login) SetCondition(mail, code string) error {
	_, p := l.personBy(mail)
	if p == nil {
		return fmt.Errorf("nobody has the address %q", mail)
	}
	s := l.standings.Get(p.ID)
	s.Condition = 0
	if code != "" {
		n, known := number(code)
		if !known || codes[n].class != userActs && codes[n].class != adminActs {
			return fmt.Errorf("code %q is not one of an account; give one such as 50076 or 53003", code)
		}
		s.Condition = n
	}
	l.standings.Put(p.ID, s)
	return nil
}

// Challenge has tokens of somebody, given by address, refused with a claims
// challenge, JSON, if their clients understand it. Tokens are taken that are
// asked with these claims from now on. Without claims a token that is issued now
// or later is wanted. "{}" ends the challenge.
func (l *Login) Challenge(mail, claims string, now time.Time) error {
	_, p := l.personBy(mail)
	if p == nil {
		return fmt.Errorf("nobody has the address %q", mail)
	}
	if claims == "" {
		claims = issuedSince(now)
	}
	wanted, refusal := parseClaims(claims)
	if refusal != nil {
		return errors.New("the claims can't be read; give a JSON object such as " + issuedSince(now))
	}
	s := l.standings.Get(p.ID)
	s.Challenge = wanted.String()
	s.Challenges++
	l.standings.Put(p.ID, s)
	return nil
}

// ReplaceSecrets gives an app those secrets alone. The error says that there is
// no such app.
func (l *Login) ReplaceSecrets(clientID string, secrets []world.Secret) error {
	a, _ := l.world.App(clientID)
	if a == nil {
		return fmt.Errorf("no app has the client id %q", clientID)
	}
	for _, s := range secrets {
		if s.Value == "" || s.Value == s.ID {
			return errors.New("a secret's value is empty, or the same as its id")
		}
	}
	l.secrets.Put(a.ClientID, withoutValues(secrets))
	return nil
}

// ExpireSecret lets a secret of an app, given by value or id, expire now. The
// error says what doesn't exist.
func (l *Login) ExpireSecret(clientID, name string, now time.Time) error {
	a, _ := l.world.App(clientID)
	if a == nil {
		return fmt.Errorf("no app has the client id %q", clientID)
	}
	secrets := slices.Clone(l.secretsOf(a))
	i := slices.IndexFunc(secrets, func(s secret) bool { return name != "" && s.ID == name || s.Fingerprint == fingerprint(name) })
	if i < 0 {
		return fmt.Errorf("the app %q has no such secret; give its value or its id", a.Name)
	}
	secrets[i].Expires = now
	l.secrets.Put(a.ClientID, secrets)
	return nil
}

// A GrantSummary is a code, a refresh token or an access token without itself.
type GrantSummary struct {
	Person  string    `json:"person"` // address; "": the app itself
	App     string    `json:"app"`    // its name
	Kind    string    `json:"kind"`   // code, refresh, access
	Scopes  []string  `json:"scopes"`
	Expires time.Time `json:"expires"`
	Revoked bool      `json:"revoked"`
}

// Grants are all grants that are kept, those that have expired lately too; the
// last to expire first.
func (l *Login) Grants() []GrantSummary {
	all := []GrantSummary{}
	add := func(kind string, g grant) {
		_, a, p := l.holder(g)
		if a == nil || p == nil && g.PersonID != "" {
			return
		}
		one := GrantSummary{App: a.Name, Kind: kind, Scopes: slices.Clone(g.Scopes), Expires: g.Expires, Revoked: g.Revoked}
		if p != nil {
			one.Person = p.Mail
		}
		all = append(all, one)
	}
	for _, c := range l.codes.All() {
		if !c.Redeemed {
			add("code", c.grant)
		}
	}
	for _, g := range l.refresh.All() {
		add("refresh", g)
	}
	for _, g := range l.access.All() {
		add("access", g)
	}
	slices.SortFunc(all, func(a, b GrantSummary) int {
		return cmp.Or(b.Expires.Compare(a.Expires), cmp.Compare(a.Person, b.Person), cmp.Compare(a.App, b.App), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}
