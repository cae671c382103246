package msgraph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	alice     = "alice@contoso.example"
	bob       = "bob@contoso.example"
	carol     = "carol@contoso.example"
	eve       = "eve@contoso.example" // has no mailbox
	boardroom = "boardroom@contoso.example"
	garden    = "garden@contoso.example"
	peak      = "peak@contoso.example" // isn't shared
	readWrite = "Calendars.ReadWrite.Shared"
)

// begin is a Monday morning in Hong Kong.
var begin = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// A watch stands still until it is told to go on.
type watch struct {
	mu sync.Mutex
	at time.Time
}

func (c *watch) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *watch) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A sim is a Graph, reached over HTTP.
type sim struct {
	t        testing.TB
	cfg      world.Config
	clock    *watch
	now      func() time.Time
	world    *world.World
	door     *front.Door
	exchange *exchange.Exchange
	graph    *Graph
	base     string
	client   *http.Client
}

// newSim starts a Graph with the sample world, without its events. change alters
// it before.
func newSim(t testing.TB, change ...func(*sim)) *sim {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	s := &sim{
		t: t, cfg: world.Sample(), clock: &watch{at: begin}, client: &http.Client{Transport: transport},
		base: fmt.Sprintf("http://localhost:%d", server.Listener.Addr().(*net.TCPAddr).Port),
	}
	s.now = s.clock.now
	s.tenant().Events = nil
	other := s.tenant().Apps[0]
	other.ClientID = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c21"
	s.tenant().Apps = append(s.tenant().Apps, other)
	for _, f := range change {
		f(s)
	}
	s.open()
	server.Config.Handler = s
	server.Start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		s.graph.Close()
	})
	if contract(t) == nil {
		t.Log("reference data is absent: answers are not compared with the contract")
	}
	return s
}

func (s *sim) open() {
	s.t.Helper()
	file, err := table.Open("")
	if err != nil {
		s.t.Fatal(err)
	}
	if s.world, err = world.New(s.cfg, s.base); err != nil {
		s.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s.door = front.NewDoor(front.Options{
		Now: s.now, Log: log, Commit: file.Commit, Settle: func(now time.Time) { s.exchange.Settle(now) },
	})
	changed := func(c exchange.Change) {
		if s.graph != nil {
			s.graph.Changed(c)
		}
	}
	if s.exchange, err = exchange.New(s.world, file, s.now(), changed); err != nil {
		s.t.Fatal(err)
	}
	s.graph, err = New(Options{
		World: s.world, Exchange: s.exchange, Door: s.door, File: file, Client: s.client, Log: log,
		Authenticate: s.authenticate, Userinfo: func(*front.Call) front.Reply { return front.Text(http.StatusOK, "userinfo") },
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// authenticate takes tokens that say who calls, with which app, and with what
// scopes: "alice@contoso.example 0 Calendars.Read". The person - is the app alone.
func (s *sim) authenticate(c *front.Call) (Caller, *Unauthenticated) {
	fields := strings.Fields(strings.TrimPrefix(c.Header.Get("Authorization"), "Bearer "))
	if len(fields) < 2 {
		return Caller{}, &Unauthenticated{Message: "Access token is empty."}
	}
	if fields[0] == "challenged" {
		return Caller{}, &Unauthenticated{Message: "Continuous access evaluation resulted in challenge.", Claims: `{"access_token":{}}`}
	}
	t := &s.world.Tenants[0]
	who := Caller{Tenant: t, Person: t.Person(fields[0]), Scopes: fields[2:]}
	for i := range t.Apps {
		if fmt.Sprint(i) == fields[1] {
			who.App = &t.Apps[i]
		}
	}
	return who, nil
}

// ServeHTTP implements http.Handler.
func (s *sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cloud, root, rest := s.world.CloudOf(r.URL.EscapedPath())
	s.door.Serve(w, r, s.graph.Part(), cloud, root, rest)
}

func (s *sim) tenant() *world.Tenant { return &s.cfg.Tenants[0] }

// share lets somebody else use a calendar of the configuration.
func share(address, with string, role world.Role) func(*sim) {
	return func(s *sim) {
		for i := range s.tenant().People {
			if p := &s.tenant().People[i]; p.Mail == address {
				p.Shares = append(p.Shares, world.Share{With: with, Role: role})
			}
		}
		for i := range s.tenant().Rooms {
			if r := &s.tenant().Rooms[i]; r.Address == address {
				r.Shares = append(r.Shares, world.Share{With: with, Role: role})
			}
		}
	}
}

// fail switches a fault on.
func (s *sim) fail(f front.Fault) {
	s.t.Helper()
	if err := f.Validate(KnownCode); err != nil {
		s.t.Fatal(err)
	}
	s.do(func(time.Time) { s.door.AddFault(f) })
}

func (s *sim) do(f func(now time.Time)) {
	s.t.Helper()
	if err := s.door.Do(f); err != nil {
		s.t.Fatal(err)
	}
}

// An answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%s %s: %d, not JSON: %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
	}
	return m
}

// value is the list in an answer.
func (a answer) value(t testing.TB) []map[string]any {
	t.Helper()
	list, ok := a.json(t)["value"].([]any)
	if !ok {
		t.Fatalf("%s %s: %d, no list: %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
	}
	entries := []map[string]any{}
	for _, v := range list {
		entries = append(entries, v.(map[string]any))
	}
	return entries
}

// errorCode is the code of one of Graph's errors, or "".
func (a answer) errorCode() string {
	var m struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.body), &m)
	return m.Error.Code
}

// is says whether an answer is an error of that status and code.
func (a answer) is(status int, code string) bool {
	return a.StatusCode == status && a.errorCode() == code
}

// A mailbox calls Graph as somebody.
type mailbox struct {
	*sim
	token string
	cloud string // such as /21vianet; "" is the global one
}

// as is somebody with the app's scope, or with those given.
func (s *sim) as(mail string, scopes ...string) mailbox {
	if scopes == nil {
		scopes = []string{readWrite}
	}
	return mailbox{sim: s, token: mail + " 0 " + strings.Join(scopes, " ")}
}

func (m mailbox) call(method, path string, body any, headers ...string) answer {
	m.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = m.base + m.cloud + "/v1.0" + path
	}
	a, err := m.try(method, path, body, headers...)
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

// try makes a request and compares it and its answer with the contract. A body
// that is no string is sent as JSON; headers come in pairs.
func (m mailbox) try(method, target string, body any, headers ...string) (answer, error) {
	m.t.Helper()
	text := encoded(m.t, body)
	req, err := http.NewRequestWithContext(m.t.Context(), method, target, bytes.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	if text != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := m.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{res, string(got)}
	if err := contract(m.t).check(m.exchangeOf(a, text)); err != nil {
		m.t.Errorf("%s %s: %d %s does not fit the contract: %v", method, req.URL, a.StatusCode, a.body, err)
	}
	return a, nil
}

// exchangeOf is what went over the wire.
func (s *sim) exchangeOf(a answer, request []byte) wire {
	_, _, rest := s.world.CloudOf(a.Request.URL.EscapedPath())
	return wire{
		method: a.Request.Method, path: rest, query: a.Request.URL.Query(), header: a.Request.Header, request: request,
		status: a.StatusCode, answered: a.Header, body: []byte(a.body),
	}
}

func encoded(t testing.TB, body any) []byte {
	t.Helper()
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(b)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// must makes a call that has to be answered with a status.
func (m mailbox) must(status int, method, path string, body any, headers ...string) answer {
	m.t.Helper()
	a := m.call(method, path, body, headers...)
	if a.StatusCode != status {
		m.t.Fatalf("%s %s: %d %s, want %d", method, path, a.StatusCode, a.body, status)
	}
	return a
}

// create makes an event and returns it.
func (m mailbox) create(body any) map[string]any {
	m.t.Helper()
	return m.must(http.StatusCreated, http.MethodPost, "/me/events", body).json(m.t)
}

// A record is an object in JSON.
type record = map[string]any

// at is a time in UTC on the day after begin.
func at(hour int) record { return clockAt(fmt.Sprintf("2026-11-24T%02d:00:00", hour), "UTC") }

func clockAt(text, zone string) record { return record{"dateTime": text, "timeZone": zone} }

func attendee(address, kind string) record {
	return record{"type": kind, "emailAddress": record{"address": address}}
}

// meeting is a good body of an event in a room, from and to in hours of UTC.
func meeting(subject, room string, from, to int) record {
	return record{"subject": subject, "start": at(from), "end": at(to), "attendees": []any{attendee(room, "resource")}}
}

// plain is a body of an event with nobody else.
func plain(subject string, from, to int) record {
	return record{"subject": subject, "start": at(from), "end": at(to)}
}

// thatDay is the parameters of a view of the day of meetings.
const thatDay = "startDateTime=2026-11-24T00:00:00Z&endDateTime=2026-11-25T00:00:00Z"

// view is what stands in the caller's calendar on that day.
func (m mailbox) view() []map[string]any {
	m.t.Helper()
	return m.must(http.StatusOK, http.MethodGet, "/me/calendarView?"+thatDay, nil).value(m.t)
}

// response is the answer of the first attendee of an event.
func (m mailbox) response(id string) string {
	m.t.Helper()
	e := m.must(http.StatusOK, http.MethodGet, "/me/events/"+id, nil).json(m.t)
	return e["attendees"].([]any)[0].(record)["status"].(record)["response"].(string)
}

// busy is the statuses that getSchedule tells of somebody on the day of meetings.
func (m mailbox) busy(address string) []string {
	m.t.Helper()
	statuses := []string{}
	info := m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", scheduleOf(address)).value(m.t)[0]
	for _, item := range info["scheduleItems"].([]any) {
		statuses = append(statuses, item.(record)["status"].(string))
	}
	return statuses
}

func scheduleOf(schedules ...string) record {
	return record{"schedules": schedules, "startTime": at(0), "endTime": clockAt("2026-11-25T00:00:00", "UTC")}
}

// eventsOf is what stands in a mailbox, whoever may see it.
func (s *sim) eventsOf(address string) (items []exchange.Item) {
	s.do(func(time.Time) { items = s.exchange.Mailbox(address).Items("*") })
	return items
}

// pick returns one property of each entry.
func pick(entries []map[string]any, name string) []any {
	values := []any{}
	for _, e := range entries {
		values = append(values, e[name])
	}
	return values
}
