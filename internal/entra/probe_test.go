package entra_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/entra"
)

// Each credential is shown once, by itself, whatever became of the others; what is known
// of them stays as it was.
func TestProbe(t *testing.T) {
	p := newIDP(t)
	p.token = func(w http.ResponseWriter, r *http.Request) {
		if r.PostForm.Get("client_secret") == secret {
			writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "app-1"})
			return
		}
		refuse(http.StatusUnauthorized, map[string]any{
			"error": "invalid_client", "error_codes": []int{7000215}, "error_description": "AADSTS7000215: " + r.PostForm.Get("client_secret"),
		})(w, r)
	}
	cfg := p.config()
	const id = "5ec2e710-0000-4000-8000-000000000001"
	cfg.Credentials = []entra.Credential{{Secret: id}, {Secret: secret}, {TokenFile: t.TempDir() + "/token"}}
	client := entra.NewClient(cfg, p.provider(t, &clock{at: noon}), quiet)

	tried, err := client.Probe(t.Context(), "https://graph.example")
	if err != nil || len(tried) != 3 {
		t.Fatalf("%v, %v", tried, err)
	}
	var refused *entra.Error
	if !errors.As(tried[0].Err, &refused) || !slices.Contains(refused.Codes, 7000215) || !tried[0].LooksLikeID || strings.Contains(tried[0].Err.Error(), id) {
		t.Errorf("a secret's id: %+v", tried[0])
	}
	if tried[1].Err != nil || tried[1].LooksLikeID || tried[1].Name != "client_secret 2" {
		t.Errorf("a good secret: %+v", tried[1])
	}
	if !entra.NothingSent(tried[2].Err) || entra.NothingSent(tried[0].Err) || tried[2].Problem == nil {
		t.Errorf("a missing file: %+v", tried[2])
	}
	forms := p.received().forms
	if len(forms) != 2 {
		t.Fatalf("%d requests were sent, want 2", len(forms))
	}
	for _, f := range forms {
		if f.Get("grant_type") != "client_credentials" || f.Get("scope") != "https://graph.example/.default" || f.Get("client_id") != clientID {
			t.Errorf("sent: %v", f)
		}
	}
	for _, c := range client.Credentials() {
		if !c.Refused.IsZero() || !c.Worked.IsZero() {
			t.Errorf("%s is known to be refused or to work now: %+v", c.Name, c)
		}
	}
	if s := client.Silence(); s.Cause != nil {
		t.Errorf("Silence: %+v", s)
	}
}

// What is known of the issuer is not believed, and not changed.
func TestDiscover(t *testing.T) {
	p := newIDP(t)
	client := p.client(t, &clock{at: noon})
	if client.Issuer() != p.issuer {
		t.Errorf("Issuer: %s", client.Issuer())
	}
	for n := 1; n <= 2; n++ {
		if issuer, err := client.Discover(t.Context()); err != nil || issuer != p.issuer || p.received().discovery != n {
			t.Errorf("Discover: %s, %v after %d requests, want %d", issuer, err, p.received().discovery, n)
		}
	}
	p.document["issuer"] = "https://login.example/other"
	var refused *entra.Error
	if _, err := client.Discover(t.Context()); !errors.As(err, &refused) || refused.Class != entra.Operator || refused.Err == nil {
		t.Errorf("another issuer: %v", err)
	}
	if _, err := client.Probe(t.Context(), "https://graph.example"); !errors.As(err, &refused) {
		t.Errorf("Probe: %v", err)
	}
	p.document["issuer"] = p.issuer
	if _, err := client.AuthCodeURL(t.Context(), attempt); err != nil {
		t.Errorf("the failure is remembered: %v", err)
	}
}
