package m365sim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// codeLifetime is how long a code can be redeemed (about 10 minutes:
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow).
const codeLifetime = 10 * time.Minute

// sessionCookie holds the browser's single sign-on.
const sessionCookie = "m365sim_session"

// An authRequest is a checked request to the authorization endpoint.
type authRequest struct {
	tenant *Tenant
	app    *App
	scopes []string

	redirectURI, state, nonce, prompt, loginHint string
	challenge, challengeMethod                   string
}

// challengeForm is what a code_challenge is made of (RFC 7636 section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// serveAuthorize shows the account chooser or, once an account is chosen, goes
// back to the app. The chooser posts to its own address, so that a request is
// checked again when it is answered.
func (s *Server) serveAuthorize(c *call) reply {
	q := c.URL.Query()
	t, a, refusal := s.authClient(c.PathValue("tenant"), q)
	if refusal != nil {
		return s.entraPage(c, refusal)
	}
	req, refusal := s.parseAuthRequest(t, a, q)
	if refusal != nil {
		if refusal.code == 65001 && q.Get("prompt") != "none" {
			return s.entraPage(c, needsAdmin(a, t))
		}
		if refusal.code == 65001 {
			refusal.oauth = "interaction_required"
		}
		return s.entraRedirect(c, q.Get("redirect_uri"), q.Get("state"), refusal)
	}
	if c.Method == http.MethodPost {
		return s.answerChooser(c, req)
	}
	current := s.session(c, t)
	hinted := t.hinted(req.loginHint)
	matches := current != nil && (req.loginHint == "" || hinted != nil && strings.EqualFold(hinted.Mail, current.Mail))
	switch {
	case req.prompt == "none" && matches,
		req.prompt == "" && req.loginHint != "" && matches:
		return s.issueCode(c, req, current)
	case req.prompt == "none":
		return s.entraRedirect(c, req.redirectURI, req.state,
			refused("login_required", 50058, "A silent sign-in request was sent but no user is signed in."))
	}
	return s.chooser(req, hinted)
}

// authClient finds out who asks. Until the redirect URI is known to be the
// app's, refusals are shown on a page: the browser is sent nowhere.
func (s *Server) authClient(tenant string, q url.Values) (*Tenant, *App, *entraError) {
	t := s.cfg.tenant(tenant)
	if t == nil {
		return nil, nil, tenantNotFound(tenant)
	}
	for name, values := range q {
		if len(values) > 1 {
			return nil, nil, duplicated(name)
		}
	}
	id := q.Get("client_id")
	if id == "" {
		return nil, nil, missingParameter("client_id")
	}
	a := t.app(id)
	if a == nil {
		return nil, nil, appNotFound(id, t)
	}
	switch uri := q.Get("redirect_uri"); {
	case uri == "":
		return nil, nil, invalidRequest(900971, "No reply address provided.")
	case !a.allowsRedirect(uri):
		return nil, nil, invalidRequest(50011, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.", uri, a.ClientID)
	}
	return t, a, nil
}

func duplicated(name string) *entraError {
	return invalidRequest(9000411, "The request is not properly formatted. The parameter '%s' is duplicated.", name)
}

// parseAuthRequest checks the rest of the request.
func (s *Server) parseAuthRequest(t *Tenant, a *App, q url.Values) (*authRequest, *entraError) {
	req := &authRequest{
		tenant: t, app: a, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"),
		prompt: q.Get("prompt"), loginHint: q.Get("login_hint"),
		challenge: q.Get("code_challenge"), challengeMethod: q.Get("code_challenge_method"),
	}
	switch q.Get("response_type") {
	case "code":
	case "":
		return nil, missingParameter("response_type")
	default:
		return nil, refused("unsupported_response_type", 70005, "The response_type '%s' is not supported for the application; m365sim knows code alone.", q.Get("response_type"))
	}
	if m := q.Get("response_mode"); m != "" && m != "query" {
		return nil, invalidRequest(9002313, "Invalid request. m365sim does not simulate the response_mode '%s'; use query.", m)
	}
	if !slices.Contains([]string{"", "login", "none", "consent", "select_account"}, req.prompt) {
		return nil, invalidRequest(90023, "The prompt '%s' is not supported; there are login, none, consent and select_account.", req.prompt)
	}
	if text := q.Get("claims"); text != "" && json.Unmarshal([]byte(text), &map[string]any{}) != nil {
		return nil, invalidRequest(9002313, "Invalid request. The claims parameter is not a JSON object.")
	}
	switch {
	case req.challenge == "" && req.challengeMethod != "":
		return nil, invalidRequest(50147, "The size of the code challenge parameter isn't valid.")
	case req.challenge != "" && !challengeForm.MatchString(req.challenge), req.challengeMethod == "S256" && len(req.challenge) != 43:
		return nil, invalidRequest(501491, "Invalid size of Code_Challenge parameter.")
	case !slices.Contains([]string{"", "plain", "S256"}, req.challengeMethod):
		return nil, invalidRequest(9002313, "Invalid request. The code_challenge_method '%s' is not supported.", req.challengeMethod)
	}
	if strings.TrimSpace(q.Get("scope")) == "" {
		return nil, missingParameter("scope")
	}
	var refusal *entraError
	req.scopes, refusal = s.parseScopes(a, q.Get("scope"))
	return req, refusal
}

// needsAdmin is what people see where only an administrator may consent.
func needsAdmin(a *App, t *Tenant) *entraError {
	return refused("consent_required", 90094, "Needs admin approval. %s needs permission to access resources in %s that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.", a.Name, t.Name)
}

// answerChooser carries out what was chosen on the chooser's page.
func (s *Server) answerChooser(c *call, req *authRequest) reply {
	if err := s.crossSite.Check(c.Request); err != nil {
		return textReply(http.StatusForbidden, "the account chooser was answered from another site: "+err.Error())
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return textReply(http.StatusBadRequest, "the form can't be read: "+err.Error())
	}
	if form.Has("cancel") {
		return s.entraRedirect(c, req.redirectURI, req.state,
			refused("access_denied", 65004, "User declined to consent to access the app.").of("cancel"))
	}
	p := req.tenant.person(form.Get("account"))
	if p == nil {
		return s.entraPage(c, invalidRequest(50034, "The user account %s does not exist in the %s directory. To sign into this application, the account must be added to the directory.", form.Get("account"), req.tenant.Name))
	}
	id, current := newToken(32), &session{TenantID: req.tenant.ID, Mail: p.Mail, SID: uuid.NewString()}
	s.state.Sessions[fingerprint(id)] = current
	cookie := &http.Cookie{
		Name: sessionCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.base, "https:"),
	}
	return s.issueCode(c, req, current).with("Set-Cookie", cookie.String())
}

// issueCode sends the browser back with a code.
func (s *Server) issueCode(c *call, req *authRequest, who *session) reply {
	code := "1." + newToken(720) // as long as the real ones, to find narrow limits
	s.state.Codes[fingerprint(code)] = &grant{
		TenantID: req.tenant.ID, ClientID: req.app.ClientID, Mail: who.Mail, Scopes: req.scopes, SID: who.SID,
		Expires: c.now.Add(codeLifetime), RedirectURI: req.redirectURI, Nonce: req.nonce,
		Challenge: req.challenge, ChallengeMethod: req.challengeMethod,
	}
	return backToApp(c, req.redirectURI, req.state, url.Values{"code": {code}, "session_state": {who.SID}})
}

// session returns the browser's session in a tenant, or nil.
func (s *Server) session(c *call, t *Tenant) *session {
	cookie, err := c.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	current := s.state.Sessions[fingerprint(cookie.Value)]
	if current == nil || current.TenantID != t.ID || t.person(current.Mail) == nil {
		return nil
	}
	return current
}

// hinted returns whom a login_hint means: a mail address or the claim of that
// name; or nil.
func (t *Tenant) hinted(hint string) *Person {
	for i := range t.People {
		if p := &t.People[i]; hint != "" && (strings.EqualFold(hint, p.Mail) || hint == p.loginHint()) {
			return p
		}
	}
	return nil
}
