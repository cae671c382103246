package m365sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

// idTokenLifetime is Entra's default.
const idTokenLifetime = time.Hour

// loginHint is the opaque claim of that name.
func (p *Person) loginHint() string {
	return "O." + base64.RawURLEncoding.EncodeToString([]byte("1:"+p.ID))
}

// subject is pairwise: another one for each app.
func (s *Server) subject(g *grant, p *Person) string {
	mac := hmac.New(sha256.New, s.state.Salt)
	mac.Write([]byte(g.ClientID + "\x00" + p.ID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// idToken returns the ID token for a grant. Without the scopes profile and
// email it names nobody
// (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
func (s *Server) idToken(now time.Time, g *grant, scopes []string, t *Tenant, a *App, p *Person) (string, error) {
	claims := map[string]any{
		"aud": a.ClientID, "iss": s.issuer(t), "tid": t.ID, "sub": s.subject(g, p), "ver": "2.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(idTokenLifetime).Unix(),
		"uti": newToken(16), "rh": "1." + newToken(30) + ".", "aio": newToken(60),
	}
	if g.Nonce != "" {
		claims["nonce"] = g.Nonce
	}
	profile := slices.Contains(scopes, "profile")
	if profile {
		claims["oid"], claims["name"], claims["preferred_username"] = p.ID, p.Name, p.Mail
	}
	if slices.Contains(scopes, "email") {
		claims["email"] = p.Mail
	}
	for _, name := range a.OptionalClaims {
		switch name {
		case "email":
			claims[name] = p.Mail
		case "sid":
			claims[name] = g.SID
		case "login_hint":
			claims[name] = p.loginHint()
		case "extn.pager":
			if p.Pager != "" {
				claims[name] = p.Pager
			}
		case "groups":
			if len(p.Groups) > 0 {
				claims[name] = p.Groups
			}
		case "roles":
			if len(p.Roles) > 0 {
				claims[name] = p.Roles
			}
		}
	}
	return s.keys.sign(claims)
}
