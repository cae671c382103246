package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

// signedIn begins a session of somebody.
func signedIn(t *testing.T, e *engine, id string) *session.Session {
	t.Helper()
	_, s, err := e.sessions.Start(t.Context(), session.Opening{
		Person: &identity.Person{ID: id, Integration: "contoso"}, Life: session.Life{Idle: time.Hour, Max: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAdminSessionsOf(t *testing.T) {
	e, _ := populated(t) // Alice is signed in
	for _, id := range []string{"t.bob1", "t.bob2", "t.gone", "t.gone"} {
		signedIn(t, e, id)
	}
	c := adminServer(t, unchanged)
	for who, want := range map[string]string{
		"t.alice": "[t.alice]", " Alice@CONTOSO.example ": "[t.alice]", "card:1": "[t.alice]",
		"bob@contoso.example": "[t.bob1 t.bob2]", "card:2": "[t.bob1 t.bob2]", "t.bob2": "[t.bob2]",
		"t.gone":  "[t.gone t.gone]", // signed in, and not in the directory any more
		"u.carol": "[]",              // known, and not signed in
	} {
		var list sessionList
		err := c.tell(t.Context(), sessionsPath, sessionQuery{who}, &list)
		got := []string{}
		for _, s := range list.Sessions {
			got = append(got, s.User)
		}
		if slices.Sort(got); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v; want %s", who, got, err, want)
		}
	}
	for _, who := range []string{"nobody@contoso.example", "card:3", "card:", "t.nobody", " "} {
		if err := c.tell(t.Context(), sessionsPath, sessionQuery{who}, new(sessionList)); err == nil || !strings.Contains(err.Error(), "nobody like that is known") {
			t.Errorf("%q: %v", who, err)
		}
	}
}

func TestAdminRevokeUser(t *testing.T) {
	e, logs := populated(t)
	for _, id := range []string{"t.alice", "t.bob1", "t.bob2", "t.gone"} {
		signedIn(t, e, id)
	}
	c := adminServer(t, unchanged)
	for who, want := range map[string]string{
		"nobody@contoso.example": "nobody like that is known", "card:3": "nobody like that is known", "t.nobody": "nobody like that is known",
		"bob@contoso.example": "t.bob1, t.bob2", "card:2": "t.bob1, t.bob2",
	} {
		if err := c.tell(t.Context(), revokePath, revocation{User: who}, new(revoked)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", who, err, want)
		}
	}
	for _, tt := range []struct {
		who, id string
		ended   int
	}{
		{"card:1", "t.alice", 2},
		{"alice@contoso.example", "t.alice", 0},
		{"t.bob1", "t.bob1", 1},
		{"t.gone", "t.gone", 1},
		{"u.carol", "u.carol", 0},
	} {
		logs.TakeAll()
		var done revoked
		if err := c.tell(t.Context(), revokePath, revocation{User: tt.who}, &done); err != nil || done.Ended != tt.ended {
			t.Errorf("%q: %d ended, %v; want %d", tt.who, done.Ended, err, tt.ended)
		}
		told := logs.FilterMessage("sessions ended by the operator").All()
		if len(told) != 1 || told[0].ContextMap()["user"] != tt.id {
			t.Errorf("%q: %v, want the user %s", tt.who, told, tt.id)
		}
	}
	if alive, err := e.sessions.Of(t.Context(), "t.bob2"); err != nil || len(alive) != 1 {
		t.Errorf("the other Bob has %d sessions, %v", len(alive), err)
	}
}

func TestAdminRevokeSession(t *testing.T) {
	e, logs := populated(t)
	c := adminServer(t, unchanged)
	for name, write := range map[string]func(id string) string{
		"whole":         func(id string) string { return id },
		"short":         func(id string) string { return id[:shortID] },
		"as in a table": func(id string) string { return " " + strings.ToUpper(id[:shortID]) + "… " },
		"longer":        func(id string) string { return id[:40] },
	} {
		s := signedIn(t, e, "t.bob1")
		logs.TakeAll()
		var done revoked
		if err := c.tell(t.Context(), revokePath, revocation{Session: write(s.ID)}, &done); err != nil || done.Ended != 1 {
			t.Errorf("%s: %d ended, %v", name, done.Ended, err)
		}
		if _, err := e.sessions.ByID(t.Context(), s.ID); err == nil {
			t.Errorf("%s: the session lives", name)
		}
		told := logs.FilterMessage("sessions ended by the operator").All()
		if len(told) != 1 || told[0].ContextMap()["user"] != "t.bob1" || told[0].ContextMap()["session"] != s.ID[:shortID] {
			t.Errorf("%s: %v", name, told)
		}
	}
	s := signedIn(t, e, "t.bob1")
	for _, id := range []string{s.ID[:shortID-1], "…", strings.Repeat("0", shortID), s.ID + "0"} {
		if err := c.tell(t.Context(), revokePath, revocation{Session: id}, new(revoked)); err == nil || !strings.Contains(err.Error(), "no session with that id") {
			t.Errorf("%q: %v", id, err)
		}
	}
	// Another one whose id begins so.
	rec, err := e.store.Get(t.Context(), "session/"+s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.store.Commit(t.Context(), store.Write{
		Key: "session/" + s.ID[:shortID] + strings.Repeat("0", len(s.ID)-shortID), Value: rec.Value, Expires: rec.Expires,
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.tell(t.Context(), revokePath, revocation{Session: s.ID[:shortID]}, new(revoked)); err == nil || !strings.Contains(err.Error(), "more than one session") {
		t.Errorf("two: %v", err)
	}
	if _, err := e.sessions.ByID(t.Context(), s.ID); err != nil {
		t.Errorf("two: %v, want none ended", err)
	}
}
