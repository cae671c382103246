package caddymodule

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// adapt turns a Caddyfile into JSON.
func adapt(text string) (string, error) {
	config, _, err := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}.Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	return string(config), err
}

// with puts lines into the place of a full, valid configuration.
func with(ones, server, room, users, auth, bookings string) string {
	return `{
	admin off
	log {
		output discard
	}
	ones {
		public_url https://ones.example
		` + ones + `
		integration contoso {
			server {
				tenant_id 11111111-2222-3333-4444-555555555555
				client_id 99999999-8888-7777-6666-555555555555
				client_secret s3cret-marker
				` + server + `
			}
			rooms {
				room boardroom boardroom@contoso.example {
					` + room + `
				}
			}
			users {
				` + users + `
			}
		}
	}
}
ones.example {
	ones_auth {
		` + auth + `
	}
	handle_path /api/m365/* {
		ones_bookings {
			` + bookings + `
		}
	}
}
`
}

// load provisions a configuration as "validate" does: nothing is opened.
func load(t *testing.T, text string) error {
	t.Helper()
	config, err := adapt(text)
	if err != nil {
		return err
	}
	var cfg caddy.Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		t.Fatal(err)
	}
	return caddy.Validate(&cfg)
}

// In JSON too, a credential is one thing.
func TestCredentialsInJSON(t *testing.T) {
	for _, c := range []Credential{
		{},
		{Secret: "x", Certificate: "/x.crt", Key: "/x.key"},
		{Secret: "x", TokenFile: "/token"},
		{Secret: "x", Key: "/x.key"},
		{Certificate: "/x.crt"},
		{Certificate: "/x.crt", Key: "/x.key", Expires: "2027-05-01"},
		{TokenFile: "/token", Expires: "2027-05-01"},
		{Expires: "2027-05-01"},
	} {
		if err := c.complete(); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// Challenges are asked for only where the operator has said so.
func TestCAE(t *testing.T) {
	s := Server{
		TenantID: "11111111-2222-3333-4444-555555555555", ClientID: "99999999-8888-7777-6666-555555555555",
		Credentials: []Credential{{Secret: "x"}},
	}
	for _, cae := range []bool{false, true} {
		s.CAE = cae
		if _, _, cfg, err := s.config(); err != nil || cfg.CAE != cae {
			t.Errorf("with %t: %t, %v", cae, cfg.CAE, err)
		}
	}
}

// What a placeholder stands for is doubted when it is known, and what is written only once.
func TestLateDoubts(t *testing.T) {
	written := Server{Scopes: []string{"profile", "Calendar.Read", "{env.ONES_SCOPE}"}}
	if got := literal(written).lateDoubts(written); len(got) != 0 {
		t.Errorf("of what the file shows: %q", got)
	}
	late := Server{Scopes: []string{"profile", "Calendar.Read", "Place.Reed.All"}}
	if got := late.lateDoubts(written); len(got) != 1 || !strings.Contains(got[0], "did you mean Place.Read.All?") {
		t.Errorf("of what is known: %q", got)
	}
}

// X9: what lets nobody in must not come to let everybody in.
func TestAllowGroupsOfNobody(t *testing.T) {
	_, err := settled(&Users{AllowGroups: []string{}})
	if err == nil || !strings.Contains(err.Error(), "allow_groups names nobody") {
		t.Errorf("an empty list: %v", err)
	}
	got, err := (&Users{AllowGroups: []string{"7B0F6D2E-1111-4222-8333-0123456789AB", "role:Booker"}, AllowGuests: true}).rules()
	if err != nil || strings.Join(got.Allow, " ") != "7b0f6d2e-1111-4222-8333-0123456789ab role:Booker" || !got.AllowGuests {
		t.Errorf("rules = %+v, %v", got, err)
	}
}

// Secrets stay placeholders in the configuration that the admin API shows.
func TestSecretsStayPlaceholders(t *testing.T) {
	t.Setenv("ONES_SECRET_OF_TEST", "resolved-secret")
	config, err := adapt(strings.Replace(with("", "", "", "", "", ""), "client_secret s3cret-marker", "client_secret {env.ONES_SECRET_OF_TEST} 2027-05-01", 1))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(config, "{env.ONES_SECRET_OF_TEST}") || strings.Contains(config, "resolved-secret") {
		t.Error(config)
	}
}

func TestProductionExampleIsFormatted(t *testing.T) {
	text, err := os.ReadFile("../Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	if string(caddyfile.Format(text)) != string(text) {
		t.Error("the Caddyfile is not as caddy fmt would have it: make fmt")
	}
}
