package caddymodule

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/rooms"
)

func TestAdminRooms(t *testing.T) {
	st := newStage(t)
	s := settingsOf("https://ones.example.com")
	s.world.Rooms = map[string]booking.Room{
		"harbour":   {Name: "harbour", Title: "Harbour", Integration: "contoso", Address: "harbour@contoso.example"},
		"boardroom": {Name: "boardroom", Title: "Boardroom", Integration: "contoso", Address: "boardroom@contoso.example"},
	}
	e := st.acquire(s)
	defer st.release(e, s)
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, room := range []string{"boardroom", "removed"} { // what is no longer configured is not told of
		if err := e.rooms.Connect(t.Context(), "contoso", room, rooms.Account{
			PersonID: "tid.room", Mailbox: "boardroom@contoso.example", ConnectedBy: "tid.alice", ConnectedAt: at,
		}, entra.Tokens{Access: "access-token", Refresh: "refresh-token", Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.people.SignedIn(t.Context(), identity.Person{ID: "tid.alice", Name: "Alice Chan"}); err != nil {
		t.Fatal(err)
	}
	c := adminServer(t, unchanged)
	list := func() (roomAccounts, string) {
		t.Helper()
		var got roomAccounts
		if err := c.ask(t.Context(), http.MethodGet, roomsPath, &got); err != nil {
			t.Fatal(err)
		}
		var told bytes.Buffer
		if err := got.print(&told, at.Add(72*time.Hour)); err != nil {
			t.Fatal(err)
		}
		return got, strings.Join(strings.Fields(told.String()), " ")
	}
	got, told := list()
	if len(got.Rooms) != 2 || got.Rooms[0].Connection != "connected" || got.Rooms[0].Account.ConnectedBy != "tid.alice" ||
		got.Rooms[1].Connection != "not_connected" || got.Rooms[1].Account != nil {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{
		"ROOM INTEGRATION MAILBOX CONNECTION ACCOUNT SINCE BY", "harbour contoso harbour@contoso.example not_connected - - -",
		"boardroom contoso boardroom@contoso.example connected boardroom@contoso.example 3 days ago Alice Chan",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in: %s", want, told)
		}
	}
	for name, tt := range map[string]struct {
		body any
		want string
	}{
		"a room without an account": {roomRequest{"harbour"}, "is not connected"},
		"no such room":              {roomRequest{"removed"}, `no room "removed" is configured`},
		"no room":                   {roomRequest{}, `no room "" is configured`},
		"another word":              {map[string]string{"name": "boardroom"}, "not the JSON"},
	} {
		if err := c.tell(t.Context(), roomDisconnectPath, tt.body, new(rooms.Account)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if err := c.ask(t.Context(), http.MethodGet, roomDisconnectPath, new(rooms.Account)); err == nil || !strings.Contains(err.Error(), "takes POST") {
		t.Errorf("GET: %v", err)
	}
	var was rooms.Account
	if err := c.tell(t.Context(), roomDisconnectPath, roomRequest{"boardroom"}, &was); err != nil || was.PersonID != "tid.room" {
		t.Errorf("%+v, %v", was, err)
	}
	if got, told := list(); got.Rooms[0].Account != nil || strings.Contains(told, " connected ") {
		t.Errorf("afterwards: %s", told)
	}
}

// BY is whom people know, and an id if that is all there is.
func TestRoomConnectedBy(t *testing.T) {
	e, _ := populated(t)
	for id, want := range map[string]string{"t.alice": "alice@contoso.example", "u.carol": "Carol", "t.gone": "t.gone", "": "-"} {
		if err := e.rooms.Connect(t.Context(), "contoso", "boardroom", rooms.Account{
			PersonID: "tid.room", ConnectedBy: id, ConnectedAt: time.Now(),
		}, entra.Tokens{Access: "access-token", Refresh: "refresh-token", Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		var got roomAccounts
		var told bytes.Buffer
		if err := adminServer(t, unchanged).ask(t.Context(), http.MethodGet, roomsPath, &got); err != nil {
			t.Fatal(err)
		}
		if err := got.print(&told, time.Now()); err != nil || !strings.HasSuffix(told.String(), "  "+want+"\n") {
			t.Errorf("%q: %s, %v; want %s", id, &told, err, want)
		}
	}
}

func TestRedirectURIs(t *testing.T) {
	t.Setenv("ONES_TEST_PUBLIC", "https://ones.example.com:8443")
	config := "{\n\tones {\n\t\tpublic_url %s\n\t\tintegration contoso {\n\t\t\tserver {\n\t\t\t\ttenant_id contoso.example\n\t\t\t\tclient_id {env.ONES_TEST_MISSING}\n\t\t\t\tclient_secret {env.ONES_TEST_MISSING}\n\t\t\t}\n\t\t}\n\t}\n}\n"
	for public, want := range map[string]string{
		"https://ones.example.com/": "https://ones.example.com", "{env.ONES_TEST_PUBLIC}": "https://ones.example.com:8443",
	} {
		r, err := redirectsOf(configFlags{file: written(t, "Caddyfile", strings.Replace(config, "%s", public, 1))})
		if err != nil || r.People != want+"/.ones/callback" || r.Rooms != want+"/.ones/rooms/callback" ||
			r.SignedOut != want+"/.ones/signed-out" || r.FrontchannelLogout != want+"/.ones/frontchannel-logout" {
			t.Errorf("%s: %+v, %v", public, r, err)
		}
		var told bytes.Buffer
		if err := r.print(&told); err != nil {
			t.Fatal(err)
		}
		for _, uri := range []string{r.People, r.Rooms, r.SignedOut, r.FrontchannelLogout} {
			if !strings.Contains(told.String(), uri+" ") {
				t.Errorf("no %s in:\n%s", uri, &told)
			}
		}
	}
	for public, want := range map[string]string{"{env.ONES_TEST_MISSING}": "ONES_TEST_MISSING is not set", "http://ones.example.com": "must be https"} {
		if _, err := redirectsOf(configFlags{file: written(t, "Caddyfile", strings.Replace(config, "%s", public, 1))}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", public, err, want)
		}
	}
	if _, err := redirectsOf(configFlags{file: written(t, "Caddyfile", ":80\n")}); err == nil || !strings.Contains(err.Error(), "has no ones block") {
		t.Errorf("without the app: %v", err)
	}
	t.Chdir(t.TempDir())
	if _, err := redirectsOf(configFlags{}); err == nil || !strings.Contains(err.Error(), "there is no Caddyfile here") {
		t.Errorf("without a Caddyfile: %v", err)
	}
}
