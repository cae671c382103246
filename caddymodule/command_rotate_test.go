package caddymodule

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/seal"
)

// A step waits for the gateways, and says which one it has waited for in vain.
func TestStepsWaitForGateways(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	c := adminServer(t, unchanged)
	asked := 0
	err := c.ready(t.Context(), io.Discard, func(g peers.Gateway) string {
		if asked++; asked == 1 || g.Name != instanceName() {
			return "is late"
		}
		return ""
	})
	if err != nil || asked != 2 {
		t.Errorf("ready = %v after %d looks, want that it looks once more", err, asked)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // shorter than it waits between two looks
	defer cancel()
	err = c.ready(ctx, io.Discard, func(peers.Gateway) string { return "has not taken key 7 yet" })
	if want := "the gateway on " + instanceName() + " has not taken key 7 yet"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("ready = %v, want %q", err, want)
	}
	ctx, cancel = context.WithCancel(t.Context())
	err = c.ready(ctx, io.Discard, func(peers.Gateway) string {
		cancel()
		return "is late"
	})
	if err == nil || strings.Contains(err.Error(), "not done") {
		t.Errorf("interrupted, ready = %v", err)
	}
}

// The admin API tells which keys there are, what they have sealed, and seals anew.
func TestAdminKeys(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	c, must, ctx := adminServer(t, unchanged), changed(t), t.Context()
	old := e.keys.Primary()
	next := must(e.keys.Add())
	if err := e.keys.Replace(must(next.Promote(next.Newest()))); err != nil {
		t.Fatal(err)
	}
	put(t, e.store, "grant/t.damaged", "{")
	stranger, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}

	var status keysStatus
	var records sealedRecords
	ask := func(method, path string, into any) {
		t.Helper()
		if err := c.ask(ctx, method, path, into); err != nil {
			t.Fatal(err)
		}
	}
	ask(http.MethodGet, keysPath, &status)
	ask(http.MethodGet, recordsPath, &records)
	if status.Keyset != st.keyset || len(status.Keys) != 2 || len(status.Gateways) != 1 || records[old] != 1 || len(records) != 1 {
		t.Errorf("keys: %+v, records %v", status, records)
	}
	records[stranger.Primary()] = 3
	var told bytes.Buffer
	if err := status.print(&told, records); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{st.keyset, "SEALS  RECORDS", "not in the keyset", instanceName()} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("no %q in:\n%s", want, &told)
		}
	}

	var done rewrapped
	ask(http.MethodPost, rewrapPath, &done)
	if done.Resealed != 1 || done.Damaged != 1 || done.Records[e.keys.Primary()] != 1 || done.Records[old] != 0 {
		t.Errorf("rewrapped: %+v", done)
	}
	ask(http.MethodPost, rewrapPath, &done)
	if done.Resealed != 0 {
		t.Errorf("rewrapped again: %+v", done)
	}
	if err := c.ask(ctx, http.MethodGet, rewrapPath, &done); err == nil || !strings.Contains(err.Error(), "takes POST") {
		t.Errorf("GET: %v", err)
	}
}

// Without a file, the keyset is that of the Caddyfile.
func TestKeysetOfTheCaddyfile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keyset.json")
	config := filepath.Join(dir, "caddy.json")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"apps":{"ones":{"keyset":"` + file + `"}}}`)
	if _, err := keys(t, "init", "--config", config); err != nil {
		t.Fatal(err)
	}
	out, err := keys(t, "add", "--config", config)
	if err != nil || strings.Count(out, "enabled") != 2 {
		t.Errorf("add: %v\n%s", err, out)
	}
	out, err = keys(t, "list", file)
	if err != nil || strings.Count(out, "enabled") != 2 {
		t.Errorf("list: %v\n%s", err, out)
	}
	write(`{"apps":{}}`)
	if _, err := keys(t, "add", "--config", config); err == nil || !strings.Contains(err.Error(), "has no ones block") {
		t.Errorf("without a ones block: %v", err)
	}
	t.Chdir(dir)
	if _, err := keys(t, "add"); err == nil || !strings.Contains(err.Error(), "say which keyset") {
		t.Errorf("without anything: %v", err)
	}
}

// A gateway that answers and isn't known to be there is not passed over.
func TestStepsWithoutGateways(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = answer(w, keysStatus{Keyset: "keyset.json"})
	}))
	defer server.Close()
	c, err := newGatewayClient(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // shorter than it waits between two looks
	defer cancel()
	if err := c.ready(ctx, io.Discard, func(peers.Gateway) string { return "" }); err == nil {
		t.Error("ready, though nobody was looked at")
	}
}
