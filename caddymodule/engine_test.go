package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

// stage is a folder in which engines are opened.
type stage struct {
	t      *testing.T
	store  *Badger
	keyset string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	st := &stage{t: t, keyset: filepath.Join(dir, "keyset.json"), store: &Badger{Path: filepath.Join(dir, "store"), MinFree: "1MiB"}}
	if err := st.store.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return st
}

// settingsOf are what one configuration says.
func settingsOf(publicURL string) *settings {
	return &settings{world: &booking.World{PublicURL: publicURL}, log: zap.NewNop()}
}

func (st *stage) acquire(s *settings) *engine {
	st.t.Helper()
	e, err := acquireEngine(st.store, seal.File(st.keyset), s)
	if err != nil {
		st.t.Fatal(err)
	}
	return e
}

func (st *stage) release(e *engine, s *settings) {
	st.t.Helper()
	if err := releaseEngine(e, s); err != nil {
		st.t.Fatal(err)
	}
}

// refused demands that no engine opens, for a reason.
func (st *stage) refused(m *Badger, keyset, want string) {
	st.t.Helper()
	e, err := acquireEngine(m, seal.File(keyset), settingsOf("refused"))
	if err == nil {
		st.release(e, settingsOf("refused"))
		st.t.Fatalf("opened, want an error with %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		st.t.Errorf("got  %v\nwant an error with: %s", err, want)
	}
}

// references is how many configurations hold the engine of the stage.
func (st *stage) references() int {
	n, _ := engines.References(st.store.identity())
	return n
}

// The log tells of a room that a reload takes out, not of one that a failed reload would
// have added.
func TestReloadTellsOfGoneRooms(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	st := newStage(t)
	with := func(rooms ...string) *settings {
		s := settingsOf("")
		s.log, s.world.Rooms = zap.New(core), map[string]booking.Room{}
		for _, name := range rooms {
			s.world.Rooms[name] = booking.Room{Name: name, Integration: "contoso", TimeZone: time.UTC}
		}
		return s
	}
	first, failed, second := with("boardroom", "harbour"), with("boardroom", "harbour", "atrium"), with("harbour")
	e := st.acquire(first)
	st.acquire(failed)
	st.release(e, failed)
	st.acquire(second)
	st.release(e, first)
	st.release(e, second)
	told := logs.FilterMessageSnippet("a room is not configured any more").All()
	if len(told) != 1 || told[0].ContextMap()["room"] != "boardroom" {
		t.Errorf("told: %+v", told)
	}
}

func TestReloadKeepsTheEngine(t *testing.T) {
	st := newStage(t)
	first, second, bad := settingsOf("first"), settingsOf("second"), settingsOf("bad")
	running := st.acquire(first)
	if got := st.acquire(second); got != running {
		t.Fatal("a reload has opened the store twice")
	}
	if got := running.now.Load().world.PublicURL; got != "second" {
		t.Errorf("in force: %s, want the newest", got)
	}
	st.release(running, first)

	// A configuration that fails after it has started leaves the old one in force.
	st.acquire(bad)
	st.release(running, bad)
	if got := running.now.Load().world.PublicURL; got != "second" {
		t.Errorf("in force after a failed reload: %s", got)
	}
	if _, err := running.store.Get(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the store of the running configuration: %v", err)
	}
	st.release(running, second)
	if _, err := running.store.Get(t.Context(), "x"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after the last release: %v, want it closed", err)
	}
	if n := st.references(); n != 0 {
		t.Errorf("%d references are left", n)
	}
}

// What is open of people whose tenant a reload takes away is closed when the old configuration
// has gone, which still lets them in, and not if the reload fails.
func TestReloadClosesWhatIsOpenOfOthers(t *testing.T) {
	st := newStage(t)
	for _, fails := range []bool{true, false} {
		first, second := settingsOf("first"), settingsOf("second") // which knows nobody
		e, closed := st.acquire(first), make(chan struct{})
		attached := e.sessions.Attach(signedIn(t, e, "t.alice"), func() { close(closed) })
		st.acquire(second)
		if fails {
			st.release(e, second)
			st.release(e, first) // waits for all that the engine is at
		} else {
			st.release(e, first)
			<-closed
			st.release(e, second)
		}
		select {
		case <-closed:
			if fails {
				t.Error("it is closed for a reload that has failed")
			}
		default:
		}
		attached.Detach()
	}
}

func TestWhatCannotChangeWhileItRuns(t *testing.T) {
	st := newStage(t)
	s := settingsOf("running")
	e := st.acquire(s)
	other := &Badger{Path: st.store.Path, MinFree: "2MiB"}
	if err := other.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	st.refused(other, st.keyset, "restart the gateway")
	st.refused(st.store, st.keyset+".other", "restart the gateway")
	if n := st.references(); n != 1 {
		t.Errorf("%d references after refused reloads, want that of the running one", n)
	}
	st.release(e, s)
}

// databased is a store that is opened with something that no error may tell.
type databased struct {
	*Badger
	url string
}

func (d databased) secret() string { return d.url }

// A password that a reload would not bring in is not taken as if it had.
func TestTheDatabasesPasswordCannotChangeWhileItRuns(t *testing.T) {
	st, s := newStage(t), settingsOf("running")
	const url = "postgres://ones:0ld@db.example/gateway"
	e, err := acquireEngine(databased{st.store, url}, seal.File(st.keyset), s)
	if err != nil {
		t.Fatal(err)
	}
	defer st.release(e, s)
	if err := mayRun(databased{st.store, url}, seal.File(st.keyset)); err != nil {
		t.Errorf("the same is refused: %v", err)
	}
	err = mayRun(databased{st.store, strings.Replace(url, "0ld", "n3w", 1)}, seal.File(st.keyset))
	if err == nil || !strings.Contains(err.Error(), "restart the gateway") || strings.Contains(err.Error(), "0ld") || strings.Contains(err.Error(), "n3w") {
		t.Errorf("another password: %v", err)
	}
}

func TestKeysets(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	st.release(st.acquire(s), s)
	made, err := os.ReadFile(st.keyset)
	if err != nil {
		t.Fatalf("no keyset was made: %v", err)
	}

	// Lost: nothing new is put in its place, which the backup will want.
	if err := os.Remove(st.keyset); err != nil {
		t.Fatal(err)
	}
	st.refused(st.store, st.keyset, "put the file back")
	if _, err := os.Stat(st.keyset); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new keyset was made over sealed records: %v", err)
	}

	// Another one: said so, and still nothing is harmed.
	elsewhere := newStage(t)
	elsewhere.release(elsewhere.acquire(s), s)
	wrong, err := os.ReadFile(elsewhere.keyset)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(st.keyset, wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	st.refused(st.store, st.keyset, "not the keyset that the store was sealed with")
	if n := st.references(); n != 0 {
		t.Errorf("%d references after refused starts", n)
	}

	if err := os.WriteFile(st.keyset, made, 0o600); err != nil {
		t.Fatal(err)
	}
	st.release(st.acquire(s), s)
}

// A gateway never works on a part of a backup.
func TestUnfinishedRestore(t *testing.T) {
	st := newStage(t)
	half, err := st.store.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, half, "restore/unfinished", "{}")
	if err := half.Close(); err != nil {
		t.Fatal(err)
	}
	st.refused(st.store, st.keyset, "run `onesgate ones restore` with that file again")
	if n := st.references(); n != 0 {
		t.Errorf("%d references after a refused start", n)
	}
}

// A gateway that was stopped starts again on a disk that is nearly full, and its doctor says
// that it is.
func TestStartOnAFullDisk(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	st.release(st.acquire(s), s)
	st.store.MinFree = "1EiB"
	if err := st.store.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	e := st.acquire(s)
	defer st.release(e, s)
	found := e.storeFindings(t.Context())
	if !slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Finding == doctor.DiskFull.Name }) {
		t.Errorf("the doctor finds %+v", found)
	}
}

// Whoever starts a gateway beside one that runs is told what that has done, and what to do.
func TestStartedTwice(t *testing.T) {
	st := newStage(t)
	held, err := badgerstore.Open(badgerstore.Options{Dir: st.store.dir})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{store: st.store, keyset: seal.File(st.keyset), settings: settingsOf(""), started: make(chan struct{})}
	err = a.Start()
	for _, want := range []string{st.store.dir + ": store is in use by ", fmt.Sprint(os.Getpid()), "onesgate reload instead of run", "restart that gateway"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if err := errors.Join(a.Cleanup(), held.Close()); err != nil {
		t.Error(err)
	}
}

// Where another app of a configuration can't start, ours may never be asked to, and its server
// has begun already: what that was asked meanwhile doesn't wait for ever.
func TestNeverStarted(t *testing.T) {
	a := &App{started: make(chan struct{})}
	answer := make(chan error)
	go func() { answer <- a.await(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)) }()
	if err := a.Cleanup(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answer:
		if told, ok := errors.AsType[caddyhttp.HandlerError](err); !ok || told.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("it is told %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits on")
	}
}
