package login

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	alice    = "alice@contoso.example"
	bob      = "bob@contoso.example"
	carol    = "carol@contoso.example"
	zoe      = "zoe@fabrikam.example"
	wei      = "wei@china.example"
	callback = "http://localhost:8080/.ones/callback"
	verifier = "a-code-verifier-of-at-least-43-characters-~._0"
	formType = "application/x-www-form-urlencoded"

	fabrikamID = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b11"
	chinaID    = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b12"
	dodID      = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b13"
	multiID    = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c22" // Contoso's multi-tenant app
	chinaAppID = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c23"
	dodAppID   = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c24"
)

var begin = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// testKeys are made once: making them takes a while.
var testKeys = sync.OnceValue(func() map[string]key {
	w := &world.World{Base: "http://localhost"}
	f, err := table.Open("")
	if err != nil {
		panic(err)
	}
	l, err := New(w, f, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	made := map[string]key{}
	for _, owner := range []string{"", "/21vianet"} {
		k, err := l.addKey(owner, true, begin)
		if err != nil {
			panic(err)
		}
		made[k.id()] = k
	}
	return made
})

// A rig is an identity platform, reached over HTTP.
type rig struct {
	t      *testing.T
	cfg    world.Config
	world  *world.World
	login  *Login
	door   *front.Door
	base   string
	client *http.Client // a browser: it keeps cookies and follows no redirect

	mu  sync.Mutex
	now time.Time // guarded by mu
}

// config is the sample with a second tenant in each cloud but one.
func config() world.Config {
	cfg := world.Sample()
	cfg.Tenants[0].Events = nil
	cfg.AccountChooser = ""
	secrets := []world.Secret{{ID: "s-1", Value: "another-secret"}}
	scopes := []string{"openid", "profile", "offline_access", "Calendars.ReadWrite.Shared"}
	app := func(id string, multi bool) world.App {
		return world.App{ClientID: id, Name: "App", MultiTenant: multi, Secrets: secrets, RedirectURIs: []string{callback}, Scopes: scopes}
	}
	cfg.Tenants[0].Apps = append(cfg.Tenants[0].Apps, app(multiID, true))
	person := func(n, mail string) []world.Person {
		return []world.Person{{ID: "0b1ec700-0000-4000-8000-0000000f000" + n, Name: "Some One", Mail: mail, Admin: true}}
	}
	cfg.Tenants = append(cfg.Tenants,
		world.Tenant{ID: fabrikamID, Domain: "fabrikam.example", Name: "Fabrikam", People: person("1", zoe)},
		world.Tenant{ID: chinaID, Domain: "china.example", Name: "China", Cloud: "21vianet", Apps: []world.App{app(chinaAppID, false)}, People: person("2", wei)},
		world.Tenant{ID: dodID, Domain: "dod.example", Name: "DoD", Cloud: "us_gov_dod", Apps: []world.App{app(dodAppID, false)}, People: person("3", "sam@dod.example")},
	)
	return cfg
}

// newRig starts an identity platform. change alters its configuration.
func newRig(t *testing.T, change ...func(*world.Config)) *rig {
	t.Helper()
	r := &rig{t: t, cfg: config(), now: begin}
	for _, f := range change {
		f(&r.cfg)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.base = fmt.Sprintf("http://localhost:%d", server.Listener.Addr().(*net.TCPAddr).Port)
	var err error
	if r.world, err = world.New(r.cfg, r.base); err != nil {
		t.Fatal(err)
	}
	f, err := table.Open("")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if r.login, err = New(r.world, f, log); err != nil {
		t.Fatal(err)
	}
	for id, k := range testKeys() {
		r.login.keys.Put(id, k)
	}
	r.door = front.NewDoor(front.Options{
		Now:    func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now },
		Settle: func(time.Time) {}, Commit: f.Commit, Log: log,
	})
	server.Start()
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r
}

// serve is a simulator with a Graph of two resources.
func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	at, root, rest := r.world.CloudOf(req.URL.EscapedPath())
	part := r.login.Part()
	switch rest {
	case "/oidc/userinfo":
		part.Serve = r.login.Userinfo
	case "/v1.0/me":
		part.Serve = func(c *front.Call) front.Reply {
			access, refusal := r.login.Bearer(c)
			if refusal != nil {
				return front.JSON(http.StatusUnauthorized, refusal)
			}
			return front.JSON(http.StatusOK, map[string]any{"app": access.App.ClientID, "scopes": access.Scopes, "delegated": access.Person != nil})
		}
	}
	r.door.Serve(w, req, part, at, root, rest)
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// control runs a function as the control interface would.
func (r *rig) control(f func(l *Login, now time.Time) error) {
	r.t.Helper()
	var err error
	if committing := r.door.Do(func(now time.Time) { err = f(r.login, now) }); committing != nil || err != nil {
		r.t.Fatal(committing, err)
	}
}

func (r *rig) tenant() *world.Tenant { return &r.world.Tenants[0] }

func (r *rig) app() *world.App { return &r.tenant().Apps[0] }

// An answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%s %s: %d, not JSON: %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
	}
	return m
}

// query returns the parameters with which the browser is sent back to the app.
func (a answer) query(t *testing.T) url.Values {
	t.Helper()
	to, err := a.Location()
	if err != nil || !strings.HasPrefix(to.String(), callback+"?") {
		t.Fatalf("%s %s: %d, not sent back to the app but to %q: %s", a.Request.Method, a.Request.URL, a.StatusCode, a.Header.Get("Location"), a.body)
	}
	return to.Query()
}

// sentBack fails unless the browser is sent back with that error.
func (a answer) sentBack(t *testing.T, oauth, code string) {
	t.Helper()
	q := a.query(t)
	if q.Get("error") != oauth || !strings.HasPrefix(q.Get("error_description"), "AADSTS"+code+": ") {
		t.Errorf("sent back with %v, want %s AADSTS%s", q, oauth, code)
	}
}

// page fails unless the answer is a page with that text.
func (a answer) page(t *testing.T, status int, text string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Location") != "" || !strings.Contains(a.body, text) {
		t.Errorf("%d to %q, want a page %d with %s: %s", a.StatusCode, a.Header.Get("Location"), status, text, a.body)
	}
}

// refusal fails unless the answer is that refusal of the token endpoint.
func (a answer) refusal(t *testing.T, status int, oauth, code, suberror string) {
	t.Helper()
	m := a.json(t)
	description, _ := m["error_description"].(string)
	got, _ := m["suberror"].(string)
	if a.StatusCode != status || m["error"] != oauth || !strings.HasPrefix(description, "AADSTS"+code+": ") || got != suberror {
		t.Errorf("%d %s, want %d %s AADSTS%s %q", a.StatusCode, a.body, status, oauth, code, suberror)
	}
}

// ok fails unless the answer is JSON with status 200, which it returns.
func (a answer) ok(t *testing.T) map[string]any {
	t.Helper()
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
	}
	return a.json(t)
}

// send makes a request; headers come in pairs.
func (r *rig) send(method, target, body string, headers ...string) answer {
	r.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = r.base + target
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res, string(got)}
}

func (r *rig) get(target string, headers ...string) answer {
	r.t.Helper()
	return r.send(http.MethodGet, target, "", headers...)
}

// post sends a form from one of the simulator's own pages.
func (r *rig) post(target string, form url.Values) answer {
	r.t.Helper()
	return r.send(http.MethodPost, target, form.Encode(), "Content-Type", formType, "Origin", r.base)
}

// authRequest is a good request to the authorization endpoint, changed by pairs
// of a parameter and a value, "" for none.
func (r *rig) authRequest(change ...string) url.Values {
	return with(url.Values{
		"client_id": {r.app().ClientID}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"a state/+"},
		"nonce": {"n-1"}, "scope": {"openid offline_access Calendars.ReadWrite.Shared"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}, change...)
}

func with(form url.Values, change ...string) url.Values {
	for i := 0; i < len(change); i += 2 {
		if form.Del(change[i]); change[i+1] != "" {
			form.Set(change[i], change[i+1])
		}
	}
	return form
}

func (r *rig) authorizeURL(change ...string) string {
	return "/" + r.tenant().ID + "/oauth2/v2.0/authorize?" + r.authRequest(change...).Encode()
}

// choose picks an account and returns the code.
func (r *rig) choose(mail string, change ...string) string {
	r.t.Helper()
	a := r.post(r.authorizeURL(change...), url.Values{"account": {mail}})
	code := a.query(r.t).Get("code")
	if code == "" {
		r.t.Fatalf("no code for %s: %s", mail, a.Header.Get("Location"))
	}
	return code
}

// token sends a form to the token endpoint.
func (r *rig) token(form url.Values, headers ...string) answer {
	r.t.Helper()
	return r.tokenAt("/"+r.tenant().ID+"/oauth2/v2.0/token", form, headers...)
}

func (r *rig) tokenAt(target string, form url.Values, headers ...string) answer {
	r.t.Helper()
	return r.send(http.MethodPost, target, form.Encode(), append([]string{"Content-Type", formType}, headers...)...)
}

// codeForm is a good redemption of a code.
func (r *rig) codeForm(code string, change ...string) url.Values {
	return with(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
		"client_id": {r.app().ClientID}, "client_secret": {r.cfg.Tenants[0].Apps[0].Secrets[0].Value},
	}, change...)
}

func (r *rig) refreshForm(token any, change ...string) url.Values {
	return with(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}, "scope": {"openid offline_access Calendars.ReadWrite.Shared"},
		"client_id": {r.app().ClientID}, "client_secret": {r.cfg.Tenants[0].Apps[0].Secrets[0].Value},
	}, change...)
}

// signIn returns the answer of the token endpoint for somebody.
func (r *rig) signIn(mail string) map[string]any {
	r.t.Helper()
	return r.token(r.codeForm(r.choose(mail))).ok(r.t)
}

// me calls Graph with an access token.
func (r *rig) me(token any) answer {
	r.t.Helper()
	return r.get("/v1.0/me", "Authorization", "Bearer "+token.(string))
}
