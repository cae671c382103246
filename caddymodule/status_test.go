package caddymodule

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/status"
)

// The status counts people by the state of their connections, tells how the accounts
// of rooms stand, and what is wrong, in words.
func TestStatusOfPeopleAndRooms(t *testing.T) {
	st := newStage(t)
	s := settingsOf("https://ones.example.com")
	expires := time.Now().AddDate(0, 0, -3)
	s.integrations = []signin.Integration{{Name: "contoso", Entra: entra.NewClient(entra.Config{
		Credentials: []entra.Credential{{Secret: "top-secret-1", Expires: expires}, {Secret: "top-secret-2"}},
	}, unasked(), slog.New(slog.DiscardHandler))}}
	s.world.Rooms = map[string]booking.Room{}
	for _, name := range []string{"boardroom", "harbour", "library", "studio"} {
		s.world.Rooms[name] = booking.Room{Name: name, Title: name, Integration: "contoso", TimeZone: time.UTC, MaxDuration: 8 * time.Hour, BookingWindow: 180 * 24 * time.Hour}
	}
	e := st.acquire(s)
	defer st.release(e, s)
	save := func(owner string, state grant.State) {
		t.Helper()
		if err := e.grants.Save(t.Context(), owner, "contoso", entra.Tokens{Refresh: "top-secret-refresh"}, state); err != nil {
			t.Fatal(err)
		}
	}
	for owner, state := range map[string]grant.State{
		"t.alice": grant.Connected, "t.bob": grant.Connected, "t.carol": grant.NeedsSignIn, "t.dave": grant.NeedsAdminConsent, "t.erin": grant.NoMailbox,
	} {
		save(owner, state)
	}
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace"} { // the last two are disconnected
		put(t, e.store, "person/t."+name, `{"integration":"contoso"}`)
	}
	put(t, e.store, "booking/1", `{"integration":"contoso","status":"accepted"}`)
	put(t, e.store, "booking/2", `{"integration":"contoso","status":"confirmed"}`)
	put(t, e.store, "person/t.struck", `{"struck":"operator"}`)
	put(t, e.store, "person/t.elsewhere", `{"integration":"gone"}`)
	put(t, e.store, "grant/t.elsewhere", `{"integration":"gone","state":"connected"}`)
	put(t, e.store, "grant/room:gone/hall", `{"integration":"gone","state":"connected"}`)
	put(t, e.store, "booking/3", `{"integration":"gone","status":"accepted"}`)
	for id, room := range map[string]string{"4": "atrium", "5": "studio"} {
		put(t, e.store, "booking/"+id, `{"integration":"contoso","status":"confirmed","request":{"room":"`+room+`"},"end":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	}
	for room, state := range map[string]grant.State{"boardroom": grant.Connected, "harbour": grant.NeedsSignIn, "library": grant.NeedsAdminConsent} {
		if err := e.rooms.Connect(t.Context(), "contoso", room, rooms.Account{PersonID: "t.room"}, entra.Tokens{Refresh: "top-secret-refresh"}); err != nil {
			t.Fatal(err)
		}
		save(rooms.GrantOwner("contoso", room), state)
	}

	var answered json.RawMessage
	if err := adminServer(t, unchanged).ask(t.Context(), http.MethodGet, statusPath, &answered); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answered), "top-secret") {
		t.Errorf("the status tells a secret: %s", answered)
	}
	var got status.Picture
	if err := json.Unmarshal(answered, &got); err != nil {
		t.Fatal(err)
	}
	var people userList
	if err := adminServer(t, unchanged).tell(t.Context(), usersPath, userFilter{Integration: "gone"}, &people); err != nil || len(people.Users) != 1 {
		t.Errorf("of an integration that is gone: %+v, %v", people, err)
	}
	if found := e.goneFindings(t.Context(), s); len(found) != 1 || found[0].Finding != doctor.IntegrationGone.Name || !strings.HasPrefix(found[0].What, "1 person and the accounts of 1 room") {
		t.Errorf("the doctor: %+v", found)
	}
	i := got.Integrations[0]
	if want := (status.People{Connected: 2, NeedsSignIn: 3, Disconnected: 2, NeedsAdminConsent: 1, NoMailbox: 1}); i.People != want || i.Works != nil || strings.Contains(string(answered), `"works"`) {
		t.Errorf("people: %+v, works: %v", i.People, i.Works)
	}
	var told bytes.Buffer
	if err := got.Print(&told, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, tail, _ := strings.Cut(told.String(), "integration")
	want := strings.ReplaceAll(`   contoso: not asked yet: Microsoft has given no token since the configuration was loaded
  credential  client_secret 1 (client_secret that expires on DATE), EXPIRED
  credential  client_secret 2
  people      2 connected, 3 to sign in again (2 of them disconnected), 1 to wait for an administrator, 1 without a mailbox
  bookings    1 waits
room          boardroom of contoso: connected
  policy      8 hours at most, up to 180 days ahead, times of UTC
room          harbour of contoso: its account has to be connected again
  policy      8 hours at most, up to 180 days ahead, times of UTC
room          library of contoso: its account waits for an administrator
  policy      8 hours at most, up to 180 days ahead, times of UTC
room          studio of contoso: no account stands for it
  policy      8 hours at most, up to 180 days ahead, times of UTC
PROBLEM       1 person and the accounts of 1 room belong to the integration gone, which is not configured any more: nobody of it can sign in or book, and 1 booking waits
              whose: yours, who operate the gateway
              to do: if that is a mistake, put its block back into the Caddyfile, under its name, and reload: all is as before then. Else there is nothing to do: they are forgotten a year after they were last seen, or at once with onesgate ones users erase; onesgate ones users list --integration tells who they are
PROBLEM       1 booking that is not over is in the room atrium of contoso, which is not configured any more: what is booked there stays in the calendars, and can be cancelled, but not changed
              whose: yours, who operate the gateway
              to do: if that is a mistake, put its block back into the Caddyfile (if it was renamed: its old name) and reload: all is as before then. Else cancel what is not to be: onesgate ones bookings list --room atrium
PROBLEM       contoso: client_secret 1 has expired, on DATE
              whose: yours, who operate the gateway
              to do: make a new secret (or certificate) for the app registration in Azure, write it on a line above the old one, and restart the service if you changed onesgate.env, which a running one does not read again; else onesgate reload --force; all is well again by itself then, and nobody has to sign in again
PROBLEM       contoso: 1 person waits for an administrator of the tenant: the permissions are not granted, or they may not use the app
              whose: the tenant's administrator's
              to do: grant them at https://ones.example.com/.ones/consent/contoso, or assign these people to the app under Enterprise applications in Azure
PROBLEM       contoso: Microsoft no longer honours the connection of the account that stands for harbour: nobody but the people who book sees its calendar
              whose: yours, who operate the gateway
              to do: have an admin connect it again at https://ones.example.com/.ones/rooms/harbour/connect
PROBLEM       contoso: the account that stands for library waits for an administrator of the tenant
              whose: the tenant's administrator's
              to do: grant the permissions at https://ones.example.com/.ones/consent/contoso
`, "DATE", expires.UTC().Format(time.DateOnly))
	if tail != want {
		t.Errorf("told:\n%s\nwant:\n%s", tail, want)
	}
}

// Grants that nobody's record belongs to make no negative number of people.
func TestPeopleAreNeverNegative(t *testing.T) {
	h := &headcount{grants: map[grantsOf]int{{"contoso", false, grant.Connected}: 2}, persons: map[string]int{"contoso": 1}}
	if got, want := h.people("contoso"), (status.People{Connected: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
