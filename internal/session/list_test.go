package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

func start(t *testing.T, r *Registry, personID, sid string) *Session {
	t.Helper()
	_, s, err := r.Start(t.Context(), Opening{
		Person: &identity.Person{ID: personID, Integration: "contoso"}, Life: life, SID: sid, Browser: "Firefox",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ids(sessions ...*Session) []string {
	found := make([]string, 0, len(sessions))
	for _, s := range sessions {
		found = append(found, s.ID)
	}
	return found
}

// lists says which sessions a person has, and which all people have.
func lists(t *testing.T, r *Registry, personID string, want ...*Session) {
	t.Helper()
	got, err := r.Of(t.Context(), personID)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(got...), ids(want...)) {
		t.Errorf("sessions of %s: %q, want %q", personID, ids(got...), ids(want...))
	}
}

func TestSessionsOfAPerson(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := newRegistry(t, s, c.now)
	first := start(t, r, "tid.alice", "")
	c.advance(time.Minute)
	second := start(t, r, "tid.alice", "")
	bob, odd := start(t, r, "tid.bob", ""), start(t, r, "tid.alice/x", "") // an issuer's own idea of a sub
	lists(t, r, "tid.alice", second, first)
	lists(t, r, "tid.alice/x", odd)
	lists(t, r, "tid.nobody")

	var all []*Session
	if err := r.All(t.Context(), func(s *Session) error { all = append(all, s); return nil }); err != nil || len(all) != 4 {
		t.Errorf("all: %q, %v", ids(all...), err)
	}
	stop := errors.New("enough")
	if err := r.All(t.Context(), func(*Session) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a yield that fails: %v", err)
	}

	// Used last comes first, and a use that the store has not heard of counts.
	c.advance(time.Minute)
	first.use(c.now())
	lists(t, r, "tid.alice", first, second)
	if got, err := r.ByID(t.Context(), first.ID); err != nil || !got.Used().Equal(c.now()) || got.Browser != "Firefox" {
		t.Errorf("%+v, %v", got, err)
	}

	if n, err := r.EndAll(t.Context(), "tid.alice", first); n != 1 || err != nil {
		t.Errorf("ended %d, %v; want the other one", n, err)
	}
	lists(t, r, "tid.alice", first)
	if n, err := r.EndAll(t.Context(), "tid.alice", nil); n != 1 || err != nil {
		t.Errorf("ended %d, %v; want the last one", n, err)
	}
	lists(t, r, "tid.alice")
	lists(t, r, "tid.bob", bob)
	lists(t, r, "tid.alice/x", odd)
	for _, id := range []string{first.ID, "", "x", strings.Repeat("0", 64), strings.Repeat("z", 64)} {
		if _, err := r.ByID(t.Context(), id); !errors.Is(err, ErrNone) {
			t.Errorf("ByID(%q): %v", id, err)
		}
	}

	c.advance(2 * time.Hour)
	lists(t, r, "tid.bob")
	if recs, err := s.Scan(t.Context(), "session-of/tid.alice/", "", 10); err != nil || slices.ContainsFunc(recs, func(r store.Record) bool {
		return !strings.HasPrefix(r.Key, "session-of/tid.alice/x/")
	}) {
		t.Errorf("indexes of ended sessions stay: %v, %v", recs, err)
	}
}

// Idle by what is known here, it may have been used elsewhere: it is not shown,
// but it is ended.
func TestEndAllEndsWhatMayBeUsedElsewhere(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	here, there := newRegistry(t, s, c.now), newRegistry(t, s, c.now)
	cookie := mustStart(t, here)
	c.advance(59 * time.Minute)
	if _, err := there.Lookup(t.Context(), cookie); err != nil { // what the store has not heard of yet
		t.Fatal(err)
	}
	c.advance(2 * time.Minute)
	if n, err := here.EndAll(t.Context(), alice.ID, nil); n != 1 || err != nil {
		t.Errorf("ended %d, %v; want 1", n, err)
	}
}

func TestManySessionsOfAPerson(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	const n = 2*page + 1
	for range n {
		start(t, r, "tid.kiosk", "")
	}
	if got, err := r.EndAll(t.Context(), "tid.kiosk", nil); got != n || err != nil {
		t.Errorf("ended %d, %v; want %d", got, err, n)
	}
	lists(t, r, "tid.kiosk")
}

// Of sessions that are over by themselves the index is left, with the person's id in it.
func TestForget(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := newRegistry(t, s, c.now)
	const idle = page + 1
	for range idle {
		start(t, r, "tid.alice", "sid-1")
	}
	odd := start(t, r, "tid.alice/x", "")
	c.advance(2 * time.Hour)
	start(t, r, "tid.alice", "sid-2")
	other := start(t, r, "tid.bob", "")
	left := func() (n int) {
		t.Helper()
		recs, err := s.Scan(t.Context(), "session-", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		return len(recs)
	}
	if n := left(); n != 2*(idle+1)+2 {
		t.Fatalf("%d indexes before, want two for each of Alice's, and those of the other two", n)
	}
	if n, err := r.Forget(t.Context(), "tid.alice"); n != 1 || err != nil {
		t.Errorf("ended %d, %v; want the one that lived", n, err)
	}
	if n := left(); n != 2 {
		t.Errorf("%d indexes afterwards, want those of the other two", n)
	}
	if _, err := s.Get(t.Context(), "session-of/tid.alice/x/"+odd.ID); err != nil {
		t.Errorf("somebody's whose id goes on: %v", err)
	}
	lists(t, r, "tid.bob", other)
}

func TestEndSID(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	a, b := start(t, r, "tid.alice", "sid-1"), start(t, r, "tid.alice", "sid-1")
	other, none, long := start(t, r, "tid.alice", "sid-2"), start(t, r, "tid.alice", ""), start(t, r, "tid.alice", strings.Repeat("x", maxSID+1))
	for _, sid := range []string{"", "sid", "sid-1/", strings.Repeat("x", maxSID+1)} {
		if n, err := r.EndSID(t.Context(), "contoso", sid); n != 0 || err != nil {
			t.Errorf("EndSID(%.10q): %d, %v", sid, n, err)
		}
	}
	if n, err := r.EndSID(t.Context(), "fabrikam", "sid-1"); n != 0 || err != nil {
		t.Errorf("another integration: %d, %v", n, err)
	}
	if n, err := r.EndSID(t.Context(), "contoso", "sid-1"); n != 2 || err != nil {
		t.Errorf("ended %d, %v; want 2", n, err)
	}
	for _, s := range []*Session{a, b} {
		if _, err := r.ByID(t.Context(), s.ID); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", s.ID, err)
		}
	}
	for _, s := range []*Session{other, none, long} {
		if _, err := r.ByID(t.Context(), s.ID); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
	}
}
