package offboard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

// fragile is a store whose commits can be looked at before they are made, and fail.
type fragile struct {
	*memstore.Store
	before func([]store.Write) error // nil: all go well
	after  func([]store.Write) error
}

func (f *fragile) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if f.before != nil {
		if err := f.before(writes); err != nil {
			return 0, err
		}
	}
	v, err := f.Store.Commit(ctx, writes...)
	if err == nil && f.after != nil {
		err = f.after(writes)
	}
	return v, err
}

var errBroken = errors.New("the store is broken")

// A world is an office with all that it stands on.
type world struct {
	*Office
	t     testing.TB
	clock atomic.Int64 // what it says, in Unix nanoseconds
	store *fragile
	rules Rules
	log   bytes.Buffer // of the operator and of the audit
}

func (w *world) now() time.Time { return time.Unix(0, w.clock.Load()).UTC() }

// pass lets time pass, or jump back.
func (w *world) pass(d time.Duration) { w.clock.Add(int64(d)) }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t}
	w.clock.Store(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC).UnixNano())
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	quiet := slog.New(slog.DiscardHandler)
	w.store = &fragile{Store: memstore.New(w.now)}
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.New(w.store, w.now, quiet, func() time.Duration { return 0 })
	t.Cleanup(sessions.Close)
	grants := grant.New(grant.Config{
		Store: w.store, Seal: keys, Log: quiet, Now: w.now,
		Client: func(string) (*entra.Client, bool) { return nil, false },
	})
	t.Cleanup(grants.Close)
	w.rules = Rules{
		ForgetAfter: map[string]time.Duration{"contoso": 100 * day},
		NamesAdmin:  func(address string) bool { return address == "contoso/alice@contoso.example" },
		HasRoom:     func(_, room string) bool { return room == "boardroom" },
	}
	directory := people.New(w.store, w.now)
	house := &booking.World{
		Integrations: map[string]booking.Integration{"contoso": {
			Name: "contoso", Graph: graph.NewClient("https://graph.example", &http.Client{Transport: free{}}, w.now),
		}},
		Rooms: map[string]booking.Room{"boardroom": {
			Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.example", TimeZone: time.UTC,
		}},
	}
	w.Office = New(Config{
		Store: w.store, Sessions: sessions, People: directory, Grants: grants, Rooms: rooms.New(w.store, grants),
		Bookings: booking.New(booking.Config{
			Store: w.store, Grants: grants, People: directory, World: func() *booking.World { return house },
			Accounts: rooms.New(w.store, grants),
			Views:    roomview.New(roomview.Config{Rooms: house.Calendars, Log: quiet, Now: w.now}), // they don't run
			Log:      quiet, Audit: quiet, Now: w.now,
		}),
		Rules: func() Rules { return w.rules }, Log: log, Audit: log, Now: w.now,
	})
	return w
}

// free is a Graph that knows of no booking.
type free struct{}

func (free) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"value":[]}`)), Request: r,
	}, nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func tokens(name string) entra.Tokens {
	return entra.Tokens{Access: "access-" + name, Refresh: "refresh-" + name, Expires: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// person is somebody by that name.
func person(name string) identity.Person {
	return identity.Person{
		ID: "tid." + name, TenantID: "tid", Integration: "contoso", Email: name + "@contoso.example", Mailbox: name + "@contoso.example",
		Name: strings.ToUpper(name[:1]) + name[1:] + " of Contoso", CardNumber: "card-of-" + name,
	}
}

// enter has somebody sign in, without a session.
func (w *world) enter(name string) identity.Person {
	w.t.Helper()
	p := person(name)
	w.must(w.cfg.People.SignedIn(w.t.Context(), p))
	return p
}

// settle has somebody leave traces everywhere: a grant, sessions, bookings, an admin's
// address, a room that they have connected.
func (w *world) settle(name string) identity.Person {
	w.t.Helper()
	ctx, p := w.t.Context(), w.enter(name)
	w.must(w.cfg.Grants.Save(ctx, p.ID, "contoso", tokens(name), grant.Connected))
	for _, life := range []time.Duration{time.Hour, 12 * time.Hour} { // one of them will be over
		_, _, err := w.cfg.Sessions.Start(ctx, session.Opening{Person: &p, Life: session.Life{Idle: life, Max: 7 * day}, SID: "sid-" + name})
		w.must(err)
	}
	w.pass(2 * time.Hour)
	for i, c := range []booking.Caller{{Person: &p}, {Person: &p, Service: "ones"}} {
		req := booking.Request{
			Room: "boardroom", Subject: "Secret of " + name,
			Start: w.now().Add(time.Duration(i+1) * time.Hour).Format(time.RFC3339), End: w.now().Add(time.Duration(i+2) * time.Hour).Format(time.RFC3339),
		}
		if c.Service != "" {
			req.ExternalID = "external-" + name
		}
		_, _, err := w.cfg.Bookings.Create(ctx, c, req, "key-"+name)
		w.must(err)
	}
	w.pass(3 * time.Hour)
	_, _, err := w.cfg.People.Pin(ctx, "contoso/"+name+"@contoso.example", p.ID)
	w.must(err)
	w.must(w.cfg.Rooms.Connect(ctx, "contoso", "room-of-"+name[:1], rooms.Account{PersonID: "tid.service", ConnectedBy: p.ID}, tokens("room")))
	return p
}

// records are the keys of all records that are about somebody: they have a word of
// theirs in them, or lead to a record that has.
func (w *world) records(p identity.Person) (keys []string) {
	w.t.Helper()
	name := strings.TrimPrefix(p.ID, "tid.")
	// None of them can stand in what is sealed, by chance.
	words := []string{p.ID, name + "@contoso", name + " of contoso", "card-of-" + name, "secret of " + name, "external-" + name, "sid-" + name}
	all := map[string]string{}
	w.must(w.store.Snapshot(w.t.Context(), func(r store.Record) error {
		all[r.Key] = strings.ToLower(r.Key + " " + string(r.Value))
		if id, is := strings.CutPrefix(r.Key, "booking/"); is && strings.Contains(all[r.Key], p.ID) {
			words = append(words, id)
		}
		return nil
	}))
	for key, text := range all {
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) }) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// wantsNothingLeft looks through the whole store, except where it may be.
func (w *world) wantsNothingLeft(p identity.Person, but ...string) {
	w.t.Helper()
	for _, key := range w.records(p) {
		if !slices.Contains(but, key) {
			w.t.Errorf("left of %s: %s", p.ID, key)
		}
	}
}

// there says whether somebody is in the directory.
func (w *world) there(id string) bool {
	w.t.Helper()
	_, err := w.cfg.People.Get(w.t.Context(), id)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		w.t.Fatal(err)
	}
	return err == nil
}
