package integration_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bundle has a support bundle made of the gateway, and returns its files.
func (w *world) bundle() map[string]string {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "bundle.tar.gz")
	out, status := command(w.t, w.env(), "ones", "support-bundle", "--output", file, "--config", filepath.Join(w.dir, "Caddyfile"))
	if status != 0 {
		w.t.Fatalf("ones support-bundle: status %d: %s", status, out)
	}
	f, err := os.Open(file)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		w.t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	zipped, err := gzip.NewReader(f)
	if err != nil {
		w.t.Fatal(err)
	}
	files := map[string]string{"what the command says": out}
	for archive := tar.NewReader(zipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			w.t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			w.t.Fatal(err)
		}
		files[filepath.Base(h.Name)] = string(content)
	}
}

// anonymous fails the test if a bundle tells who somebody is, or what they have booked.
func (w *world) anonymous(bundle map[string]string, me map[string]any) {
	w.t.Helper()
	words := []string{alice, bob, strings.TrimSuffix(alice, "@contoso.example"), "Quarterly review", serviceToken, w.secret}
	for _, member := range []string{"id", "email", "name", "card_number"} {
		if word, ok := me[member].(string); ok && word != "" && !strings.HasPrefix(word, "{") { // somebody who is called as a placeholder
			words = append(words, word)
		}
	}
	for name, text := range bundle {
		for _, word := range words {
			if strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
				w.t.Errorf("%s of the support bundle tells %q", name, word)
			}
		}
	}
}

// A support bundle tells how the gateway stands, and of nobody; without a gateway it says so.
func TestSupportBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(nil)
	p := w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
	id := w.asks(alice, meeting("boardroom", 2, 10))
	w.until(id, waits)
	bundle := w.bundle()
	for name, holds := range map[string]string{
		"versions.json": "github.com/caddyserver/caddy/v2", "doctor.json": "\"findings\"", "config.json": "{env.ONES_CLIENT_SECRET}", "status.json": "feed_lag_ms",
		"metrics.txt": "ones_integration_up", "bookings-waiting.json": id, "bookings-failed.json": "bookings", "goroutines.txt": "internal/booking.(*Service).Run",
		"log.jsonl": `"msg":"signed in"`,
	} {
		if !strings.Contains(bundle[name], holds) {
			t.Errorf("%s does not hold %s: %.2000s", name, holds, bundle[name])
		}
	}
	if missing := bundle["missing.txt"]; missing != "" {
		t.Errorf("missing: %s", missing)
	}
	w.anonymous(bundle, v.call(http.MethodGet, "/.ones/me", nil).json(t))
	if !strings.Contains(bundle["log.jsonl"], `"user":"user-`) || !strings.Contains(bundle["bookings-waiting.json"], `"id": "user-`) {
		t.Errorf("people have no other names: %s", bundle["bookings-waiting.json"])
	}

	p.stop()
	bundle = w.bundle()
	if !strings.Contains(bundle["config.json"], `"handler": "ones_auth"`) || !strings.Contains(bundle["missing.txt"], "no gateway answers") || bundle["status.json"] != "" {
		t.Errorf("without a gateway: %v", bundle)
	}
	if !strings.Contains(bundle["what the command says"], "Not in it: status.json: no gateway answers") {
		t.Errorf("the command says %s", bundle["what the command says"])
	}
	w.anonymous(bundle, map[string]any{})
}
