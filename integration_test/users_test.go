package integration_test

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

// Somebody leaves: the operator finds them, disconnects them, erases them, and nothing is
// left in the store. Their events stay in their calendar.
func TestSomebodyLeaves(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]any{"Users": "forget_after 30d"})
	p := w.gateway()
	w.succeeds("Nobody like that has signed in", "users", "list")

	v, other := newVisitor(t, w.home), newVisitor(t, w.home)
	v.signIn(alice)
	other.signIn(bob)
	me := v.call(http.MethodGet, "/.ones/me", nil).json(t)
	id, name := me["id"].(string), me["name"].(string)
	book := func(hour int) answer {
		t.Helper()
		return w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 2, hour), "Ones-Act-As", alice, "Prefer", "wait=30", "Idempotency-Key", "leaves")
	}
	if a := book(10); a.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	if out := w.succeeds(`(?m)^`+name+` +`+alice+` +contoso +connected .*`+id, "users", "list"); !strings.Contains(out, bob) {
		t.Errorf("bob is not listed: %s", out)
	}
	if out := w.succeeds(alice, "users", "list", "ALICE", "--integration", "contoso", "--state", "connected"); strings.Contains(out, bob) {
		t.Errorf("bob is listed: %s", out)
	}
	if out := w.succeeds(`^\{"users":\[\{"id":"`, "users", "list", "--json"); strings.Contains(strings.ToLower(out), "token") {
		t.Errorf("a token is told: %s", out)
	}
	w.succeeds(`(?s)user +`+id+`.*sessions +1`, "users", "show", alice)
	w.fails("needs_admin_consent, no_mailbox", "users", "list", "--state", "fine")
	w.fails(`no integration "nix" is configured`, "users", "list", "--integration", "nix")
	w.fails("nobody like that is known", "users", "disconnect", "zoe@contoso.example")

	w.succeeds(id+` is disconnected; 1 session ended`, "users", "disconnect", alice)
	for _, told := range [][]string{{"users", "list"}, {"users", "show", alice}} {
		w.succeeds(`needs_sign_in \(disconnected\)`, told...)
	}
	v.wantsSession(false)
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 2, 12), "Ones-Act-As", alice); a.StatusCode != http.StatusForbidden || a.json(t)["code"] != "needs_sign_in" {
		t.Errorf("booking for somebody who is disconnected: %d %s", a.StatusCode, a.body)
	}
	v.signIn(alice)

	w.fails("write --yes", "users", "erase", alice)
	v.wantsSession(true)
	w.succeeds(id+` is erased, with 1 session and 1 booking`, "users", "erase", alice, "--yes")
	v.wantsSession(false)
	w.fails("nobody like that is known", "users", "erase", id, "--yes")
	if a := book(10); a.StatusCode != http.StatusNotFound || a.json(t)["code"] != "unknown_user" {
		t.Errorf("booking for somebody who is erased: %d %s", a.StatusCode, a.body)
	}
	if n := w.eventsNamed(alice, "Quarterly review"); n != 1 {
		t.Errorf("%d events in her calendar, want the one", n)
	}
	other.wantsSession(true)
	p.stop()
	if log := p.errors(); !strings.Contains(log, `"logger":"ones.audit","msg":"user erased","user":"`+id+`","by":"operator"`) {
		t.Errorf("the audit log has no line of it: %s", log)
	} else if log = strings.ToLower(log); strings.Contains(log, "alice") || strings.Contains(log, strings.ToLower(name)) {
		t.Errorf("the log names her: %s", log)
	}

	s, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(w.dir, "store"), MinFree: 1, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	err = s.Snapshot(t.Context(), func(r store.Record) error {
		records++
		text := strings.ToLower(r.Key + " " + string(r.Value))
		for _, word := range []string{id, alice, name, "quarterly review"} {
			if strings.Contains(text, strings.ToLower(word)) {
				t.Errorf("%q is left: %s", word, r.Key)
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err != nil || records == 0 {
		t.Errorf("%d records, %v", records, err)
	}

	// Whoever is erased may come back, as somebody new.
	w.gateway()
	v.signIn(alice)
	w.succeeds(`sessions +1`, "users", "show", id)
}
