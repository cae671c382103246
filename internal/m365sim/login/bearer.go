package login

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Access is what an access token allows.
type Access struct {
	Tenant  *world.Tenant
	App     *world.App
	Person  *world.Person // nil: the app itself
	Scopes  []string      // delegated ones, bare; none of the app itself
	SID     string        // of the sign-in, a GUID
	Expires time.Time
	CAE     bool // the client understands claims challenges
}

// A Refusal is why an access token is not taken. Graph answers it with status
// 401.
type Refusal struct {
	Code    string // Graph's
	Message string
	Claims  string // a claims challenge, JSON; "" if there is none
}

func refuseBearer(message string) *Refusal {
	return &Refusal{Code: "InvalidAuthenticationToken", Message: message}
}

// Bearer finds what the access token of a call stands for (RFC 6750 section
// 2.1). Tokens don't cross clouds.
func (l *Login) Bearer(c *front.Call) (*Access, *Refusal) {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, refuseBearer("Access token is empty.")
	}
	id := fingerprint(token)
	g := l.access.Get(id)
	t, a, p := l.holder(g)
	switch {
	case !l.access.Has(id):
		return nil, refuseBearer("IDX14100: JWT is not well formed, there are no dots (.).")
	case !c.Now.Before(g.Expires):
		return nil, refuseBearer("Lifetime validation failed, the token is expired.")
	case t == nil, p == nil && g.PersonID != "": // gone since a restart
		return nil, refuseBearer("The user account or the application does not exist.")
	case l.world.Cloud(t.Cloud).Name != c.Cloud.Name:
		return nil, refuseBearer("Access token validation failure. Invalid audience.")
	}
	if p != nil {
		if refusal := l.challenged(g); refusal != nil {
			return nil, refusal
		}
		if l.standings.Get(p.ID).Deleted {
			return nil, refuseBearer("The user account does not exist.")
		}
	}
	return &Access{Tenant: t, App: a, Person: p, Scopes: slices.Clone(g.Scopes), SID: g.SID, Expires: g.Expires, CAE: g.CAE}, nil
}

// challenged says why a token is not taken before it expires, which only clients
// that understand challenges have to expect
// (https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation).
func (l *Login) challenged(g grant) *Refusal {
	if !g.CAE {
		return nil
	}
	now := l.standings.Get(g.PersonID)
	if g.Revoked {
		return &Refusal{
			Code:    "InvalidAuthenticationToken",
			Message: "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
			Claims:  issuedSince(now.RevokedAt),
		}
	}
	if now.Challenge == "" {
		return nil
	}
	wanted, _ := parseClaims(now.Challenge) // they were checked when they came
	given, _ := parseClaims(g.Claims)
	if g.Challenges == now.Challenges && given.meets(wanted) {
		return nil
	}
	return &Refusal{
		Code:    "InvalidAuthenticationToken",
		Message: "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: LocationConditionEvaluationSatisfied",
		Claims:  now.Challenge,
	}
}

// issuedSince is the challenge that wants a token issued at a time or later.
func issuedSince(at time.Time) string {
	return fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, at.Unix())
}

// Userinfo answers GET /oidc/userinfo, which is a call of Graph. It tells a part
// of what the ID token tells, and refuses as RFC 6750 section 3.1 says
// (https://learn.microsoft.com/entra/identity-platform/userinfo).
func (l *Login) Userinfo(c *front.Call) front.Reply {
	access, refusal := l.Bearer(c)
	switch {
	case refusal != nil:
		return userinfoError(http.StatusUnauthorized, "invalid_token", refusal.Message)
	case access.Person == nil, !slices.Contains(access.Scopes, "openid"):
		return userinfoError(http.StatusForbidden, "insufficient_scope", "The access token lacks the scope openid.")
	}
	p := access.Person
	info := map[string]any{"sub": l.Subject(access.App, p)}
	if slices.Contains(access.Scopes, "profile") {
		info["name"] = p.Name
		info["given_name"], info["family_name"] = names(p)
	}
	if slices.Contains(access.Scopes, "email") {
		info["email"] = p.Mail
	}
	return front.JSON(http.StatusOK, info)
}

func userinfoError(status int, code, message string) front.Reply {
	return front.JSON(status, map[string]string{"error": code, "error_description": message}).
		With("WWW-Authenticate", fmt.Sprintf("Bearer error=%q", code))
}
