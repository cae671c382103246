package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// subjectOf is what an ID token is about.
type subjectOf struct {
	tenant     *world.Tenant
	app        *world.App
	person     *world.Person
	scopes     []string
	sid, nonce string
}

func (s subjectOf) granted(scope string) bool { return slices.Contains(s.scopes, scope) }

// Subject is the pairwise subject of somebody: another one for each app (OpenID
// Connect Core section 8.1).
func (l *Login) Subject(a *world.App, p *world.Person) string {
	mac := hmac.New(sha256.New, l.salt)
	mac.Write([]byte(a.ClientID + "\x00" + p.ID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// idToken makes an ID token. It has no at_hash, like all from the token endpoint.
func (l *Login) idToken(r tokenRequest, s subjectOf) (string, error) {
	claims := map[string]any{
		"aud": s.app.ClientID, "iss": issuer(r.Cloud, s.tenant.ID, r.version), "tid": s.tenant.ID, "sub": l.Subject(s.app, s.person),
		"iat": r.Now.Unix(), "nbf": r.Now.Unix(), "exp": r.Now.Add(idTokenLifetime).Unix(),
		"uti": newToken(16), "rh": "1." + newToken(30) + ".",
	}
	if s.nonce != "" {
		claims["nonce"] = s.nonce
	}
	if len(s.person.Roles) > 0 { // without being asked for
		claims["roles"] = s.person.Roles
	}
	if r.version == v1 {
		firstVersion(claims, s.person)
	} else {
		secondVersion(claims, s)
	}
	l.addOptional(claims, r, s)
	owner := l.authorityKeys(r.Cloud)
	if s.app.CustomSigningKey {
		owner = s.app.ClientID
	}
	k, err := l.signingKey(owner, r.Now)
	if err != nil {
		return "", err
	}
	return k.sign(claims, r.version)
}

// firstVersion adds what tokens of version 1 always have.
func firstVersion(claims map[string]any, p *world.Person) {
	given, family := names(p)
	claims["ver"], claims["oid"], claims["name"], claims["amr"] = "1.0", p.ID, p.Name, []string{"pwd"}
	claims["given_name"], claims["family_name"] = given, family
	claims["upn"], claims["unique_name"] = p.Mail, p.Mail
}

// secondVersion adds what the scopes bring: without profile and email the token
// names nobody. Guests' tokens have their address anyway
// (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
func secondVersion(claims map[string]any, s subjectOf) {
	claims["ver"], claims["aio"] = "2.0", newToken(60)
	if s.granted("profile") {
		claims["oid"], claims["name"], claims["preferred_username"] = s.person.ID, s.person.Name, s.person.Mail
	}
	if s.granted("email") || s.person.Guest {
		claims["email"] = s.person.Mail
	}
}

// maxGroups is how many groups a JWT may list.
const maxGroups = 200

// addOptional adds the optional claims of the app
// (https://learn.microsoft.com/entra/identity-platform/optional-claims-reference).
func (l *Login) addOptional(claims map[string]any, r tokenRequest, s subjectOf) {
	p := s.person
	for _, name := range s.app.OptionalClaims {
		if _, there := claims[name]; there {
			continue
		}
		if value, is := p.Claims[name]; is {
			claims[name] = value
			continue
		}
		if name == "groups" && len(p.Groups) > maxGroups {
			graph := l.world.Cloud(s.tenant.Cloud).Graph
			claims["_claim_names"] = map[string]string{"groups": "src1"}
			claims["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": graph + "/v1.0/users/" + p.ID + "/getMemberObjects"}}
			continue
		}
		if value := optional(name, s); value != nil {
			claims[name] = value
		}
	}
	// xms_edov stands beside an address only, whatever their order.
	if _, email := claims["email"]; email && slices.Contains(s.app.OptionalClaims, "xms_edov") {
		claims["xms_edov"] = !p.Guest
	}
}

// optional returns the value of an optional claim, or nil if there is none.
func optional(name string, s subjectOf) any {
	given, family := names(s.person)
	switch name {
	case "acct":
		if s.person.Guest {
			return 1
		}
		return 0
	case "email":
		return s.person.Mail
	case "sid":
		return s.sid
	case "login_hint":
		return loginHint(s.person)
	case "extn.pager":
		return unlessEmpty(s.person.Pager)
	case "groups":
		return unlessNone(s.person.Groups)
	}
	if !s.granted("profile") {
		return nil
	}
	switch name {
	case "given_name":
		return unlessEmpty(given)
	case "family_name":
		return unlessEmpty(family)
	case "upn":
		if !s.person.Guest { // theirs would have to be asked for specially
			return s.person.Mail
		}
	}
	return nil
}

func unlessEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func unlessNone(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// names splits somebody's name into the given one and the family's.
func names(p *world.Person) (given, family string) {
	given, family, _ = strings.Cut(p.Name, " ")
	return given, family
}
