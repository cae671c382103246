package people_test

import (
	"testing"

	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

func TestIntegrationOf(t *testing.T) {
	for name, tt := range map[string]struct {
		key, value  string
		integration string
		ok          bool
	}{
		"a person":     {"person/t.alice", `{"id":"t.alice","integration":"contoso"}`, "contoso", true},
		"struck off":   {"person/t.alice", `{"id":"t.alice","integration":"","struck":"operator"}`, "", false},
		"damaged":      {"person/t.alice", `{`, "", false},
		"an index":     {"person-email/alice@contoso.com/t.alice", "", "", false},
		"another kind": {"grant/t.alice", `{"integration":"contoso"}`, "", false},
	} {
		integration, ok := people.IntegrationOf(store.Record{Key: tt.key, Value: []byte(tt.value)})
		if integration != tt.integration || ok != tt.ok {
			t.Errorf("%s: %q, %t, want %q, %t", name, integration, ok, tt.integration, tt.ok)
		}
	}
}
