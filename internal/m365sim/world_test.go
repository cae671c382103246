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
)

const (
	alice     = "alice@contoso.example"
	bob       = "bob@contoso.example"
	eve       = "eve@contoso.example"
	boardroom = "boardroom@contoso.example"
	garden    = "garden@contoso.example"
	callback  = "http://localhost:8080/.ones/callback"
	verifier  = "a-code-verifier-of-at-least-43-characters-~._0"
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

// A world is a simulator, reached over HTTP.
type world struct {
	t      *testing.T
	cfg    Config
	sim    *Server
	clock  *clock
	base   string
	client *http.Client // a browser: it keeps cookies and follows no redirect
}

// newWorld starts a simulator. change alters its configuration.
func newWorld(t *testing.T, change ...func(*Config, *Options)) *world {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := fmt.Sprintf("http://localhost:%d", server.Listener.Addr().(*net.TCPAddr).Port)
	w := &world{t: t, cfg: SampleConfig(), clock: &clock{at: begin}, base: base}
	w.cfg.Tenants[0].Events = nil
	o := Options{BaseURL: base, Now: w.clock.now}
	for _, f := range change {
		f(&w.cfg, &o)
	}
	var err error
	if w.sim, err = New(w.cfg, o); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = w.sim
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := w.sim.Close(); err != nil {
			t.Error(err)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

func (w *world) tenant() *Tenant { return &w.cfg.Tenants[0] }

// eventsOf is what stands in a calendar.
func (w *world) eventsOf(address string) []*event {
	w.sim.mu.Lock()
	defer w.sim.mu.Unlock()
	var events []*event
	for _, e := range w.sim.state.calendar(address).Events {
		events = append(events, e.clone())
	}
	return events
}

func (w *world) app() *App { return &w.tenant().Apps[0] }

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

// errorCode is the code of one of Graph's errors.
func (a answer) errorCode(t *testing.T) string {
	t.Helper()
	e, _ := a.json(t)["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
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

// send makes a request. A body that is no string is sent as JSON; headers come
// in pairs.
func (w *world) send(method, target string, body any, headers ...string) answer {
	w.t.Helper()
	a, err := w.try(method, target, body, headers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) try(method, target string, body any, headers ...string) (answer, error) {
	w.t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			w.t.Fatal(err)
		}
	}
	if strings.HasPrefix(target, "/") {
		target = w.base + target
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, target, bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	if text != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return answer{res, string(got)}, err
}

// authRequest is a good request to the authorization endpoint.
func (w *world) authRequest() url.Values {
	return url.Values{
		"client_id": {w.app().ClientID}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"a state/+"},
		"nonce": {"n-1"}, "scope": {"openid offline_access Calendars.ReadWrite.Shared"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
}

func (w *world) authorizeURL(q url.Values) string {
	return "/" + w.tenant().ID + "/oauth2/v2.0/authorize?" + q.Encode()
}

// choose picks an account, and returns the code.
func (w *world) choose(mail string, q url.Values) string {
	w.t.Helper()
	a := w.send(http.MethodPost, w.authorizeURL(q), url.Values{"account": {mail}}.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Origin", w.base)
	code := a.query(w.t).Get("code")
	if code == "" {
		w.t.Fatalf("no code for %s: %s", mail, a.Header.Get("Location"))
	}
	return code
}

func (w *world) tokenPath() string { return "/" + w.tenant().ID + "/oauth2/v2.0/token" }

// token sends a form to the token endpoint.
func (w *world) token(form url.Values, headers ...string) answer {
	w.t.Helper()
	return w.send(http.MethodPost, w.tokenPath(), form.Encode(),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// codeForm is a good redemption of a code.
func (w *world) codeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
		"client_id": {w.app().ClientID}, "client_secret": {w.app().Secrets[0].Value},
	}
}

func (w *world) refreshForm(token string) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"openid offline_access Calendars.ReadWrite.Shared"},
		"client_id": {w.app().ClientID}, "client_secret": {w.app().Secrets[0].Value},
	}
}

// signIn returns the answer of the token endpoint for somebody.
func (w *world) signIn(mail string) map[string]any {
	w.t.Helper()
	a := w.token(w.codeForm(w.choose(mail, w.authRequest())))
	if a.StatusCode != http.StatusOK {
		w.t.Fatalf("signing in %s: %d %s", mail, a.StatusCode, a.body)
	}
	return a.json(w.t)
}

// A mailboxClient calls Graph as somebody.
type mailboxClient struct {
	*world
	token string
}

func (w *world) as(mail string) mailboxClient {
	w.t.Helper()
	return mailboxClient{w, w.signIn(mail)["access_token"].(string)}
}

func (m mailboxClient) call(method, path string, body any, headers ...string) answer {
	m.t.Helper()
	return m.send(method, "/v1.0"+path, body, append([]string{"Authorization", "Bearer " + m.token}, headers...)...)
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

// create makes an event that must succeed, and returns it.
func (m mailboxClient) create(body any) map[string]any {
	m.t.Helper()
	a := m.call(http.MethodPost, "/me/events", body)
	if a.StatusCode != http.StatusCreated {
		m.t.Fatalf("creating an event: %d %s", a.StatusCode, a.body)
	}
	return a.json(m.t)
}

// roomResponse is the answer of the first attendee of an event.
func (m mailboxClient) roomResponse(id string) string {
	m.t.Helper()
	a := m.call(http.MethodGet, "/me/events/"+id, nil)
	if a.StatusCode != http.StatusOK {
		m.t.Fatalf("reading an event: %d %s", a.StatusCode, a.body)
	}
	first := a.json(m.t)["attendees"].([]any)[0].(map[string]any)
	return first["status"].(map[string]any)["response"].(string)
}

// busy is the statuses that getSchedule tells of a room on the day of meeting.
func (m mailboxClient) busy(room string) []string {
	m.t.Helper()
	a := m.call(http.MethodPost, "/me/calendar/getSchedule", scheduleBody(room))
	if a.StatusCode != http.StatusOK {
		m.t.Fatalf("getSchedule: %d %s", a.StatusCode, a.body)
	}
	statuses := []string{}
	for _, item := range a.json(m.t)["value"].([]any)[0].(map[string]any)["scheduleItems"].([]any) {
		statuses = append(statuses, item.(map[string]any)["status"].(string))
	}
	return statuses
}

func scheduleBody(schedules ...string) map[string]any {
	return map[string]any{
		"schedules": schedules,
		"startTime": map[string]any{"dateTime": "2026-11-24T00:00:00", "timeZone": "UTC"},
		"endTime":   map[string]any{"dateTime": "2026-11-25T00:00:00", "timeZone": "UTC"},
	}
}
