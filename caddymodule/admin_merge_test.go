package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/identity"
)

func TestAdminMerge(t *testing.T) {
	e, logs := populated(t)
	anew := identity.Person{ID: "t.alice-anew", Integration: "contoso", Name: "Alice Chan", Email: "alice@contoso.example", Mailbox: "alice@contoso.example"}
	if err := e.people.SignedIn(t.Context(), anew); err != nil {
		t.Fatal(err)
	}
	c := adminServer(t, unchanged)
	for want, asked := range map[string]mergeRequest{
		"more than one person fits":               {User: "alice@contoso.example", Into: "t.alice-anew"},
		"nobody like that is known":               {User: "t.alice", Into: "t.zoe"},
		"nobody like that is known: write":        {User: "t.zoe", Into: "t.alice"},
		"different integrations":                  {User: "t.bob1", Into: "u.carol", Force: true},
		"both are the same user id":               {User: "t.bob1", Into: "t.bob1"},
		"in common; --force does it all the same": {User: "t.bob1", Into: "t.alice"},
		"can't be found out now":                  {User: "t.alice", Into: "t.alice-anew"}, // nobody can be asked here
	} {
		if err := c.tell(t.Context(), userMergePath, asked, new(merged)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", asked, err, want)
		}
	}
	var done merged
	if err := c.tell(t.Context(), userMergePath, mergeRequest{User: "t.alice", Into: "t.alice-anew", Force: true}, &done); err != nil || done.Sessions != 1 || len(done.Pinned) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if found, err := e.people.ByEmail(t.Context(), "alice@contoso.example"); err != nil || len(found) != 1 || found[0].ID != anew.ID {
		t.Errorf("found: %+v, %v", found, err)
	}
	if n := logs.FilterMessage("user merged").Len(); n != 1 {
		t.Errorf("%d lines in the audit log", n)
	}
	var told bytes.Buffer
	if err := done.print(&told); err != nil || !strings.HasPrefix(told.String(), "t.alice is t.alice-anew now, with 0 bookings.") || !strings.Contains(told.String(), "name it by its user id") {
		t.Errorf("%s, %v", &told, err)
	}
	old := userDetails{userEntry: userEntry{ID: "t.alice", Name: "Alice Chan"}}
	into := userDetails{userEntry: userEntry{ID: "t.alice-anew", Email: "alice@contoso.example"}}
	const asked = "This gives all bookings of Alice Chan (t.alice), also private ones, to alice@contoso.example (t.alice-anew), and removes the first for good."
	if got := old.mergedInto(into, true); got != asked+" Nothing checks that they are one person." {
		t.Errorf("with force: %q", got)
	}
	if got := old.mergedInto(into, false); got != asked {
		t.Errorf("asked: %s", got)
	}
	if err := ask(strings.NewReader("no\n"), io.Discard, "", errNotMerged); !errors.Is(err, errNotMerged) {
		t.Errorf("refused: %v", err)
	}
}
