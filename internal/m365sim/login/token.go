package login

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A tokenRequest is a request to the token endpoint of an app that has
// authenticated.
type tokenRequest struct {
	*front.Call
	version version
	at      authority
	app     *world.App
	form    url.Values
	claims  claimsRequest
}

// serveToken is the token endpoint
// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token).
func (l *Login) serveToken(v version) func(*front.Call) front.Reply {
	return func(c *front.Call) front.Reply {
		l.sweep(c.Now)
		answer, refusal := l.token(c, v)
		if refusal != nil {
			return refusal.json(c)
		}
		return front.JSON(http.StatusOK, answer).With("Pragma", "no-cache").With("X-Ms-Request-Id", c.ID)
	}
}

func (l *Login) token(c *front.Call, v version) (*tokenAnswer, *failure) {
	at, refusal := l.authority(c)
	if refusal != nil {
		return nil, refusal
	}
	form, refusal := tokenForm(c)
	if refusal != nil {
		return nil, refusal
	}
	a, refusal := l.authenticate(c, at, form)
	if refusal != nil {
		return nil, refusal
	}
	r := tokenRequest{Call: c, version: v, at: at, app: a, form: form}
	if r.claims, refusal = parseClaims(form.Get("claims")); refusal != nil {
		return nil, refusal
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		return l.redeemCode(r)
	case "refresh_token":
		return l.redeemRefresh(r)
	case "client_credentials":
		return l.appToken(r)
	}
	return nil, refuse(70003).about("It is %q.", form.Get("grant_type"))
}

// tokenForm reads the form that a request to the token endpoint has to be.
func tokenForm(c *front.Call) (url.Values, *failure) {
	if c.Method != http.MethodPost {
		return nil, refuse(900561)
	}
	media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	form, err := url.ParseQuery(string(c.Body))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, missing("grant_type")
	}
	if refusal := once(form); refusal != nil {
		return nil, refusal
	}
	if form.Get("grant_type") == "" {
		return nil, missing("grant_type")
	}
	return form, nil
}

// A tokenAnswer is RFC 6749 section 5.1 with Entra's additions.
type tokenAnswer struct {
	TokenType    string  `json:"token_type"`
	Scope        string  `json:"scope,omitempty"`
	ExpiresIn    seconds `json:"expires_in"`
	ExtExpiresIn seconds `json:"ext_expires_in"`
	ExpiresOn    string  `json:"expires_on,omitempty"` // version 1 only
	Resource     string  `json:"resource,omitempty"`   // version 1 only
	AccessToken  string  `json:"access_token"`
	RefreshToken string  `json:"refresh_token,omitempty"`
	IDToken      string  `json:"id_token,omitempty"`
	ClientInfo   string  `json:"client_info,omitempty"`
}

// seconds are written as a number in version 2, and as a string in version 1.
type seconds struct {
	n       int
	version version
}

// MarshalJSON implements json.Marshaler.
func (s seconds) MarshalJSON() ([]byte, error) {
	if s.version == v1 {
		return json.Marshal(strconv.Itoa(s.n))
	}
	return json.Marshal(s.n)
}

// answer begins the answer with an access token for a grant.
func (l *Login) answer(r tokenRequest, g grant, graph string) *tokenAnswer {
	lifetime := accessLifetime(r.app, g.CAE)
	g.Expires = r.Now.Add(lifetime)
	answer := &tokenAnswer{TokenType: "Bearer", AccessToken: "Ew" + newToken(1100)}
	answer.ExpiresIn = seconds{int(lifetime / time.Second), r.version}
	answer.ExtExpiresIn = answer.ExpiresIn
	if r.version == v1 {
		answer.ExpiresOn, answer.Resource = strconv.FormatInt(g.Expires.Unix(), 10), graph
	}
	l.access.Put(fingerprint(answer.AccessToken), g)
	return answer
}

// wanted is what a token request asks for: the scopes of the grant unless it
// names others.
func (l *Login) wanted(r tokenRequest, t *world.Tenant, g grant) (scopeRequest, *failure) {
	if r.version == v1 {
		name := r.form.Get("resource")
		if name == "" {
			name = l.world.Cloud(t.Cloud).Graph
		}
		return l.resource(r.Call, authority{tenant: t}, name)
	}
	text := r.form.Get("scope")
	if strings.TrimSpace(text) == "" {
		return scopeRequest{Named: g.Scopes}, nil
	}
	return scopeReader{r.app, []string{l.world.Cloud(t.Cloud).Graph}, 28002}.read(text)
}

// issue answers for a grant. nonce is that of the sign-in, and asked are all
// claims that the tokens are asked with.
func (l *Login) issue(r tokenRequest, g grant, nonce string, asked claimsRequest) (*tokenAnswer, *failure) {
	t, _, p := l.holder(g)
	if p == nil {
		return nil, refuse(50034)
	}
	if refusal := l.barred(p, r.app); refusal != nil {
		return nil, refusal
	}
	want, refusal := l.wanted(r, t, g)
	if refusal != nil {
		return nil, refusal
	}
	scopes, lacking := want.resolve(l.consented(t, r.app, p), r.app)
	if len(lacking) > 0 {
		return nil, refuse(65001).about("The app %s asks for %q.", r.app.Name, lacking)
	}
	if step := asked.stepUp(); !signInClaims(g).meets(step) {
		refusal := refuse(50076)
		refusal.claims = step.String()
		return nil, refusal
	}
	access := grant{
		TenantID: t.ID, ClientID: r.app.ClientID, PersonID: p.ID, Scopes: scopes, SID: g.SID, SignIn: g.SignIn,
		CAE: r.claims.capable(), Claims: asked.String(), Challenges: l.standings.Get(p.ID).Challenges,
	}
	graph := l.world.Cloud(t.Cloud).Graph
	answer := l.answer(r, access, graph)
	answer.Scope = told(scopes, graph)
	if slices.Contains(scopes, "offline_access") {
		answer.RefreshToken = "1." + newToken(900)
		l.refresh.Put(fingerprint(answer.RefreshToken), grant{
			TenantID: t.ID, ClientID: r.app.ClientID, PersonID: p.ID, Scopes: scopes, SID: g.SID, SignIn: g.SignIn,
			Expires: r.Now.Add(refreshLifetime),
		})
	}
	if slices.Contains(scopes, "openid") {
		var err error
		about := subjectOf{tenant: t, app: r.app, person: p, scopes: scopes, sid: g.SID, nonce: nonce}
		if answer.IDToken, err = l.idToken(r, about); err != nil {
			return nil, l.broken(err)
		}
	}
	if r.form.Get("client_info") == "1" && slices.Contains(scopes, "profile") {
		answer.ClientInfo = clientInfo(t, p)
	}
	return answer, nil
}

// signInClaims are what the user has satisfied by signing in.
func signInClaims(g grant) claimsRequest {
	claims, _ := parseClaims(g.SignIn) // it was checked when it came
	return claims
}

// clientInfo names the account in the way that MSAL wants.
func clientInfo(t *world.Tenant, p *world.Person) string {
	text, err := json.Marshal(map[string]string{"uid": p.ID, "utid": t.ID})
	if err != nil {
		return "" // strings can be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// appToken answers the client credentials grant (RFC 6749 section 4.4;
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func (l *Login) appToken(r tokenRequest) (*tokenAnswer, *failure) {
	if r.at.tenant == nil {
		return nil, refuse(50059)
	}
	graph := l.world.Cloud(r.at.tenant.Cloud).Graph
	switch r.version {
	case v1:
		if _, refusal := l.resource(r.Call, r.at, r.form.Get("resource")); refusal != nil {
			return nil, refusal
		}
	case v2:
		if !strings.EqualFold(strings.TrimSpace(r.form.Get("scope")), graph+"/"+defaultScope) {
			return nil, refuse(1002012).about("It is %q.", r.form.Get("scope"))
		}
	}
	if _, home := l.world.App(r.app.ClientID); home != r.at.tenant && len(l.consent(r.at.tenant, r.app, "").Scopes) == 0 {
		return nil, refuse(700016).about("Nobody in %s has consented to it.", r.at.tenant.Name)
	}
	return l.answer(r, grant{TenantID: r.at.tenant.ID, ClientID: r.app.ClientID, CAE: r.claims.capable(), Claims: r.claims.String()}, graph), nil
}
