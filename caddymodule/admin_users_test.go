package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin"
)

// populated is an engine with Alice, who is connected and an admin, two Bobs with one
// address and card, and Carol of another integration.
func populated(t *testing.T) (*engine, *observer.ObservedLogs) {
	t.Helper()
	st := newStage(t)
	core, logs := observer.New(zapcore.InfoLevel)
	s := settingsOf("https://ones.example.com")
	s.log = zap.New(core)
	s.world.Rooms = map[string]booking.Room{"boardroom": {Name: "boardroom", Integration: "contoso"}}
	admins, err := signin.ParseAdmins([]string{"contoso/alice@contoso.example"}, []signin.Integration{{Name: "contoso"}})
	if err != nil {
		t.Fatal(err)
	}
	s.admins = []signin.Admins{admins}
	s.integrations = []signin.Integration{{Name: "contoso"}, {Name: "fabrikam"}}
	e := st.acquire(s)
	t.Cleanup(func() { st.release(e, s) })
	for _, p := range []identity.Person{
		{ID: "t.alice", Integration: "contoso", Name: "Alice Chan", Email: "alice@contoso.example", Mailbox: "alice@contoso.example", CardNumber: "1", Roles: []string{"Ones.Admin"}},
		{ID: "t.bob1", Integration: "contoso", Name: "Bob", Email: "bob@contoso.example", Mailbox: "bob@contoso.example", CardNumber: "2"},
		{ID: "t.bob2", Integration: "contoso", Name: "Bob", Email: "bob@contoso.example", Mailbox: "bob@contoso.example", CardNumber: "2"},
		{ID: "u.carol", Integration: "fabrikam", Name: "Carol"},
	} {
		if err := e.people.SignedIn(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	alice := &identity.Person{ID: "t.alice", Integration: "contoso"}
	if err := e.grants.Save(t.Context(), "t.alice", "contoso", entra.Tokens{Access: "access-token", Refresh: "refresh-token", Expires: time.Now().Add(time.Hour)}, grant.Connected); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.sessions.Start(t.Context(), session.Opening{Person: alice, Life: session.Life{Idle: time.Hour, Max: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.people.Pin(t.Context(), "contoso/alice@contoso.example", "t.alice"); err != nil {
		t.Fatal(err)
	}
	return e, logs
}

func TestAdminUsers(t *testing.T) {
	populated(t)
	c := adminServer(t, unchanged)
	for f, want := range map[userFilter]string{
		{}:                                       "[t.alice t.bob1 t.bob2 u.carol]",
		{Limit: 1}:                               "[t.alice t.bob1 t.bob2 u.carol]", // in four parts
		{Limit: 3}:                               "[t.alice t.bob1 t.bob2 u.carol]",
		{Integration: "contoso"}:                 "[t.alice t.bob1 t.bob2]",
		{State: "connected"}:                     "[t.alice]",
		{State: "needs_sign_in", Limit: 1}:       "[t.bob1 t.bob2 u.carol]",
		{Search: "BOB"}:                          "[t.bob1 t.bob2]",
		{Search: "alice@"}:                       "[t.alice]",
		{Search: "u.c"}:                          "[u.carol]",
		{Search: "2"}:                            "[t.bob1 t.bob2]",
		{Search: "bob", Integration: "fabrikam"}: "[]",
		{Search: "nobody"}:                       "[]",
		{Cursor: "t.bob1"}:                       "[t.bob2 u.carol]",
		{Cursor: "zz"}:                           "[]",

		{Search: "bob", State: "connected", Limit: 1}: "[]",
	} {
		all, err := c.users(t.Context(), f)
		got := []string{}
		for _, u := range all.Users {
			got = append(got, u.ID)
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%+v: %v, %v; want %s", f, got, err, want)
		}
	}
	for f, want := range map[userFilter]string{{State: "fine"}: "it is one of connected,", {Limit: -1}: "from 1 to 1000", {Limit: 1001}: "from 1 to", {Integration: "nix"}: `no integration "nix" is configured`} {
		if _, err := c.users(t.Context(), f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
	var whole json.RawMessage
	for path, asked := range map[string]any{usersPath: userFilter{}, userShowPath: userRequest{"t.alice"}} {
		if err := c.tell(t.Context(), path, asked, &whole); err != nil || strings.Contains(string(whole), "token") {
			t.Errorf("%s: %s, %v", path, whole, err)
		}
	}
	all, err := c.users(t.Context(), userFilter{Search: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	if err := all.print(&told, time.Now().Add(72*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(strings.Fields(told.String()), " "), "NAME MAIL INTEGRATION CONNECTION SINCE LAST SEEN USER Alice Chan alice@contoso.example contoso connected 3 days ago 3 days ago t.alice"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	told.Reset()
	if err := (userList{}).print(&told, time.Now()); err != nil || !strings.Contains(told.String(), "Nobody like that") {
		t.Errorf("%s, %v", &told, err)
	}
}

// A list looks at so many people only; whoever asks goes on.
func TestAdminUsersInParts(t *testing.T) {
	e, _ := populated(t)
	for i := range maxUsersRead {
		put(t, e.store, fmt.Sprintf("person/v.%05d", i), fmt.Sprintf(`{"id":"v.%05d","name":"Vera"}`, i))
	}
	put(t, e.store, "person/w.wim", `{"id":"w.wim","name":"Wim"}`)
	c := adminServer(t, unchanged)
	var first userList
	if err := c.tell(t.Context(), usersPath, userFilter{Search: "wim"}, &first); err != nil || len(first.Users) != 0 || first.Next == "" {
		t.Errorf("%d people, next %q, %v; want none yet", len(first.Users), first.Next, err)
	}
	if all, err := c.users(t.Context(), userFilter{Search: "wim"}); err != nil || len(all.Users) != 1 {
		t.Errorf("%d people, %v; want one", len(all.Users), err)
	}
	if all, err := c.users(t.Context(), userFilter{Limit: 1000}); err != nil || len(all.Users) != maxUsersRead+5 {
		t.Errorf("%d people, %v", len(all.Users), err)
	}
}

func TestAdminUser(t *testing.T) {
	e, _ := populated(t)
	if err := e.rooms.Connect(t.Context(), "contoso", "boardroom", rooms.Account{PersonID: "t.alice"}, entra.Tokens{Refresh: "refresh-token"}); err != nil {
		t.Fatal(err)
	}
	c := adminServer(t, unchanged)
	for _, who := range []string{"t.alice", "Alice@contoso.example", "card:1", " t.alice "} {
		var u userDetails
		if err := c.tell(t.Context(), userShowPath, userRequest{who}, &u); err != nil || u.ID != "t.alice" || u.Sessions != 1 || u.Connection != "connected" {
			t.Errorf("%s: %+v, %v", who, u, err)
		}
		var told bytes.Buffer
		if err := u.print(&told); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(told.String()), " ")
		for _, want := range []string{"user t.alice", "name Alice Chan", "mail alice@contoso.example", "card number 1", "roles Ones.Admin", "stands for rooms boardroom", "admin as contoso/alice@contoso.example", "sessions 1"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %s", who, want, got)
			}
		}
		if strings.Contains(got, "groups") { // there are none
			t.Error(got)
		}
	}
	for who, want := range map[string]string{
		"bob@contoso.example": "t.bob1, t.bob2", "card:2": "t.bob1, t.bob2", "": "nobody like that is known", "t.zoe": "nobody like that is known",
	} {
		for what, err := range map[string]error{
			"show":       c.tell(t.Context(), userShowPath, userRequest{who}, new(userDetails)),
			"disconnect": c.tell(t.Context(), userDisconnectPath, userRequest{who}, new(disconnected)),
			"erase":      c.tell(t.Context(), userErasePath, userRequest{who}, new(erased)),
		} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "@") {
				t.Errorf("%s %q: %v, want %q and nobody's address", what, who, err, want)
			}
		}
	}
}

func TestAdminUserDisconnect(t *testing.T) {
	e, logs := populated(t)
	c := adminServer(t, unchanged)
	var done disconnected
	if err := c.tell(t.Context(), userDisconnectPath, userRequest{"alice@contoso.example"}, &done); err != nil || done != (disconnected{"t.alice", 1}) {
		t.Errorf("%+v, %v", done, err)
	}
	var u userDetails
	if err := c.tell(t.Context(), userShowPath, userRequest{"t.alice"}, &u); err != nil || u.Connection != "needs_sign_in" || u.Sessions != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if l := logs.FilterMessage("disconnected").All(); len(l) != 1 || l[0].LoggerName != "audit" || l[0].ContextMap()["by"] != "operator" || l[0].ContextMap()["user"] != "t.alice" {
		t.Errorf("the audit log: %v", l)
	}
	if _, err := e.people.Get(t.Context(), "t.alice"); err != nil {
		t.Error(err)
	}
}

func TestAdminUserErase(t *testing.T) {
	e, logs := populated(t)
	c := adminServer(t, unchanged)
	if err := e.rooms.Connect(t.Context(), "contoso", "boardroom", rooms.Account{PersonID: "t.alice"}, entra.Tokens{Refresh: "refresh-token"}); err != nil {
		t.Fatal(err)
	}
	erase := func(who string) (erased, error) {
		t.Helper()
		var done erased
		err := c.tell(t.Context(), userErasePath, userRequest{who}, &done)
		return done, err
	}
	if _, err := erase("t.alice"); err == nil || !strings.Contains(err.Error(), "stands for the rooms boardroom; connect") {
		t.Errorf("whose account stands for a room: %v", err)
	}
	if _, err := e.rooms.Disconnect(t.Context(), "contoso", "boardroom"); err != nil {
		t.Fatal(err)
	}
	done, err := erase("card:1")
	if err != nil || done.User != "t.alice" || done.Sessions != 1 || len(done.Pinned) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	var told bytes.Buffer
	if err := done.print(&told); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"t.alice is erased, with 1 session and 0 bookings.", "admins name contoso/alice@contoso.example"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("no %q in %s", want, &told)
		}
	}
	if l := logs.FilterMessage("user erased").All(); len(l) != 1 || l[0].LoggerName != "audit" || l[0].ContextMap()["by"] != "operator" ||
		strings.Contains(fmt.Sprint(l[0].ContextMap()), "@") {
		t.Errorf("the audit log: %v", l)
	}
	if _, err := erase("t.alice"); err == nil || !strings.Contains(err.Error(), "nobody like that is known") {
		t.Errorf("again: %v", err)
	}
	// One that broke off is told of, and goes on.
	p, err := e.people.Get(t.Context(), "u.carol")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.people.Strike(t.Context(), p, "forget_after"); err != nil {
		t.Fatal(err)
	}
	var u userDetails
	if err := c.tell(t.Context(), userShowPath, userRequest{"u.carol"}, &u); err != nil || u.Erased != "forget_after" {
		t.Errorf("%+v, %v", u, err)
	}
	told.Reset()
	if err := u.print(&told); err != nil || !strings.Contains(told.String(), "u.carol is being erased (by forget_after)") {
		t.Errorf("%s, %v", &told, err)
	}
	if done, err := erase("u.carol"); err != nil || done.User != "u.carol" {
		t.Errorf("%+v, %v", done, err)
	}
	if err := c.tell(t.Context(), userErasePath, map[string]string{"who": "t.bob1"}, new(erased)); err == nil || !strings.Contains(err.Error(), "not the JSON") {
		t.Errorf("another word: %v", err)
	}
	for _, path := range []string{usersPath, userShowPath, userErasePath, userDisconnectPath} {
		if err := c.ask(t.Context(), http.MethodGet, path, new(erased)); err == nil || !strings.Contains(err.Error(), "takes POST") {
			t.Errorf("GET %s: %v", path, err)
		}
	}
}

func TestConfirm(t *testing.T) {
	u := userDetails{userEntry: userEntry{ID: "t.alice", Name: "Alice Chan", Email: "alice@contoso.example"}}
	for said, want := range map[string]error{
		"yes\n": nil, " yes \r\n": nil, "yes": nil, "": errNotErased, "\n": errNotErased, "no\n": errNotErased, "y\n": errNotErased, "t.bob\nyes\n": errNotErased,
	} {
		var asked bytes.Buffer
		if err := ask(strings.NewReader(said), &asked, u.erasure(), errNotErased); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", said, err, want)
		}
		if !strings.Contains(asked.String(), "erases Alice Chan (alice@contoso.example, t.alice) for good") {
			t.Errorf("asked: %s", &asked)
		}
	}
	for want, u := range map[string]userDetails{
		"This erases Alice Chan (alice@contoso.example, card 1, t.alice) for good, with 2 sessions, the connection with Microsoft and all bookings kept here. Write yes": {
			userEntry: userEntry{ID: "t.alice", Name: "Alice Chan", Email: "alice@contoso.example", CardNumber: "1"}, Sessions: 2,
		},
		"This erases Carol (t.carol) for good, with 1 session, ":            {userEntry: userEntry{ID: "t.carol", Name: "Carol"}, Sessions: 1},
		"This erases card 3 (t.dan) for good, with 0 sessions, ":            {userEntry: userEntry{ID: "t.dan", CardNumber: "3"}},
		"This erases eve@x for good, with 0 sessions, ":                     {userEntry: userEntry{ID: "eve@x", Email: "eve@x"}},
		"This erases t.eve for good, with 0 sessions, ":                     {userEntry: userEntry{ID: "t.eve"}},
		"This erases t.eve for good, with what is left of them. Write yes ": {userEntry: userEntry{ID: "t.eve"}, Erased: "operator"},
	} {
		var asked bytes.Buffer
		if err := ask(strings.NewReader("yes"), &asked, u.erasure(), errNotErased); err != nil || !strings.HasPrefix(asked.String(), want) {
			t.Errorf("asked: %s, %v; want %s", &asked, err, want)
		}
	}
	if err := ask(failing{}, io.Discard, u.erasure(), errNotErased); !errors.Is(err, errFailing) {
		t.Errorf("%v", err)
	}
}

var errFailing = errors.New("the terminal has gone")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }
