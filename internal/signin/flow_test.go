package signin

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
)

const (
	flowTenant = "11111111-2222-3333-4444-555555555555"
	flowIssuer = "https://login.example/" + flowTenant + "/v2.0"
)

var flowKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// A provider is an identity platform and a Graph without a network: it is the
// transport of the clients. It keeps a code to what it was issued for.
type provider struct {
	claims map[string]any // of its people, beside the usual ones
	codes  map[string]url.Values
	forms  []url.Values // what the token endpoint got
	issued []string     // every token it gave out
	used   bool         // a code that is not known was used before
	mute   bool         // the calendar can't be asked
	owner  string       // of the calendar, an address
	wanted string       // the claims that refresh tokens are refused with
}

// authorize is what the browser's visit to the authorization endpoint brings.
func (p *provider) authorize(request url.Values) (code string) {
	code = "code-" + rand.Text()
	p.codes[code] = request
	return code
}

// RoundTrip implements http.RoundTripper.
func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	status, answer := http.StatusOK, any(nil)
	switch r.URL.Path {
	case "/" + flowTenant + "/v2.0/.well-known/openid-configuration":
		answer = map[string]string{
			"issuer": flowIssuer, "authorization_endpoint": "https://login.example/authorize", "token_endpoint": "https://login.example/token",
			"jwks_uri": "https://login.example/keys", "end_session_endpoint": "https://login.example/logout",
		}
	case "/keys":
		answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &flowKey().PublicKey, KeyID: "k", Use: "sig"}}}
	case "/token":
		status, answer = p.token(r)
	case "/v1.0/me/calendar":
		if p.mute { // for so long that nobody waits
			return &http.Response{
				StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3600"}}, Body: http.NoBody, Request: r,
			}, nil
		}
		answer = map[string]any{"owner": map[string]string{"name": "Alice Chan", "address": cmp.Or(p.owner, "alice@contoso.example")}}
	default:
		status, answer = http.StatusNotFound, map[string]any{}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}, nil
}

// token redeems a code as RFC 6749 and RFC 7636 want it.
func (p *provider) token(r *http.Request) (status int, answer any) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return http.StatusBadRequest, nil
	}
	p.forms = append(p.forms, form)
	if form.Get("grant_type") == "refresh_token" {
		return http.StatusBadRequest, map[string]any{"error": "interaction_required", "suberror": "basic_action", "claims": p.wanted}
	}
	request, ok := p.codes[form.Get("code")]
	delete(p.codes, form.Get("code")) // it serves once
	if !ok {
		return http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_codes": []int{codeUsed}}
	}
	if request.Get("redirect_uri") != form.Get("redirect_uri") || request.Get("code_challenge_method") != "S256" ||
		request.Get("code_challenge") != oauth2.S256ChallengeFromVerifier(form.Get("code_verifier")) {
		refused := map[string]any{"error": "invalid_grant"}
		if p.used {
			refused["error_codes"] = []int{codeUsed}
		}
		return http.StatusBadRequest, refused
	}
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": flowIssuer, "aud": "app", "sub": "alice", "tid": flowTenant, "nonce": request.Get("nonce"), "iat": now, "exp": now + 3600,
	}
	maps.Copy(claims, p.claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: flowKey(), KeyID: "k"}}, nil)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	id, err := signed.CompactSerialize()
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	access, refresh := "access-"+rand.Text(), "refresh-"+rand.Text()
	p.issued = append(p.issued, id, access, refresh)
	return http.StatusOK, map[string]any{
		"token_type": "Bearer", "access_token": access, "refresh_token": refresh, "id_token": id, "expires_in": 3600,
	}
}

// A flow is one browser before a gate whose only integration really signs in.
type flow struct {
	*stage
	*provider
	jar map[string]string
}

func newFlow(t testing.TB, change func(*GateConfig)) *flow {
	t.Helper()
	f := &flow{stage: newStage(t, change), provider: &provider{codes: map[string]url.Values{}}, jar: map[string]string{}}
	f.site.Integrations = []Integration{{
		Name: "contoso", Label: "Sign in", Entra: f.client(t, flowTenant),
		Graph: graph.NewClient("https://graph.example", &http.Client{Transport: f.provider}, time.Now),
		Rules: identity.Rules{Integration: "contoso"},
	}}
	return f
}

// client is an app registration at the provider, for people of a tenant; "": of any.
func (p *provider) client(t testing.TB, tenant string) *entra.Client {
	t.Helper()
	at := entra.NewProvider(flowIssuer, &http.Client{Transport: p}, time.Now)
	t.Cleanup(at.Close)
	return entra.NewClient(entra.Config{
		TenantID: tenant, ClientID: "app", Credentials: []entra.Credential{{Secret: "flow-client-secret"}}, Scopes: []string{"openid", "offline_access"},
	}, at, slog.New(slog.DiscardHandler))
}

// browse sends a request with the browser's cookies and keeps those that come back.
func (f *flow) browse(t testing.TB, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(f.jar)) {
		pairs = append(pairs, name+"="+f.jar[name])
	}
	if len(pairs) > 0 {
		headers = append(headers, "Cookie", strings.Join(pairs, "; "))
	}
	w := f.send(t, method, target, false, headers...)
	for _, c := range w.Result().Cookies() {
		if f.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(f.jar, c.Name)
		}
	}
	return w
}

// post sends a form of ours, as the browser does from our own page.
func (f *flow) post(t testing.TB, target string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://ones.example")
	for name, value := range f.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	if err := f.Serve(w, r, r.URL, f.next); err != nil {
		t.Fatal(err)
	}
	return w
}

// begin starts a sign-in and returns what the authorization endpoint is asked.
func (f *flow) begin(t testing.TB, back string, headers ...string) url.Values {
	t.Helper()
	delete(f.jar, "__Host-onesgate-rounds") // as if a minute had passed
	w := f.browse(t, http.MethodGet, "/.ones/login/contoso?return_to="+url.QueryEscape(back), headers...)
	to, err := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusSeeOther || err != nil || to.Host != "login.example" {
		t.Fatalf("the sign-in begins with %d to %v, %v: %s", w.Code, to, err, w.Body)
	}
	return to.Query()
}

// signIn signs alice in and returns the last answer.
func (f *flow) signIn(t testing.TB, back string) *httptest.ResponseRecorder {
	t.Helper()
	request := f.begin(t, back)
	w := f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	if w.Code != http.StatusSeeOther || f.me(t) != flowTenant+".alice" {
		t.Fatalf("the sign-in ends with %d and the cookies %v: %s", w.Code, f.jar, w.Body)
	}
	return w
}

func callbackURL(code, state string) string {
	return CallbackPath + "?" + url.Values{"code": {code}, "state": {state}}.Encode()
}

// me is whom /.ones/me knows the browser for, "" for nobody.
func (f *flow) me(t testing.TB) string {
	t.Helper()
	w := f.browse(t, http.MethodGet, "/.ones/me")
	var me struct {
		ID string `json:"id"`
	}
	switch w.Code {
	case http.StatusOK:
		if err := json.Unmarshal(w.Body.Bytes(), &me); err != nil {
			t.Fatal(err)
		}
	case http.StatusUnauthorized:
	default:
		t.Fatalf("/.ones/me: %d %s", w.Code, w.Body)
	}
	return me.ID
}

// expired says whether an answer is the page for what belongs to no sign-in under way.
func expired(w *httptest.ResponseRecorder) error {
	body := w.Body.String()
	if w.Code != http.StatusBadRequest || !strings.Contains(body, `data-kind="sign_in_expired"`) && !strings.Contains(body, `data-kind="no_cookies"`) {
		return fmt.Errorf("%d %s", w.Code, w.Body)
	}
	return nil
}
