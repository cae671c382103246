package caddymodule

import (
	"context"
	"net/http/httptest"
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
