package caddymodule

import (
	"strings"
	"testing"
)

// What discovery and the key set have said survives a reload, which starts the
// new configuration before it stops the old one, and nothing is left after the last.
func TestProvidersSurviveAReload(t *testing.T) {
	const issuer = "https://idp.reload.example"
	held := func() int {
		n, _ := providers.References(issuer)
		return n
	}
	before, after := &settings{http: microsoftClient()}, &settings{http: microsoftClient()}
	running, err := before.provider(issuer)
	if err != nil {
		t.Fatal(err)
	}
	reloaded, err := after.provider(issuer)
	if err != nil || reloaded != running {
		t.Errorf("after a reload: %p, %v, want the provider that runs, %p", reloaded, err, running)
	}
	for _, s := range []*settings{before, before, after} { // twice is once
		if err := s.release(); err != nil {
			t.Error(err)
		}
	}
	if n := held(); n != 0 {
		t.Errorf("%d references are left", n)
	}
}

// A configuration that is refused, or only validated, holds on to nothing.
func TestValidateHoldsNoProvider(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	good := with("", "", "", "", "", "")
	bad := strings.Replace(good, "rooms {", "rooms {\n room boardroom other@contoso.example", 1) // there twice
	for text, valid := range map[string]bool{good: true, bad: false} {
		if err := load(t, text); (err == nil) != valid {
			t.Errorf("load = %v, want success: %t", err, valid)
		}
		providers.Range(func(issuer, _ any) bool {
			t.Errorf("the provider of %v is still held", issuer)
			return true
		})
	}
}
