package login

import (
	"testing"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Whatever is sent as an assertion, it is refused, and nothing breaks.
func FuzzAssertion(f *testing.F) {
	k := clientKeys()[0]
	f.Add("x.y.z")
	f.Add(`{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","signature":""},{"protected":"eyJhbGciOiJSUzI1NiJ9","signature":""}]}`)
	f.Add("eyJhbGciOiJSUzI1NiIsIng1dCI6MX0.eyJpc3MiOiJhIiwiZXhwIjoiMSJ9.AA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	r := &rig{cfg: config()}
	r.cfg.Tenants[0].Apps[0].Certificates = []string{k.pem}
	w, err := world.New(r.cfg, "http://localhost:1")
	if err != nil {
		f.Fatal(err)
	}
	l := &Login{world: w}
	c := &front.Call{Now: begin, Cloud: w.Cloud(""), Root: w.Base}
	f.Fuzz(func(t *testing.T, text string) {
		at := authority{name: "contoso.example", tenant: &w.Tenants[0]}
		if refusal := l.checkAssertion(c, at, &w.Tenants[0].Apps[0], text); refusal == nil || refusal.oauth != "invalid_client" {
			t.Errorf("%q: %+v", text, refusal)
		}
	})
}

// Whatever is asked for, scopes come out that are known, each once, or a refusal.
func FuzzScopes(f *testing.F) {
	for _, seed := range []string{"openid", "http://localhost:1/Calendars.ReadWrite.Shared OPENID", "https://x/y", "a/b", "İ", "\x00", ".default", "openid openid", "///"} {
		f.Add(seed)
	}
	a := &world.App{ClientID: "x", Scopes: []string{"openid", "Calendars.ReadWrite.Shared"}}
	f.Fuzz(func(t *testing.T, text string) {
		r, refusal := scopeReader{a, []string{"http://localhost:1"}, 70011}.read(text)
		if refusal != nil && !r.asksNothing() {
			t.Errorf("%q: refused, and asks for %v", text, r)
		}
		seen := map[string]bool{}
		for _, s := range r.Named {
			if seen[s] {
				t.Errorf("%q: %s twice", text, s)
			}
			seen[s] = true
			again, refusal := scopeReader{a, nil, 70011}.read(s)
			if refusal != nil || len(again.Named) != 1 || again.Named[0] != s {
				t.Errorf("%q: %q is not how it is written", text, s)
			}
		}
		granted, lacking := r.resolve(a.Scopes, a)
		for _, s := range granted {
			if s != a.Scopes[0] && s != a.Scopes[1] {
				t.Errorf("%q: granted %v", text, granted)
			}
		}
		if len(granted) == 0 && len(lacking) == 0 && !r.asksNothing() {
			t.Errorf("%q: nothing comes of it", text)
		}
	})
}
