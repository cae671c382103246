package m365sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	alice     = "alice@contoso.example"
	bob       = "bob@contoso.example"
	boardroom = "boardroom@contoso.example"
	callback  = "http://localhost:8080/.ones/callback"
	verifier  = "a-code-verifier-of-at-least-43-characters-~._0"
	threeOnly = "openid offline_access Calendars.ReadWrite.Shared"
)

// begin is a Monday morning in Hong Kong.
var begin = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// A clock stands still until it is told to go on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A site is a simulator, reached over HTTP.
type site struct {
	t      *testing.T
	cfg    world.Config
	sim    *Server
	clock  *clock
	base   string
	client *http.Client // a browser: it keeps cookies and follows no redirect
}

// newSite starts a simulator. change alters its configuration.
func newSite(t *testing.T, change ...func(*world.Config, *Options)) *site {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := fmt.Sprintf("http://localhost:%d", server.Listener.Addr().(*net.TCPAddr).Port)
	s := &site{t: t, cfg: world.Sample(), clock: &clock{at: begin}, base: base}
	s.cfg.Tenants[0].Events = nil
	transport := &http.Transport{}
	o := Options{BaseURL: base, Now: s.clock.now, Client: &http.Client{Transport: transport}}
	for _, f := range change {
		f(&s.cfg, &o)
	}
	var err error
	if s.sim, err = New(s.cfg, o); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s.sim
	server.Start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		if err := s.sim.Close(); err != nil {
			t.Error(err)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

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

// want fails unless the answer has that status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %d %s, want %d", a.Request.Method, a.Request.URL, a.StatusCode, a.body, status)
	}
	return a
}

// send makes a request. A body that is no string is sent as JSON; headers come
// in pairs.
func (s *site) send(method, target string, body any, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, target, body, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) try(method, target string, body any, headers ...string) (answer, error) {
	s.t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			s.t.Fatal(err)
		}
	}
	if strings.HasPrefix(target, "/") {
		target = s.base + target
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, target, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	if text != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return answer{res, string(got)}, err
}

// A place is a tenant's app in a cloud: "" or such as "/21vianet".
type place struct {
	cloud  string
	tenant *world.Tenant
	app    *world.App
}

func (s *site) home() place { return place{"", &s.cfg.Tenants[0], &s.cfg.Tenants[0].Apps[0]} }

// signIn goes through the whole flow and returns what the token endpoint says.
func (s *site) signIn(p place, mail, scope string) map[string]any {
	s.t.Helper()
	q := url.Values{
		"client_id": {p.app.ClientID}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s"}, "nonce": {"n"}, "scope": {scope},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	a := s.send(http.MethodPost, p.cloud+"/"+p.tenant.ID+"/oauth2/v2.0/authorize?"+q.Encode(), url.Values{"account": {mail}}.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Origin", s.base)
	to, err := a.Location()
	if err != nil || to.Query().Get("code") == "" {
		s.t.Fatalf("signing in %s: %d %s %s", mail, a.StatusCode, a.Header.Get("Location"), a.body)
	}
	return s.token(p, url.Values{
		"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}).want(s.t, http.StatusOK).json(s.t)
}

// token sends a form to the token endpoint, with the app's secret.
func (s *site) token(p place, form url.Values) answer {
	s.t.Helper()
	form.Set("client_id", p.app.ClientID)
	if !form.Has("client_secret") {
		form.Set("client_secret", p.app.Secrets[0].Value)
	}
	return s.send(http.MethodPost, p.cloud+"/"+p.tenant.ID+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (s *site) refresh(token string) answer {
	s.t.Helper()
	return s.token(s.home(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {threeOnly}})
}

// graph calls Graph with a token.
func (s *site) graph(token, method, path string, body any, headers ...string) answer {
	s.t.Helper()
	return s.send(method, "/v1.0"+path, body, append([]string{"Authorization", "Bearer " + token}, headers...)...)
}

// as is somebody's access token.
func (s *site) as(mail string) string {
	s.t.Helper()
	return s.signIn(s.home(), mail, threeOnly)["access_token"].(string)
}

// meeting is a good body of an event in a room, begin and end in hours of UTC.
func meeting(subject, room string, from, to int) map[string]any {
	at := func(hour int) map[string]any {
		return map[string]any{"dateTime": fmt.Sprintf("2026-11-24T%02d:00:00", hour), "timeZone": "UTC"}
	}
	return map[string]any{
		"subject": subject, "start": at(from), "end": at(to),
		"attendees": []any{map[string]any{"type": "resource", "emailAddress": map[string]any{"address": room}}},
	}
}

// book makes an event that must succeed, and returns its id.
func (s *site) book(token string, body map[string]any) string {
	s.t.Helper()
	return s.graph(token, http.MethodPost, "/me/events", body).want(s.t, http.StatusCreated).json(s.t)["id"].(string)
}

// roomSays is the answer of the first attendee of an event.
func (s *site) roomSays(token, id string) string {
	s.t.Helper()
	m := s.graph(token, http.MethodGet, "/me/events/"+id, nil).want(s.t, http.StatusOK).json(s.t)
	return m["attendees"].([]any)[0].(map[string]any)["status"].(map[string]any)["response"].(string)
}

// command changes the simulator's world.
func (s *site) command(name string, body any) answer {
	s.t.Helper()
	a := s.send(http.MethodPost, "/_sim/"+name, body)
	if a.StatusCode/100 != 2 {
		s.t.Fatalf("%s %v: %d %s", name, body, a.StatusCode, a.body)
	}
	return a
}

// status is what GET /_sim tells.
func (s *site) status() map[string]any {
	s.t.Helper()
	return s.send(http.MethodGet, "/_sim", nil).want(s.t, http.StatusOK).json(s.t)
}
