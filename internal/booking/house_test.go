package booking

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/getkin/kin-openapi/routers"
	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/trail"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var hongKong = mustLocation("Asia/Hong_Kong")

func mustLocation(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

var (
	alice = identity.Person{ID: "t1.alice", TenantID: "t1", Integration: "contoso", Email: "alice@contoso.com", Mailbox: "alice@contoso.com", Name: "Alice Chan", CardNumber: "1001"}
	bob   = identity.Person{ID: "t1.bob", TenantID: "t1", Integration: "contoso", Email: "bob@contoso.com", Mailbox: "bob@contoso.com", Name: "Bob Lee", CardNumber: "1002"}
	eve   = identity.Person{ID: "t2.eve", TenantID: "t2", Integration: "fabrikam", Email: "bob@contoso.com", Mailbox: "bob@contoso.com", Name: "Eve"}
)

const serviceToken = "a-service-token-of-at-least-32-bytes"

// opening is when each story starts: 09:00 in Hong Kong.
var opening = time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)

// A house is a service with all that it stands on, in a bubble of virtual time.
type house struct {
	t      *testing.T
	graph  *fakeGraph
	store  *shaky
	world  *World
	views  *roomview.Views
	svc    *Service
	api    http.Handler
	router routers.Router
	stop   func()
	log    *logBuffer
	shared bool        // others may work on the store too
	over   store.Store // stands between the service and the store, if not nil

	mu    sync.Mutex
	dead  map[string]error // grants that answer with an error
	state map[string]grant.State
	seen  []Event
}

func (h *house) observe(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, e)
}

type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// story runs f in a bubble, with a service that is running.
func story(t *testing.T, f func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(opening))
		h := newHouse(t)
		h.start()
		f(h)
		h.stop()
	})
}

func newHouse(t *testing.T) *house {
	h := &house{
		t: t, graph: newFakeGraph(), store: newShaky(), log: &logBuffer{},
		dead: map[string]error{}, state: map[string]grant.State{}, stop: func() {},
	}
	hc := &http.Client{Transport: h.graph}
	h.world = &World{
		PublicURL: "https://ones.example.com",
		Integrations: map[string]Integration{
			"contoso":  {Name: "contoso", Graph: graph.NewClient("https://graph.example.com", hc, time.Now)},
			"fabrikam": {Name: "fabrikam", Graph: graph.NewClient("https://graph.example.com", hc, time.Now)},
		},
		Rooms: map[string]Room{
			"boardroom": {
				Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.com", Title: "Boardroom", TimeZone: hongKong,
				Capacity: 12, Group: "10", MaxDuration: 4 * time.Hour, BookingWindow: 60 * 24 * time.Hour,
			},
			"harbour": {
				Name: "harbour", Integration: "contoso", Address: "harbour@contoso.com", Title: "Harbour", TimeZone: hongKong,
				Capacity: 6, Group: "10", KeepDeclined: true,
			},
			"peak":  {Name: "peak", Integration: "contoso", Address: "peak@contoso.com", Title: "Peak", TimeZone: hongKong, Capacity: 14},
			"other": {Name: "other", Integration: "fabrikam", Address: "other@fabrikam.com", Title: "Other", TimeZone: hongKong},
		},
	}
	directory := people.New(h.store, time.Now)
	for _, p := range []identity.Person{alice, bob, eve} {
		if err := directory.SignedIn(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// service returns a new one on what the store holds.
func (h *house) service() *Service {
	logger := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.views = roomview.New(roomview.Config{
		Rooms: h.world.Calendars, Account: h.account, Log: logger, Now: time.Now,
	})
	var engine store.Store = h.store
	if h.over != nil {
		engine = h.over
	}
	svc := New(Config{
		Store: engine, People: people.New(h.store, time.Now), World: func() *World { return h.world },
		Views: h.views, Log: logger, Audit: logger, Now: time.Now, Observe: h.observe,
	})
	svc.accounts, svc.standing = h.connected, rooms.New(h.store, nil).Standing
	svc.token = func(_ context.Context, owner string, _ grant.Ask) (string, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return owner, h.dead[owner]
	}
	svc.connection = func(_ context.Context, owner string) (grant.State, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if s, ok := h.state[owner]; ok {
			return s, nil
		}
		if strings.HasPrefix(owner, "room:") {
			return grant.NeedsSignIn, nil
		}
		return grant.Connected, nil
	}
	svc.stored = svc.connection
	return svc
}

// account is that of a room: its own, whose token is named like the owner of its grant.
func (h *house) account(_ context.Context, room roomview.Room) (roomview.Account, error) {
	owner := rooms.GrantOwner(room.Integration, room.Name)
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.state[owner]; s != grant.Connected && s != grant.Unavailable {
		return roomview.Account{}, roomview.ErrNotConnected
	}
	return roomview.Account{ID: owner, Own: true, Mailbox: func(background bool) graph.Mailbox {
		return h.svc.mailbox(h.t.Context(), owner, background)
	}}, nil
}

// connected are the rooms that have an account, whatever state it is in.
func (h *house) connected(context.Context) ([]rooms.Connected, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []rooms.Connected
	for owner := range h.state {
		if integration, room, is := rooms.OfGrant(owner); is {
			all = append(all, rooms.Connected{Integration: integration, Room: room, Account: rooms.Account{Mailbox: h.world.Rooms[room].Address}})
		}
	}
	return all, nil
}

// connect has an account stand for a room, in some state.
func (h *house) connect(room string, state grant.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state["room:"+h.world.Rooms[room].Integration+"/"+room] = state
}

// run has services work, and returns what ends that.
func run(sole bool, services ...*Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for _, s := range services {
		s.sole = sole
		work.Go(func() { s.Run(ctx) })
		work.Go(func() { s.FollowUp(ctx) })
	}
	return func() {
		cancel()
		work.Wait()
	}
}

// start has a new service work, as after a restart.
func (h *house) start() {
	h.svc = h.service()
	if before, ok := h.api.(API); ok { // its description is made already
		before.bookings = h.svc
	} else {
		h.api = NewAPI(h.svc, APIOptions{ServiceTokens: []ServiceToken{
			{Name: "old", SHA256: sha256.Sum256([]byte("an-older-token-that-is-still-valid!!"))},
			{Name: "ones", SHA256: sha256.Sum256([]byte(serviceToken))},
		}})
		h.router = description(h.t, h.api)
	}
	h.stop = run(!h.shared, h.svc)
}

func (h *house) restart() {
	h.stop()
	h.start()
}

// kill sets or (with nil) lifts the error of a person's grant.
func (h *house) kill(p identity.Person, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead[p.ID] = err
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func (r reply) text(path string) string {
	var v any = r.body
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// call sends a request as somebody: a Person has a session, a string is whom a
// service acts as ("" for itself).
func (h *house) call(as any, method, target, body string, header ...string) reply {
	h.t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	switch who := as.(type) {
	case identity.Person:
		r = r.WithContext(identity.NewContext(r.Context(), &who))
	case string:
		r.Header.Set("Authorization", "Bearer "+serviceToken)
		if who != "" {
			r.Header.Set("Ones-Act-As", who)
		}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return h.send(r)
}

func (h *house) send(r *http.Request) reply {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, trail.Follow(w, r))
	h.fits(r, w)
	out := reply{status: w.Code, header: w.Header()}
	if err := json.Unmarshal(w.Body.Bytes(), &out.body); err != nil {
		h.t.Errorf("%s %s: the answer is no JSON: %q", r.Method, r.URL, w.Body.String())
	}
	return out
}

// want fails the test unless the answer has a status and, at paths, values.
func (h *house) want(r reply, status int, pairs ...string) {
	h.t.Helper()
	if r.status != status {
		h.t.Errorf("status: got %d, want %d; body %v", r.status, status, r.body)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if got := r.text(pairs[i]); got != pairs[i+1] {
			h.t.Errorf("%s: got %s, want %s", pairs[i], got, pairs[i+1])
		}
	}
}

// body is a request for the boardroom from one wall time to another on 1
// December, with changes.
func body(from, to string, changes ...any) string {
	m := map[string]any{
		"room": "boardroom", "subject": "Quarterly review", "start": "2026-12-01T" + from + ":00+08:00", "end": "2026-12-01T" + to + ":00+08:00",
	}
	for i := 0; i+1 < len(changes); i += 2 {
		m[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(m, changes[i].(string))
		}
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// book books for Alice and returns the answer.
func (h *house) book(from, to string, changes ...any) reply {
	h.t.Helper()
	return h.call(alice, "POST", "/v1/bookings", body(from, to, changes...))
}

// settle lets virtual time pass until nothing is left to do within it.
func (h *house) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var errLost = errors.New("connection reset by peer")

// onCreate makes a fault of creations only.
func onCreate(f func(r *http.Request, done bool) (*http.Response, error, bool)) func(*http.Request, bool) (*http.Response, error, bool) {
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/me/events") {
			return f(r, done)
		}
		return nil, nil, false
	}
}

// times limits a fault.
func times(n int, f func(r *http.Request, done bool) (*http.Response, error, bool)) func(*http.Request, bool) (*http.Response, error, bool) {
	var mu sync.Mutex
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 {
			return nil, nil, false
		}
		res, err, dealt := f(r, done)
		if dealt {
			n--
		}
		return res, err, dealt
	}
}

var (
	lostReply = func(_ *http.Request, done bool) (*http.Response, error, bool) { return nil, errLost, done }
	notSent   = func(_ *http.Request, done bool) (*http.Response, error, bool) { return nil, errLost, !done }
)

func answers(status int, code string, header ...string) func(*http.Request, bool) (*http.Response, error, bool) {
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		return refused(r, status, code, header...), nil, !done
	}
}

// reachBy has Graph reached through another transport.
func (h *house) reachBy(rt http.RoundTripper) {
	hc := &http.Client{Transport: rt}
	for name := range h.world.Integrations {
		h.world.Integrations[name] = Integration{Name: name, Graph: graph.NewClient("https://graph.example.com", hc, time.Now)}
	}
}

// open are the bookings that something is left to do for.
func (h *house) open() []due {
	h.t.Helper()
	open, err := h.svc.allOpen(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return open
}
