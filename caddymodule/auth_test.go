package caddymodule

import (
	"context"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/identity"
)

func TestPlaceholders(t *testing.T) {
	repl := caddy.NewReplacer()
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
	introduce(r, &identity.Person{ID: "tid.alice", Email: "alice@contoso.example", Name: "{env.HOME}", Integration: "contoso"})
	for text, want := range map[string]string{
		"{ones.user.id} {http.auth.user.id}":                    "tid.alice tid.alice",
		"{ones.user.email} {ones.user.name} {ones.integration}": "alice@contoso.example {env.HOME} contoso", // and nothing in a name is looked up
		"{ones.user.token}":                                     "",
	} {
		if got := repl.ReplaceAll(text, ""); got != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
	}
}

// X6: where the gate can't be opened, Caddy goes on with handle_errors, whose routes may
// lead to ONES.
func TestForgedHeadersAreDeletedBeforeThereIsAGate(t *testing.T) {
	h := Auth{app: &App{started: make(chan struct{})}}
	close(h.app.started) // badly: it has no engine
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Ones-User-Id", "evil")
	if err := h.ServeHTTP(httptest.NewRecorder(), r, nil); err == nil || len(r.Header) != 0 {
		t.Errorf("%v, and the headers are %v", err, r.Header)
	}
}

// A header of the operator's that says who somebody is says nothing of those who are nobody.
func TestPlaceholdersOfNobody(t *testing.T) {
	repl := caddy.NewReplacer()
	repl.Set("http.auth.user.id", "basic")
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
	introduce(r, nil)
	for text, want := range map[string]string{
		"{ones.user.id}{ones.user.email}{ones.user.name}{ones.integration}": "",
		"{http.auth.user.id}": "basic", // as another handler has found out
		"{ones.user.token}":   "{ones.user.token}",
	} {
		if got := repl.ReplaceKnown(text, ""); got != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
	}
	repl.Delete("http.auth.user.id")
	if got := repl.ReplaceKnown("{http.auth.user.id}", ""); got != "" {
		t.Errorf("nobody is %q", got)
	}
}

// Gates of one audience show the same assertion: made for one after the other of
// them, it would be signed at each request of a session that goes to and fro.
func TestGatesOfOneAudienceShareAssertions(t *testing.T) {
	st := newStage(t)
	s := settingsOf("https://ones.example")
	a := &App{public: &url.URL{Scheme: "https", Host: "ones.example"}, settings: s, engine: st.acquire(s), signers: new(sync.Map)}
	defer st.release(a.engine, s)
	a.site = a.engine.newSite(a)
	signerOf := func(h Auth) *identity.Signer {
		h.app = a
		return h.newGate().Signer
	}
	one := signerOf(Auth{})
	if signerOf(Auth{Mode: "optional"}) != one || signerOf(Auth{audience: "https://ones.example"}) != one {
		t.Error("gates of one audience sign apart")
	}
	if signerOf(Auth{audience: "other"}) == one {
		t.Error("gates of two audiences sign alike")
	}
}
