package login

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// What may not go back to the app is shown on a page, what may goes back.
func TestAuthorizeRefuses(t *testing.T) {
	r := newRig(t, func(c *world.Config) {
		off := c.Tenants[0].Apps[0]
		off.ClientID, off.Disabled = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c29", true
		c.Tenants[0].Apps = append(c.Tenants[0].Apps, off)
	})
	for name, tt := range map[string]struct {
		change      []string
		page        string // a code on a page, or
		error, code string // an error that goes back
	}{
		"no client":               {change: []string{"client_id", ""}, page: "900144"},
		"an unknown client":       {change: []string{"client_id", "0b1ec700-0000-4000-8000-000000000000"}, page: "700016"},
		"another cloud's client":  {change: []string{"client_id", chinaAppID}, page: "700016"},
		"a disabled client":       {change: []string{"client_id", "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c29"}, page: "7000112"},
		"no redirect URI":         {change: []string{"redirect_uri", ""}, page: "900971"},
		"another redirect URI":    {change: []string{"redirect_uri", callback + "/"}, page: "50011"},
		"another case":            {change: []string{"redirect_uri", strings.ToUpper(callback)}, page: "50011"},
		"another host":            {change: []string{"redirect_uri", "http://localhost.evil.example:8080/.ones/callback"}, page: "50011"},
		"a long address":          {change: []string{"state", strings.Repeat("x", maxURL)}, page: "90015"},
		"another resource":        {change: []string{"scope", "https://other.example/Calendars.ReadWrite.Shared"}, error: "invalid_resource", code: "500011"},
		"another cloud's Graph":   {change: []string{"scope", r.base + "/21vianet/Calendars.ReadWrite.Shared"}, error: "invalid_resource", code: "500011"},
		"no resource":             {change: []string{"scope", "a/b"}, error: "invalid_scope", code: "70011"},
		"openid of Graph":         {change: []string{"scope", r.base + "/openid"}, error: "invalid_scope", code: "70011"},
		"an unknown scope":        {change: []string{"scope", "openid Calendars.Paint"}, error: "invalid_client", code: "650053"},
		"default and named":       {change: []string{"scope", ".default Calendars.Read"}, error: "invalid_scope", code: "70011"},
		"no scope":                {change: []string{"scope", " "}, error: "invalid_request", code: "900144"},
		"no response type":        {change: []string{"response_type", ""}, error: "invalid_request", code: "900144"},
		"another response type":   {change: []string{"response_type", "code id_token"}, error: "unsupported_response_type", code: "70005"},
		"a response mode":         {change: []string{"response_mode", "web_message"}, error: "invalid_request", code: "9002313"},
		"an unknown prompt":       {change: []string{"prompt", "admin_consent"}, error: "invalid_request", code: "90023"},
		"a hint and a choice":     {change: []string{"prompt", "select_account", "login_hint", alice}, error: "invalid_request", code: "9002313"},
		"nobody is signed in":     {change: []string{"prompt", "none"}, error: "login_required", code: "50058"},
		"a short challenge":       {change: []string{"code_challenge", "short"}, error: "invalid_request", code: "501491"},
		"a method alone":          {change: []string{"code_challenge", ""}, error: "invalid_request", code: "50147"},
		"an unknown method":       {change: []string{"code_challenge_method", "S512"}, error: "invalid_request", code: "9002313"},
		"claims that aren't JSON": {change: []string{"claims", "{"}, error: "invalid_request", code: "9002313"},
		"claims in a list":        {change: []string{"claims", "[]"}, error: "invalid_request", code: "9002313"},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.get(r.authorizeURL(tt.change...))
			if tt.page != "" {
				a.page(t, http.StatusBadRequest, "AADSTS"+tt.page+"<")
				return
			}
			if a.sentBack(t, tt.error, tt.code); a.query(t).Get("state") != "a state/+" {
				t.Errorf("the state is %q", a.query(t).Get("state"))
			}
		})
	}
	r.get(r.authorizeURL()+"&redirect_uri=http://evil.example/").page(t, http.StatusBadRequest, "AADSTS9000411")
	for name, code := range map[string]string{"other.example": "90002", "china.example": "90038", "common": "50194", "organizations": "50194", "consumers": "700016", "fabrikam.example": "700016"} {
		r.get("/"+name+"/oauth2/v2.0/authorize?"+r.authRequest().Encode()).page(t, http.StatusBadRequest, "AADSTS"+code)
	}
	a := r.send(http.MethodPost, r.authorizeURL(), "account="+alice, "Content-Type", formType, "Origin", "http://evil.example")
	a.page(t, http.StatusForbidden, "another site")
}

func TestChooser(t *testing.T) {
	r := newRig(t, func(c *world.Config) { c.Tenants[0].People[0].Name = `<script>x</script>` })
	a := r.get(r.authorizeURL("redirect_uri", "http://localhost:9999/.ones/callback"))
	if a.page(t, http.StatusOK, `id="account-alice"`); strings.Contains(a.body, "<script>") {
		t.Error("a hostile name does not stay text")
	}
	r.post(r.authorizeURL(), url.Values{"cancel": {"1"}}).sentBack(t, "access_denied", "65004")
	r.post(r.authorizeURL(), url.Values{"account": {"mallory@contoso.example"}}).page(t, http.StatusBadRequest, "AADSTS50034")
	r.post(r.authorizeURL(), url.Values{"account": {zoe}}).page(t, http.StatusBadRequest, "AADSTS50034") // of another tenant
	back := r.post(r.authorizeURL("state", "a<script>b</script>c"), url.Values{"account": {bob}})
	if got := back.query(t).Get("state"); got != "abc" {
		t.Errorf("the state comes back as %q", got)
	}
}

func TestResponseModes(t *testing.T) {
	r := newRig(t)
	choose := url.Values{"account": {alice}}
	to := r.post(r.authorizeURL("response_mode", "fragment"), choose).Header.Get("Location")
	if !strings.HasPrefix(to, callback+"#") || !strings.Contains(to, "code=") {
		t.Errorf("fragment: %q", to)
	}
	a := r.post(r.authorizeURL("response_mode", "form_post", "state", `"x"`), choose)
	a.page(t, http.StatusOK, `action="`+callback+`"`)
	if !strings.Contains(html.UnescapeString(a.body), `name="state" value=""x""`) || !strings.Contains(a.body, `name="code"`) {
		t.Errorf("form_post: %s", a.body)
	}
	if policy := a.Header.Get("Content-Security-Policy"); strings.Contains(policy, "form-action") || !strings.Contains(policy, "script-src 'sha256-") {
		t.Errorf("the policy is %q", policy)
	}
	r.get(r.authorizeURL("response_mode", "form_post", "prompt", "admin_consent")).page(t, http.StatusOK, `name="error" value="invalid_request"`)
}

func TestSingleSignOn(t *testing.T) {
	r := newRig(t)
	hint := loginHint(r.tenant().Person(alice))
	r.choose(alice)
	for name, change := range map[string][]string{
		"no prompt": nil, "prompt=none": {"prompt", "none"}, "her hint": {"login_hint", alice}, "the claim": {"login_hint", hint},
		"her domain": {"domain_hint", "contoso.example"}, "organizations": {"domain_hint", "organizations"},
	} {
		if q := r.get(r.authorizeURL(change...)).query(t); q.Get("code") == "" {
			t.Errorf("%s: %v", name, q)
		}
	}
	for name, change := range map[string][]string{
		"another's hint": {"login_hint", bob}, "prompt=login": {"prompt", "login"}, "select_account": {"prompt", "select_account"},
	} {
		if a := r.get(r.authorizeURL(change...)); !strings.Contains(a.body, `id="account-bob"`) {
			t.Errorf("%s: no chooser but %d", name, a.StatusCode)
		}
	}
	r.get(r.authorizeURL("domain_hint", "consumers")).page(t, http.StatusOK, "Nobody here")
	r.get(r.authorizeURL("prompt", "none", "login_hint", bob)).sentBack(t, "login_required", "50058")

	r.choose(bob) // beside her
	r.get(r.authorizeURL()).page(t, http.StatusOK, `id="account-bob"`)
	r.get(r.authorizeURL("prompt", "none")).sentBack(t, "login_required", "16000")
	if q := r.get(r.authorizeURL("prompt", "none", "login_hint", bob)).query(t); q.Get("code") == "" {
		t.Errorf("one of two by a hint: %v", q)
	}
	r.advance(sessionLifetime + time.Second)
	r.get(r.authorizeURL("prompt", "none", "login_hint", bob)).sentBack(t, "login_required", "50058")
}

func TestChooserAlways(t *testing.T) {
	r := newRig(t, func(c *world.Config) { c.AccountChooser = world.ChooserAlways })
	r.choose(alice)
	r.get(r.authorizeURL()).page(t, http.StatusOK, `id="account-bob"`)
	for _, change := range [][]string{{"prompt", "none"}, {"login_hint", alice}} {
		if q := r.get(r.authorizeURL(change...)).query(t); q.Get("code") == "" {
			t.Errorf("%v: %v", change, q)
		}
	}
}

// A multi-tenant app signs in people of all tenants of its cloud.
func TestCommon(t *testing.T) {
	r := newRig(t)
	at := "/common/oauth2/v2.0/"
	address := at + "authorize?" + r.authRequest("client_id", multiID).Encode()
	a := r.get(address)
	if a.page(t, http.StatusOK, `id="account-zoe"`); !strings.Contains(a.body, `id="account-alice"`) || strings.Contains(a.body, "account-wei") {
		t.Errorf("the chooser: %s", a.body)
	}
	r.post(address, url.Values{"account": {zoe}}).page(t, http.StatusOK, `id="accept"`)
	code := r.post(address, url.Values{"account": {zoe}, "consent": {"accept"}}).query(t).Get("code")
	form := r.codeForm(code, "client_id", multiID, "client_secret", "another-secret")
	r.tokenAt("/"+fabrikamID+"/oauth2/v2.0/token", form).refusal(t, 400, "invalid_grant", "700005", "")
	tokens := r.tokenAt(at+"token", form).ok(t)
	claims := r.idToken(tokens, "/common/discovery/v2.0/keys", r.base+"/"+fabrikamID+"/v2.0", multiID)
	if claims["tid"] != fabrikamID {
		t.Errorf("tid = %v", claims["tid"])
	}
	refresh := r.refreshForm(tokens["refresh_token"], "client_id", multiID, "client_secret", "another-secret")
	r.tokenAt("/fabrikam.example/oauth2/v2.0/token", refresh).ok(t)
	r.token(refresh).refusal(t, 400, "invalid_grant", "50020", "")
}

func TestAssignment(t *testing.T) {
	r := newRig(t, func(c *world.Config) {
		a := &c.Tenants[0].Apps[0]
		a.AssignmentRequired, a.Assigned = true, []string{"Engineering", alice}
	})
	r.signIn(alice)
	r.signIn(bob) // by his group
	r.post(r.authorizeURL(), url.Values{"account": {carol}}).page(t, http.StatusBadRequest, "AADSTS50105")
}
