package m365sim

import (
	"net/http"
	"slices"
	"strings"
)

// bearer finds what an access token stands for (RFC 6750). Its tenant, app and
// person are there.
func (s *Server) bearer(c *call) (*grant, *graphError) {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, unauthorized("Access token is empty.")
	}
	g := s.state.Access[fingerprint(token)]
	switch {
	case g == nil:
		return nil, unauthorized("IDX14100: JWT is not well formed, there are no dots (.).")
	case g.Revoked:
		return nil, unauthorized("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
	case c.now.After(g.Expires):
		return nil, unauthorized("Lifetime validation failed, the token is expired.")
	}
	t := s.cfg.tenant(g.TenantID)
	if t == nil || t.app(g.ClientID) == nil || t.person(g.Mail) == nil { // gone since a restart
		return nil, unauthorized("The user account or the application does not exist.")
	}
	return g, nil
}

// serveUserinfo tells a part of what the ID token tells
// (https://learn.microsoft.com/entra/identity-platform/userinfo).
func (s *Server) serveUserinfo(c *call) reply {
	g, refusal := s.bearer(c)
	if refusal != nil {
		return refusal.reply(c)
	}
	p := s.cfg.tenant(g.TenantID).person(g.Mail)
	if !slices.Contains(g.Scopes, "openid") {
		return errAccessDenied.reply(c)
	}
	info := map[string]any{"sub": s.subject(g, p)}
	if slices.Contains(g.Scopes, "profile") {
		info["name"] = p.Name
	}
	if slices.Contains(g.Scopes, "email") {
		info["email"] = p.Mail
	}
	return jsonReply(http.StatusOK, info)
}
