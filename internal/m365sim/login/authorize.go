package login

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A request is a checked request to the authorization endpoint, or for an
// administrator's consent.
type request struct {
	authority authority
	app       *world.App
	scopes    scopeRequest
	admin     bool // asks for an administrator's consent, and nothing else

	redirectURI, state, nonce, prompt   string
	loginHint, domainHint, responseMode string
	challenge, challengeMethod          string
	claims                              claimsRequest
}

// maxURL bounds the address of a request, in bytes. Microsoft names no number.
const maxURL = 16 << 10

// challengeForm is what a code_challenge is made of (RFC 7636 section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// markup is what Entra takes out of a state.
var markup = regexp.MustCompile(`<[^>]*>`)

// serveAuthorize is the authorization endpoint
// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code).
// The pages it shows post to their own address, so that a request is checked
// again when they are answered.
func (l *Login) serveAuthorize(v version) func(*front.Call) front.Reply {
	return func(c *front.Call) front.Reply {
		l.sweep(c.Now)
		q := c.URL.Query()
		req, refusal := l.asker(c, q)
		if refusal != nil {
			return refusal.page(c)
		}
		if refusal := l.readAuthorize(c, req, q, v); refusal != nil {
			return l.back(c, req, refusal)
		}
		return l.interact(c, req)
	}
}

// asker finds out who asks. Until the redirect URI is known to be the app's,
// refusals are shown on a page: the browser is sent nowhere.
func (l *Login) asker(c *front.Call, q url.Values) (*request, *failure) {
	if len(c.URL.RequestURI()) > maxURL {
		return nil, refuse(90015)
	}
	at, refusal := l.authority(c)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := once(q); refusal != nil {
		return nil, refusal
	}
	a, refusal := l.app(c, at, q.Get("client_id"))
	if refusal != nil {
		return nil, refusal
	}
	switch uri := q.Get("redirect_uri"); {
	case len(a.RedirectURIs) == 0:
		return nil, refuse(500113)
	case uri == "":
		return nil, refuse(900971)
	case !a.AllowsRedirect(uri):
		return nil, refuse(50011).about("It is %q, the app %q.", uri, a.ClientID)
	}
	return &request{
		authority: at, app: a, redirectURI: q.Get("redirect_uri"), state: markup.ReplaceAllString(q.Get("state"), ""),
		prompt: q.Get("prompt"), loginHint: q.Get("login_hint"), domainHint: q.Get("domain_hint"),
	}, nil
}

// once refuses parameters that are given twice (RFC 6749 section 3.1).
func once(q url.Values) *failure {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if len(q[name]) > 1 {
			return refuse(9000411).about("It is %q.", name)
		}
	}
	return nil
}

// readAuthorize checks the rest of the request.
func (l *Login) readAuthorize(c *front.Call, req *request, q url.Values, v version) *failure {
	req.nonce, req.challenge, req.challengeMethod = q.Get("nonce"), q.Get("code_challenge"), q.Get("code_challenge_method")
	switch mode := q.Get("response_mode"); mode {
	case "", "query", "fragment", "form_post":
		req.responseMode = mode
	default:
		return refuse(9002313).about("There is no response_mode %q; use query, fragment or form_post.", mode)
	}
	switch q.Get("response_type") {
	case "code":
	case "":
		return missing("response_type")
	default:
		return refuse(70005).about("It is %q.", q.Get("response_type"))
	}
	switch {
	case !slices.Contains([]string{"", "login", "none", "consent", "select_account"}, req.prompt):
		return refuse(90023).about("There is no prompt %q; there are login, none, consent and select_account.", req.prompt)
	case req.prompt == "select_account" && req.loginHint != "":
		return refuse(9002313).about("A login_hint can't be combined with the prompt select_account.")
	}
	var refusal *failure
	if req.claims, refusal = parseClaims(q.Get("claims")); refusal != nil {
		return refusal
	}
	if refusal := checkChallenge(req); refusal != nil {
		return refusal
	}
	return l.readScopes(c, req, q, v)
}

// checkChallenge is RFC 7636 section 4.3.
func checkChallenge(req *request) *failure {
	switch {
	case req.challenge == "" && req.challengeMethod != "":
		return refuse(50147).as("invalid_request")
	case req.challenge != "" && !challengeForm.MatchString(req.challenge), req.challengeMethod == "S256" && len(req.challenge) != 43:
		return refuse(501491)
	case !slices.Contains([]string{"", "plain", "S256"}, req.challengeMethod):
		return refuse(9002313).about("There is no code_challenge_method %q; use S256.", req.challengeMethod)
	}
	return nil
}

// readScopes reads what is asked for: scopes, or a resource in version 1.
func (l *Login) readScopes(c *front.Call, req *request, q url.Values, v version) *failure {
	var refusal *failure
	if v == v1 {
		if q.Get("resource") == "" {
			return missing("resource")
		}
		req.scopes, refusal = l.resource(c, req.authority, q.Get("resource"))
		return refusal
	}
	req.scopes, refusal = scopeReader{req.app, l.graphs(c, req.authority), 70011}.read(q.Get("scope"))
	if refusal == nil && req.scopes.asksNothing() {
		return missing("scope")
	}
	return refusal
}

// resource is what version 1 asks for: all that is consented of a resource, an
// ID token and a refresh token.
func (l *Login) resource(c *front.Call, at authority, name string) (scopeRequest, *failure) {
	if !slices.ContainsFunc(l.graphs(c, at), equalFold(strings.TrimSuffix(name, "/"))) {
		return scopeRequest{}, refuse(500011).about("It is %q.", name)
	}
	return scopeRequest{Default: true, Free: []string{"openid", "offline_access"}}, nil
}
