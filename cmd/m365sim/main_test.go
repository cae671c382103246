package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A line calls back with each write.
type line func(string)

func (l line) Write(p []byte) (int, error) {
	l(string(p))
	return len(p), nil
}

func TestServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, ended := make(chan string, 1), make(chan error, 1)
	state := filepath.Join(t.TempDir(), "state.json")
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-state", state}, line(func(s string) { ready <- s }), io.Discard)
	}()
	var said string
	select {
	case said = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(said, "\n")
	base, ok := strings.CutPrefix(first, "m365sim ready: ")
	if !ok {
		t.Fatalf("it says %q", said)
	}
	app := world.Sample().Tenants[0].Apps[0]
	for _, want := range []string{app.ClientID, app.Secrets[0].Value, app.RedirectURIs[0], base + "/v1.0", base + "/" + world.Sample().Tenants[0].ID + "/v2.0"} {
		if !strings.Contains(rest, want) {
			t.Errorf("it does not tell %s: %s", want, rest)
		}
	}
	res, err := http.Get(base + "/contoso.example/v2.0/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("discovery: %d", res.StatusCode)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ends with: %v", err)
	}
	if _, err := os.Stat(state); err != nil {
		t.Errorf("the state: %v", err)
	}
}

func TestBaseOf(t *testing.T) {
	for ip, want := range map[string]string{
		"127.0.0.1": "http://localhost:81", "::1": "http://localhost:81", "127.0.0.2": "http://127.0.0.2:81",
	} {
		if got := baseOf(&net.TCPAddr{IP: net.ParseIP(ip), Port: 81}); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	broken := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(broken, []byte("{\n\"colour\": 1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"every interface":      {[]string{"-addr", ":8081"}, "not on loopback"},
		"another interface":    {[]string{"-addr", "192.0.2.1:8081"}, "not on loopback"},
		"no port":              {[]string{"-addr", "127.0.0.1"}, "127.0.0.1:8081"},
		"a busy port":          {[]string{"-addr", busy.Addr().String()}, "in use by another program"},
		"a missing file":       {[]string{"-config", broken + ".not"}, "-config"},
		"a wrong file":         {[]string{"-config", broken}, "colour"},
		"a word":               {[]string{"serve"}, `"serve"`},
		"an unknown flag":      {[]string{"-port", "1"}, "wrong usage"},
		"a base URL's path":    {[]string{"-addr", "127.0.0.1:0", "-base-url", "http://localhost/x"}, "base URL"},
		"an unwritable state":  {[]string{"-addr", "127.0.0.1:0", "-state", filepath.Join(broken, "x")}, "state"},
		"help is not an error": {[]string{"-help"}, ""},
	} {
		var out bytes.Buffer
		err := run(t.Context(), tt.args, &out, io.Discard)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want something about %q", name, err, tt.want)
		}
		if out.Len() > 0 {
			t.Errorf("%s: it says %q", name, out.String())
		}
	}
}
