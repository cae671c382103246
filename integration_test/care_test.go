package integration_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
)

// care runs a command of "onesgate ones" on the world's gateway.
func (w *world) care(args ...string) (output string, status int) {
	w.t.Helper()
	return command(w.t, w.env(), append(append([]string{"ones"}, args...), "--config", filepath.Join(w.dir, "Caddyfile"))...)
}

// succeeds demands that a command goes well and tells something.
func (w *world) succeeds(want string, args ...string) string {
	w.t.Helper()
	out, status := w.care(args...)
	if status != 0 || !regexp.MustCompile(want).MatchString(out) {
		w.t.Fatalf("ones %s: status %d, want 0 and %q:\n%s", strings.Join(args, " "), status, want, out)
	}
	return out
}

// counts waits until "ones status" tells something, which goes by a count of the records: that
// stands for a while, the longer the longer it took.
func (w *world) counts(want string) {
	w.t.Helper()
	within(w.t, "status: "+want, func() bool {
		out, status := w.care("status")
		return status == 0 && regexp.MustCompile(want).MatchString(out)
	})
}

// fails demands that a command fails with a sentence: no log line, no usage.
func (w *world) fails(want string, args ...string) {
	w.t.Helper()
	out, status := w.care(args...)
	if status != 1 || !strings.HasPrefix(out, "Error: ") || !strings.Contains(out, want) || strings.Contains(out, "Usage:") {
		w.t.Errorf("ones %s: status %d, want 1 and a sentence with %q:\n%s", strings.Join(args, " "), status, want, out)
	}
}

// The gateway is lost, and comes back from a backup that was made while it worked.
func TestBackupAndRestore(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	path := func(name string) string { return filepath.Join(w.dir, name) }
	file := func(name, content string) string {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	secret := file("key.txt", "# "+key.Recipient().String()+"\n"+key.String()+"\n")
	passphrase, wrong := file("passphrase", "correct horse battery staple\n"), file("wrong", "staple\n")
	w.fails("no gateway answers", "backup", "--recipient", key.Recipient().String())

	p := w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	confirmed := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 2, 10), "Prefer", "wait=30")
	if confirmed.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", confirmed.StatusCode, confirmed.body)
	}
	// A second booking is under way when the backup is made.
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
	open := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 2, 14), "Prefer", "respond-async")
	if open.StatusCode != http.StatusAccepted {
		t.Fatalf("booking: %d %s", open.StatusCode, open.body)
	}

	w.succeeds(`last backup +never`, "status")
	var working sync.WaitGroup
	done := make(chan struct{})
	working.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if a := v.page("/"); a.body != "ones" {
					t.Errorf("a page during the backup: %d", a.StatusCode)
				}
			}
		}
	})
	w.succeeds(`backup\.age: .* encrypted`, "backup", "--recipient", key.Recipient().String(), "--output", path("backup.age"))
	w.succeeds(`by-passphrase\.age`, "backup", "--passphrase-file", passphrase, "--output", path("by-passphrase.age"))
	close(done)
	working.Wait()
	w.fails("not overwritten", "backup", "--recipient", key.Recipient().String(), "--output", path("backup.age"))
	w.fails("is not a public key", "backup", "--recipient", key.String())
	w.fails("say who can open", "backup")
	if info, err := os.Stat(path("backup.age")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup's file: %v, %v", info.Mode(), err)
	}
	out, code := w.care("status", "--json")
	var status struct {
		Store struct {
			LastBackup struct{ Records int } `json:"last_backup"`
		}
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil || code != 0 || status.Store.LastBackup.Records == 0 {
		t.Errorf("status after the backup: %d %v\n%s", code, err, out)
	}

	// Afterwards the booking goes through; the backup doesn't know.
	w.sim(http.MethodDelete, "/_sim/faults", nil)
	get := func(a answer) func() answer {
		id := a.json(t)["id"].(string)
		return func() answer { return w.serve(http.MethodGet, "/v1/bookings/"+id, nil) }
	}
	if b := booked(t, get(open), "accepted", "awaiting_room"); b["status"] != "confirmed" {
		t.Fatalf("the second booking: %s", pretty(b))
	}

	restore := []string{"restore", path("backup.age"), "--identity-file", secret}
	w.fails("stop the gateway first", restore...)
	if status := p.stop(); status != 0 {
		t.Errorf("stopped with %d", status)
	}
	w.fails("no gateway answers", "status")
	w.fails("the store is not empty", restore...)
	if err := os.Rename(path("store"), path("store.lost")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path("backup.age"))
	if err != nil {
		t.Fatal(err)
	}
	w.fails("damaged or incomplete", "restore", file("half.age", string(whole[:len(whole)/2])), "--identity-file", secret)
	w.fails("can't be opened with this key or passphrase", "restore", path("by-passphrase.age"), "--passphrase-file", wrong)
	w.fails("not a backup of onesgate", "restore", secret, "--identity-file", secret)
	if err := os.Rename(path("keyset.json"), path("keyset.lost")); err != nil {
		t.Fatal(err)
	}
	w.fails("put your copy of it back first", restore...)
	if err := os.Rename(path("keyset.lost"), path("keyset.json")); err != nil {
		t.Fatal(err)
	}
	w.succeeds(`(?s)1 person, 1 grant, 2 bookings.*1 booking is under way.*1 session`, restore...)

	w.gateway()
	if a := v.call(http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session from before the backup: %d %s", a.StatusCode, a.body)
	}
	for _, a := range []answer{confirmed, open} {
		if b := booked(t, get(a), "accepted", "awaiting_room"); b["status"] != "confirmed" {
			t.Errorf("after the restore: %s", pretty(b))
		}
	}
	if n := w.eventsNamed(alice, "Quarterly review"); n != 2 {
		t.Errorf("alice's calendar has %d events, want the two that were booked", n)
	}
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 9), "Ones-Act-As", alice, "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Errorf("booking for alice with her grant of before: %d %s", a.StatusCode, a.body)
	}
	w.succeeds(`last backup +never`, "status")
}
