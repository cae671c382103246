package caddymodule

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
)

// handler is an operator's handler of events: it takes each when it is told to.
type handler chan string

func (h handler) emit(name string, data map[string]any) {
	h <- strings.TrimPrefix(fmt.Sprint(name, " ", data), "ones.")
}

// A handler that hangs holds nobody up; what is too much is dropped, and said once.
func TestAHandlerThatHangs(t *testing.T) {
	var log bytes.Buffer
	ev := newEvents(slog.New(slog.NewTextHandler(&log, nil)))
	h := make(handler)
	s := &settings{emit: h.emit}
	ctx, stop := context.WithCancel(t.Context())
	go ev.run(ctx, func() *settings { return s })
	ev.emit("first", nil)
	for len(ev.queue) > 0 { // until the handler hangs in it
		runtime.Gosched()
	}
	const tooMany = 50
	for i := range maxEvents + tooMany {
		ev.emit(fmt.Sprint("event", i), nil)
	}
	if got := <-h; !strings.HasPrefix(got, "first") {
		t.Errorf("handed out %s", got)
	}
	for i := range maxEvents {
		if got := <-h; !strings.HasPrefix(got, fmt.Sprintf("event%d ", i)) {
			t.Fatalf("handed out %s, want event%d", got, i)
		}
	}
	ev.emit("last", nil)
	if got := <-h; !strings.HasPrefix(got, "last") {
		t.Errorf("handed out %s after it has caught up", got)
	}
	stop()
	ev.close()
	if n := strings.Count(log.String(), "events are dropped"); n != 1 {
		t.Errorf("said %d times that events are dropped, want once:\n%s", n, &log)
	}
	if !strings.Contains(log.String(), fmt.Sprintf("dropped=%d", tooMany)) {
		t.Errorf("not said how many were dropped:\n%s", &log)
	}
}

// One that never ends holds up no stop for long, and that is said.
func TestAHandlerThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ev := newEvents(slog.New(slog.NewTextHandler(&log, nil)))
		h := make(handler)
		ctx, stop := context.WithCancel(t.Context())
		go ev.run(ctx, func() *settings { return &settings{emit: h.emit} })
		ev.emit("first", nil)
		synctest.Wait()
		stop()
		begun := time.Now()
		ev.close()
		if waited := time.Since(begun); waited != handlersEnd || !strings.Contains(log.String(), "does not end") {
			t.Errorf("stopped after %v, and said:\n%s", waited, &log)
		}
		<-h
		<-ev.ended
	})
}

// A reload takes the place of a handler that never ends, whatever it makes of the end of
// its configuration.
func TestAHandlerThatHangsUntilAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ev := newEvents(slog.New(slog.NewTextHandler(&log, nil)))
		hangs, works := make(handler), make(handler)
		var now atomic.Pointer[settings]
		begin := func(h handler) {
			now.Store(&settings{emit: h.emit})
			ev.began <- struct{}{}
		}
		ctx, stop := context.WithCancel(t.Context())
		go ev.run(ctx, now.Load)
		begin(hangs)
		ev.emit("first", nil)
		ev.emit("second", nil)
		synctest.Wait()
		begin(works)
		if got := <-works; !strings.HasPrefix(got, "second") {
			t.Errorf("handed out %s", got)
		}
		if !strings.Contains(log.String(), "does not end") {
			t.Errorf("said: %s", &log)
		}
		stop()
		<-ev.ended
		<-hangs
	})
}

// Events go to the newest configuration that has begun as a whole, and wait for one.
func TestEventsGoToTheNewestConfiguration(t *testing.T) {
	st := newStage(t)
	h := make(handler)
	configuration := func(name string) *settings {
		s := settingsOf(name)
		s.emit = func(event string, data map[string]any) { h.emit(event+" to "+name, data) }
		return s
	}
	first, second, bad := configuration("first"), configuration("second"), configuration("bad")
	e := st.acquire(first)
	happen := func(want string) {
		t.Helper()
		e.grantEvent(grant.Event{Kind: grant.Mended, Integration: "contoso"})
		if got := <-h; got != want+" map[integration:contoso]" {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	e.grantEvent(grant.Event{Kind: grant.Mended, Integration: "contoso"}) // nobody is there to be told
	e.begun(first)
	if got := <-h; got != "integration_mended to first map[integration:contoso]" {
		t.Errorf("kept for the first: %s", got)
	}
	happen("integration_mended to first")
	st.acquire(second)
	happen("integration_mended to first") // its handlers may not be in place
	e.begun(second)
	happen("integration_mended to second")
	st.release(e, first)
	st.acquire(bad)
	st.release(e, bad)
	happen("integration_mended to second")
	st.release(e, second)
}

// What happens is told with what it is about, and without what is nobody else's.
func TestWhatEventsHold(t *testing.T) {
	st := newStage(t)
	h := make(handler)
	s := settingsOf("")
	s.emit = h.emit
	e := st.acquire(s)
	defer st.release(e, s)
	e.begun(s)
	refused := &entra.Error{
		Status: 400, Code: "invalid_grant", Codes: []int{50105}, Class: entra.Admin,
		Description: "AADSTS50105: The signed in user 'alice@contoso.com' is not assigned to a role.",
	}
	for _, tt := range []struct {
		happened grant.Event
		want     string
	}{
		{
			grant.Event{Kind: grant.Lost, Integration: "contoso", Owner: "t.alice", State: grant.NeedsAdminConsent, Err: refused},
			"grant_lost map[connection:needs_admin_consent integration:contoso reason:invalid_grant AADSTS50105; an administrator of the tenant has to act room: user:t.alice]",
		},
		{
			grant.Event{Kind: grant.Lost, Integration: "contoso", Owner: rooms.GrantOwner("contoso", "boardroom"), State: grant.NeedsSignIn, Err: fmt.Errorf("%w: %w", grant.ErrNeedsSignIn, fmt.Errorf("of alice@contoso.com"))},
			"grant_lost map[connection:needs_sign_in integration:contoso reason:needs to sign in with Microsoft again room:boardroom user:]",
		},
		{
			grant.Event{Kind: grant.Refused, Integration: "contoso", Err: fmt.Errorf("%w: %w", grant.ErrIntegrationDown, &entra.Error{Code: "invalid_client", Codes: []int{7000222}, Class: entra.Operator})},
			"integration_refused map[integration:contoso reason:invalid_client AADSTS7000222; the operator has to correct the configuration]",
		},
		{
			grant.Event{Kind: grant.Refused, Integration: "contoso", Err: fmt.Errorf("alice@contoso.com")},
			"integration_refused map[integration:contoso reason:the log says why]",
		},
	} {
		e.grantEvent(tt.happened)
		if got := <-h; got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	e.credentialRefused("contoso", entra.CredentialState{Name: "client_secret 1", Refusal: refused})
	if got := <-h; got != "credential_refused map[credential:client_secret 1 integration:contoso reason:invalid_grant AADSTS50105; an administrator of the tenant has to act]" {
		t.Errorf("got %s", got)
	}
}
