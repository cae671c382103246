package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// A room's grant is one like everybody's: refreshed once, told when it is lost, and
// well again when an admin has connected the room again.
func TestRoomLosesItsAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *m365.Config) {
		app := &c.Tenants[0].Apps[0]
		app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
		c.Tenants[0].Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	})
	w.write(map[string]any{"Auth": "admins contoso/" + alice})
	p := w.gateway()
	admin := newVisitor(t, w.home)
	admin.signIn(alice)
	admin.connect("boardroom", boardroom)
	wants := func(connection string, sees bool) {
		t.Helper()
		a := w.serve(http.MethodGet, "/v1/rooms/boardroom/schedule", nil)
		if a.StatusCode != http.StatusOK || (a.json(t)["as_of"] != nil) != sees {
			t.Errorf("looking into the room: %d %s", a.StatusCode, a.body)
		}
		if c, m := w.connection("boardroom"); c != connection || m != boardroom {
			t.Errorf("the boardroom is %s, with %s, want %s", c, m, connection)
		}
		if a := admin.page("/.ones/rooms/boardroom/connect"); !strings.Contains(a.body, `data-connection="`+connection+`"`) {
			t.Errorf("the room's page doesn't say %s: %d %s", connection, a.StatusCode, a.body)
		}
	}
	wants("connected", true)

	// However many look, the token is refreshed once.
	p = w.ended(p, func() { w.sim(http.MethodDelete, "/_sim/calls", nil) })
	ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", w.service))
	var looking sync.WaitGroup
	for range 20 {
		looking.Go(func() {
			a, err := ones.try(ones.request(http.MethodGet, "/v1/rooms/boardroom/schedule", nil, "Authorization", "Bearer "+serviceToken))
			if err != nil || a.StatusCode != http.StatusOK {
				t.Errorf("looking into the room: %v, %v", err, a)
			}
		})
	}
	looking.Wait()
	if n := w.received("/token"); n != 1 {
		t.Errorf("%d token calls, want 1", n)
	}
	wants("connected", true)

	p = w.ended(p, func() { w.sim(http.MethodPost, "/_sim/revoke", map[string]any{"mail": boardroom}) })
	for range 3 {
		w.serve(http.MethodGet, "/v1/rooms/boardroom/schedule", nil)
		wants("needs_sign_in", false)
	}
	if n := p.told(lost); n != 1 || !strings.Contains(p.errors(), `"owner":"room:contoso/boardroom"`) {
		t.Errorf("the log tells %d times that the room's grant is lost, want once", n)
	}
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 10), "Ones-Act-As", alice, "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Errorf("people book all the same: %d %s", a.StatusCode, a.body)
	}

	admin.connect("boardroom", boardroom)
	wants("connected", true)
	if n := p.told(lost); n != 1 {
		t.Errorf("the log tells %d times that the room's grant is lost, want once", n)
	}
}
