package m365sim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// refreshLifetime is how long a refresh token may lie unused
// (https://learn.microsoft.com/entra/identity-platform/refresh-tokens).
const refreshLifetime = 90 * 24 * time.Hour

// serveToken redeems codes and refresh tokens.
func (s *Server) serveToken(c *call) reply {
	answer, refusal := s.token(c)
	if refusal != nil {
		return s.entraJSON(c, refusal)
	}
	return jsonReply(http.StatusOK, answer).with("Pragma", "no-cache").with("X-Ms-Request-Id", c.id)
}

// tokenAnswer is RFC 6749 section 5.1 with Entra's additions.
type tokenAnswer struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
	ExtExpiresIn int    `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
}

func (s *Server) token(c *call) (*tokenAnswer, *entraError) {
	t := s.cfg.tenant(c.PathValue("tenant"))
	if t == nil {
		return nil, tenantNotFound(c.PathValue("tenant"))
	}
	form, refusal := tokenForm(c)
	if refusal != nil {
		return nil, refusal
	}
	a, refusal := s.authenticate(c, t, form)
	if refusal != nil {
		return nil, refusal
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		g, refusal := s.redeemCode(c, t, a, form)
		if refusal != nil {
			return nil, refusal
		}
		return s.issueTokens(c, t, a, g, form.Get("scope"))
	case "refresh_token":
		g, refusal := s.redeemRefresh(c, t, a, form)
		if refusal != nil {
			return nil, refusal
		}
		return s.issueTokens(c, t, a, g, form.Get("scope"))
	default:
		return nil, refused("unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", form.Get("grant_type"))
	}
}

// tokenForm reads the form that a request to the token endpoint has to be.
func tokenForm(c *call) (url.Values, *entraError) {
	if c.Method != http.MethodPost {
		return nil, invalidRequest(900561, "The endpoint only accepts POST requests. Received a %s request.", c.Method)
	}
	media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	form, err := url.ParseQuery(string(c.body))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, missingParameter("grant_type")
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if len(form[name]) > 1 {
			return nil, duplicated(name)
		}
	}
	if form.Get("grant_type") == "" {
		return nil, missingParameter("grant_type")
	}
	return form, nil
}

// authenticate finds the app and checks its secret, in the body or by HTTP
// Basic (RFC 6749 section 2.3.1).
func (s *Server) authenticate(c *call, t *Tenant, form url.Values) (*App, *entraError) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, basic := c.BasicAuth(); basic {
		if secret != "" {
			return nil, invalidRequest(9002313, "Invalid request. The client authenticates in two ways.")
		}
		name, err1 := url.QueryUnescape(user)
		value, err2 := url.QueryUnescape(password)
		if err1 != nil || err2 != nil || id != "" && !strings.EqualFold(id, name) {
			return nil, invalidRequest(9002313, "Invalid request. Request is malformed or invalid.")
		}
		id, secret = name, value
	}
	if id == "" {
		return nil, missingParameter("client_id")
	}
	a := t.app(id)
	if a == nil {
		return nil, appNotFound(id, t)
	}
	if origin := c.Header.Get("Origin"); origin != "" {
		return nil, invalidRequest(9002326, "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '%s'.", origin)
	}
	if form.Has("client_assertion") {
		return nil, invalidClient(700027, "The client assertion failed validation: m365sim does not simulate client assertions yet.")
	}
	if secret == "" {
		return nil, invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	}
	return a, s.checkSecret(c.now, a, secret)
}

func (s *Server) checkSecret(now time.Time, a *App, secret string) *entraError {
	valid := a.Secrets
	if replaced, is := s.state.Secrets[a.ClientID]; is {
		valid = replaced
	}
	for _, candidate := range valid {
		if subtle.ConstantTimeCompare([]byte(candidate.Value), []byte(secret)) == 0 {
			continue
		}
		if !candidate.Expires.IsZero() && now.After(candidate.Expires) {
			return invalidClient(7000222, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security.", a.ClientID)
		}
		return nil
	}
	return invalidClient(7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", a.ClientID)
}

func (s *Server) redeemCode(c *call, t *Tenant, a *App, form url.Values) (*grant, *entraError) {
	if form.Get("code") == "" {
		return nil, missingParameter("code")
	}
	g := s.state.Codes[fingerprint(form.Get("code"))]
	switch {
	case g == nil:
		return nil, invalidGrant(70000, "The provided authorization code is not valid.")
	case g.Redeemed:
		return nil, invalidGrant(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	case c.now.After(g.Expires):
		return nil, invalidGrant(70008, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.")
	case g.TenantID != t.ID:
		return nil, invalidGrant(700005, "The provided authorization code is intended to use against other tenant, thus rejected.")
	case g.ClientID != a.ClientID:
		return nil, invalidGrant(70000, "The provided authorization code was issued to another client.").of("client_mismatch")
	case form.Get("redirect_uri") == "":
		return nil, missingParameter("redirect_uri")
	case form.Get("redirect_uri") != g.RedirectURI:
		return nil, invalidGrant(500112, "The reply address '%s' does not match the reply address '%s' provided when requesting Authorization code.", form.Get("redirect_uri"), g.RedirectURI)
	}
	if refusal := checkVerifier(g, form.Get("code_verifier")); refusal != nil {
		return nil, refusal
	}
	g.Redeemed = true
	return g, nil
}

// checkVerifier is RFC 7636 section 4.6.
func checkVerifier(g *grant, verifier string) *entraError {
	made := verifier
	if g.ChallengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		made = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	switch {
	case g.Challenge == "" && verifier == "":
		return nil
	case g.Challenge == "":
		return invalidGrant(50147, "The size of the code challenge parameter isn't valid.")
	case !challengeForm.MatchString(verifier), subtle.ConstantTimeCompare([]byte(made), []byte(g.Challenge)) == 0:
		return invalidGrant(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	return nil
}

// redeemRefresh finds what a refresh token stands for. It stays valid: each use
// makes a new one and revokes none.
func (s *Server) redeemRefresh(c *call, t *Tenant, a *App, form url.Values) (*grant, *entraError) {
	if form.Get("refresh_token") == "" {
		return nil, missingParameter("refresh_token")
	}
	g := s.state.Refresh[fingerprint(form.Get("refresh_token"))]
	switch {
	case g == nil:
		return nil, invalidGrant(70000, "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid.").of("bad_token")
	case g.Revoked:
		return nil, invalidGrant(50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.").of("bad_token")
	case c.now.After(g.Expires):
		return nil, invalidGrant(700082, "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.").of("token_expired")
	case g.TenantID != t.ID, g.ClientID != a.ClientID:
		return nil, invalidGrant(70000, "The provided refresh token was issued to another client.").of("client_mismatch")
	}
	g.Expires = c.now.Add(refreshLifetime)
	renewed := *g
	renewed.Nonce = ""
	return &renewed, nil
}

// issueTokens answers for a grant. Without a scope parameter the scopes are
// those of the grant.
func (s *Server) issueTokens(c *call, t *Tenant, a *App, g *grant, scope string) (*tokenAnswer, *entraError) {
	p := t.person(g.Mail)
	if p == nil {
		return nil, invalidGrant(50034, "The user account does not exist in the %s directory.", t.Name)
	}
	if strings.TrimSpace(scope) == "" {
		scope = strings.Join(g.Scopes, " ")
	}
	scopes, refusal := s.parseScopes(a, scope)
	if refusal != nil {
		return nil, refusal
	}
	lifetime := time.Duration(a.AccessTokenLifetime)
	if lifetime == 0 {
		lifetime = time.Hour + randomly(30*time.Minute)
	}
	answer := &tokenAnswer{
		TokenType: "Bearer", Scope: s.answeredScopes(scopes), AccessToken: "Ew" + newToken(1100),
		ExpiresIn: int(lifetime / time.Second), ExtExpiresIn: int(lifetime / time.Second),
	}
	access := grant{TenantID: t.ID, ClientID: a.ClientID, Mail: p.Mail, Scopes: scopes, SID: g.SID, Expires: c.now.Add(lifetime)}
	s.state.forget(c.now)
	s.state.Access[fingerprint(answer.AccessToken)] = &access
	if slices.Contains(scopes, "offline_access") {
		refresh := access
		refresh.Expires = c.now.Add(refreshLifetime)
		answer.RefreshToken = "1." + newToken(900)
		s.state.Refresh[fingerprint(answer.RefreshToken)] = &refresh
	}
	if slices.Contains(scopes, "openid") {
		var err error
		if answer.IDToken, err = s.idToken(c.now, g, scopes, t, a, p); err != nil {
			e := refused("server_error", 90033, "A transient error has occurred. Please try again. (%v)", err)
			e.status = http.StatusInternalServerError
			return nil, e
		}
	}
	return answer, nil
}
