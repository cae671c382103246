package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/passthrough"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// scrape returns the metrics of a running engine, as Prometheus reads them. Its registry
// is as strict as Caddy's.
func scrape(t *testing.T, e *engine) string {
	t.Helper()
	started := make(chan struct{})
	close(started)
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(collector{&App{started: started, engine: e}}); err != nil {
		t.Fatal(err)
	}
	return gather(t, registry)
}

func gather(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	return w.Body.String()
}

func tells(t *testing.T, metrics string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// What happens inside is counted, and the operator's handlers hear of bookings that came to
// nothing.
func TestMeters(t *testing.T) {
	st, h := newStage(t), make(handler, 16)
	s := expiring(settingsOf("").log, h)
	e := st.acquire(s)
	defer st.release(e, s)
	s.begun.Store(true)
	tells(t, scrape(t, e),
		`ones_bookings_total{integration="contoso",status="failed"} 0`,
		`ones_sign_ins_total{integration="contoso",outcome="not_allowed"} 0`,
		`ones_passthrough_calls_total{integration="contoso",outcome="no_answer"} 0`,
		`ones_booking_confirmation_duration_seconds_count{integration="contoso"} 0`,
		`ones_sessions_in_use 0`,
		fmt.Sprintf(`ones_build_info{goversion=%q,version=%q} 1`, runtime.Version(), version()),
	)
	ctx := t.Context()
	for _, c := range []graph.Call{
		{Name: "create_event", Status: 201, Took: 300 * time.Millisecond, Waited: 50 * time.Millisecond},
		{Name: "create_event", Status: 429},
		{Name: "create_event", Err: context.Canceled},
	} {
		e.graphCalled(ctx, "contoso", c)
	}
	for _, b := range []booking.Event{
		{Booking: "b1", Integration: "contoso", Room: "boardroom", Status: booking.Accepted},
		{Booking: "b1", Integration: "contoso", Room: "boardroom", Status: booking.Confirmed, Took: 3 * time.Second},
		{Booking: "b2", Integration: "contoso", Room: "boardroom", Status: booking.Failed, Reason: "why", GraphRequest: "r-1"},
		{Booking: "b3", Integration: "contoso", Room: "boardroom", Status: booking.Declined, Reason: "taken"},
	} {
		e.bookingBecame(b)
	}
	e.passedThrough("contoso", passthrough.Throttled)
	e.signInEnded("contoso", signin.SignedIn)
	tells(t, scrape(t, e),
		`ones_graph_calls_total{call="create_event",integration="contoso",outcome="ok"} 1`,
		`ones_graph_calls_total{call="create_event",integration="contoso",outcome="throttled"} 1`,
		`ones_graph_calls_total{call="create_event",integration="contoso",outcome="given_up"} 1`,
		`ones_graph_call_duration_seconds_bucket{call="create_event",integration="contoso",le="0.25"} 1`,
		`ones_graph_call_duration_seconds_bucket{call="create_event",integration="contoso",le="0.5"} 2`,
		`ones_graph_queue_duration_seconds_count{integration="contoso"} 3`,
		`ones_bookings_total{integration="contoso",status="accepted"} 1`,
		`ones_bookings_total{integration="contoso",status="failed"} 1`,
		`ones_booking_confirmation_duration_seconds_bucket{integration="contoso",le="5"} 1`,
		`ones_booking_confirmation_duration_seconds_count{integration="contoso"} 1`,
		`ones_passthrough_calls_total{integration="contoso",outcome="throttled"} 1`,
		`ones_sign_ins_total{integration="contoso",outcome="signed_in"} 1`,
	)
	for _, want := range []string{
		"booking_failed map[booking:b2 graph_request_id:r-1 integration:contoso reason:why room:boardroom status:failed]",
		"booking_declined map[booking:b3 graph_request_id: integration:contoso reason:taken room:boardroom status:declined]",
	} {
		if got := <-h; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What is in the store, but isn't counted as it happens, is looked for again and again.
func TestGlance(t *testing.T) {
	st, h := newStage(t), make(handler, 16)
	s := expiring(settingsOf("").log, h)
	s.world.Rooms = map[string]booking.Room{"boardroom": {Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.com"}}
	e := st.acquire(s)
	defer st.release(e, s)
	if text := scrape(t, e); strings.Contains(text, "ones_bookings_pending") || strings.Contains(text, "ones_backup_timestamp_seconds") {
		t.Error("it is told of what was not looked at yet")
	}
	made := time.Unix(1_800_000_000, 0)
	if err := noteBackup(t.Context(), e.store, status.Backup{At: made}); err != nil {
		t.Fatal(err)
	}
	if wait := e.lookAround(t.Context(), map[string]bool{}); wait < glanceEvery {
		t.Errorf("the next look is after %v", wait)
	}
	tells(t, scrape(t, e),
		`ones_bookings_pending{integration="contoso",status="accepted"} 0`,
		`ones_bookings_pending{integration="contoso",status="changing"} 0`,
		`ones_backup_timestamp_seconds 1.8e+09`,
		`ones_room_connected{integration="contoso",room="boardroom"} 0`,
	)
	accepted := time.Unix(1_700_000_000, 0)
	g := *e.glance.Load()
	g.pending = []booking.Pending{
		{Integration: "contoso", Status: booking.AwaitingRoom, Count: 2, Oldest: accepted.Add(time.Hour)},
		{Integration: "contoso", Status: booking.Accepted, Count: 1, Oldest: accepted},
		{Integration: "fabrikam", Status: booking.Accepted, Count: 9, Oldest: accepted.Add(-time.Hour)},
	}
	e.glance.Store(&g)
	tells(t, scrape(t, e),
		`ones_bookings_pending{integration="contoso",status="accepted"} 1`,
		`ones_bookings_pending{integration="contoso",status="awaiting_room"} 2`,
		`ones_bookings_oldest_pending_timestamp_seconds{integration="contoso",status="accepted"} 1.7e+09`,
	)
}

// Of a connected room that is not seen for long the operator is told once, and once when
// it is seen again.
func TestRoomsThatAreNotSeen(t *testing.T) {
	st, h := newStage(t), make(handler, 16)
	s := expiring(settingsOf("").log, h)
	e := st.acquire(s)
	defer st.release(e, s)
	s.begun.Store(true)
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	unseen := map[string]bool{}
	look := func(connected bool, ago time.Duration, want string) {
		t.Helper()
		e.lookForUnseen(&glance{at: now, rooms: map[string]roomGlance{"boardroom": {"contoso", connected, now.Add(-ago)}}}, unseen)
		if want == "" {
			return
		}
		if got := <-h; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	look(true, notSeenFor, "")
	look(false, time.Hour, "") // its grant was lost, which is told
	look(true, time.Hour, "room_not_seen map[integration:contoso room:boardroom seen:2026-11-26T11:00:00Z]")
	look(true, 2*time.Hour, "")
	look(true, time.Minute, "room_seen_again map[integration:contoso room:boardroom]")
	look(true, 3*time.Hour, "room_not_seen map[integration:contoso room:boardroom seen:2026-11-26T09:00:00Z]")
	look(false, 4*time.Hour, "")
	look(true, time.Minute, "")
	look(true, 5*time.Hour, "room_not_seen map[integration:contoso room:boardroom seen:2026-11-26T07:00:00Z]")
	if len(h) > 0 || len(e.events.queue) > 0 {
		t.Error("more is told")
	}
}

// ailing is a store whose calls fail.
type ailing struct {
	store.Store
	err error
}

func (a ailing) Commit(context.Context, ...store.Write) (store.Version, error) { return 0, a.err }
func (a ailing) Get(context.Context, string) (store.Record, error)             { return store.Record{}, a.err }

func (a ailing) Scan(context.Context, string, string, int) ([]store.Record, error) {
	return nil, a.err
}

func (a ailing) Follow(context.Context, store.Position, int) ([]store.Announcement, error) {
	return nil, a.err
}

// The store's commits are timed and its errors counted, but for those that are answers.
func TestWatchedStore(t *testing.T) {
	m, ctx := newMeters(), t.Context()
	good := watchStore(memstore.New(time.Now), m)
	if _, err := good.Commit(ctx, store.Write{Key: "k", If: store.If(store.Absent)}); err != nil {
		t.Fatal(err)
	}
	if _, err := good.Commit(ctx, store.Write{Key: "k", If: store.If(store.Absent)}); !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	if _, err := good.Get(ctx, "nothing"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	for _, err := range []error{store.ErrFull, fmt.Errorf("wrapped: %w", store.ErrUnavailable), context.Canceled, store.ErrForgotten, errors.New("?")} {
		bad := watchStore(ailing{err: err}, m)
		_, commit := bad.Commit(ctx)
		_, get := bad.Get(ctx, "k")
		_, scan := bad.Scan(ctx, "k", "", 1)
		_, follow := bad.Follow(ctx, 0, 1)
		for _, got := range []error{commit, get, scan, follow} {
			if got != err {
				t.Errorf("the store says %v, it is passed on as %v", err, got)
			}
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.commits, m.storeErrors)
	text := gather(t, registry)
	tells(t, text,
		`ones_store_commit_duration_seconds_count{outcome="ok"} 1`,
		`ones_store_commit_duration_seconds_count{outcome="conflict"} 1`,
		`ones_store_commit_duration_seconds_count{outcome="failed"} 5`,
		`ones_store_errors_total{call="commit",error="full"} 1`,
		`ones_store_errors_total{call="scan",error="unavailable"} 1`,
		`ones_store_errors_total{call="follow",error="other"} 1`,
		`ones_store_errors_total{call="get",error="other"} 1`,
	)
	if n := strings.Count(text, "ones_store_errors_total{"); n != 12 {
		t.Errorf("%d kinds of errors, want 12", n)
	}
}

// A room that a reload has brought, or whose picture was dropped, is not told of as long
// as it could not have been seen; one that was not seen for long is, though its picture is gone.
func TestRoomsThatCouldNotBeSeenBefore(t *testing.T) {
	st, h := newStage(t), make(handler, 16)
	s := expiring(settingsOf("").log, h)
	s.world.Rooms = map[string]booking.Room{"boardroom": {Name: "boardroom", Integration: "contoso", TimeZone: time.UTC}}
	e := st.acquire(s)
	defer st.release(e, s)
	s.begun.Store(true)
	if err := e.rooms.Connect(t.Context(), "contoso", "boardroom", rooms.Account{PersonID: "t.room"}, entra.Tokens{Refresh: "refresh"}); err != nil {
		t.Fatal(err)
	}
	unseen := map[string]bool{}
	e.lookAround(t.Context(), unseen)
	if len(unseen) > 0 {
		t.Error("a room that has just been configured is told of")
	}
	g := *e.glance.Load()
	g.rooms = map[string]roomGlance{"boardroom": {"contoso", true, time.Now().Add(-time.Hour)}}
	e.glance.Store(&g)
	e.lookAround(t.Context(), unseen)
	if !unseen["boardroom"] {
		t.Error("a room that is not seen for an hour is not told of")
	}
	delete(s.world.Rooms, "boardroom")
	if e.lookAround(t.Context(), unseen); len(unseen) > 0 {
		t.Error("a room that is not configured is remembered")
	}
}

// reads counts what is read of a store.
type reads struct {
	store.Store
	n int
}

func (r *reads) Get(ctx context.Context, key string) (store.Record, error) {
	r.n++
	return r.Store.Get(ctx, key)
}

func (r *reads) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	r.n++
	return r.Store.Scan(ctx, prefix, after, limit)
}

// However many rooms there are, their accounts are read in one go, and how their
// connections stand is known. Rooms that aren't configured, or are another integration's, are left out.
func TestAGlanceAtManyRooms(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	s.world.Rooms = map[string]booking.Room{}
	for i := range 50 {
		name := fmt.Sprintf("room-%d", i)
		s.world.Rooms[name] = booking.Room{Name: name, Integration: "contoso", TimeZone: time.UTC}
	}
	e := st.acquire(s)
	defer st.release(e, s)
	connect := func(integration, room string) {
		t.Helper()
		if err := e.rooms.Connect(t.Context(), integration, room, rooms.Account{PersonID: "t.room"}, entra.Tokens{Refresh: "refresh"}); err != nil {
			t.Fatal(err)
		}
	}
	connect("contoso", "room-7")
	connect("contoso", "gone")
	connect("fabrikam", "room-8")
	counted := &reads{Store: e.store}
	looking := &engine{rooms: rooms.New(counted, e.grants), views: e.views}
	looking.now.Store(s)
	seen, err := looking.glanceAtRooms(t.Context(), time.Now())
	if err != nil || len(seen) != 50 || counted.n != 1 {
		t.Errorf("%d rooms with %d reads (%v), want 50 with one", len(seen), counted.n, err)
	}
	for name, room := range seen {
		if room.connected != (name == "room-7") {
			t.Errorf("%s: connected = %v", name, room.connected)
		}
	}
}
