package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
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

func TestCaddyfileErrors(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"an unknown word", with("publik_url x", "", "", "", "", ""), `ones doesn't know "publik_url"; it knows public_url, store, keyset, integration, at Caddyfile:8`},
		{"public_url twice", with("public_url https://x.example", "", "", "", "", ""), "public_url is there twice, at Caddyfile:8"},
		{"keyset without a file", with("keyset", "", "", "", "", ""), "wrong argument count or unexpected line ending after 'keyset', at Caddyfile:8"},
		{"a store that isn't one", with("store mysql x", "", "", "", "", ""), "ones.stores.mysql"},
		{"a word of the store", with("store badger /x {\n size 1\n}", "", "", "", "", ""), `store badger doesn't know "size"; it knows min_free`},
		{"the integration twice", with("integration contoso\n", "", "", "", "", ""), "integration contoso is there twice"},
		{"a word of the server", with("", "secret x", "", "", "", ""), `server doesn't know "secret"; it knows operator, tenant_id, client_id, client_secret, client_certificate, federated_token_file, scopes, cae`},
		{"the server twice", strings.Replace(with("", "", "", "", "", ""), "rooms {", "server {\n client_id x\n}\nrooms {", 1), "server is there twice; put both into one block"},
		{"the session twice", with("", "", "", "", "session {\n idle 1h\n}\nsession {\n max 2h\n}", ""), "session is there twice"},
		{"the same secret twice", with("", "client_secret s3cret-marker 2027-05-01", "", "", "", ""), "this client_secret is there twice"},
		{"a secret of three words", with("", "client_secret a 2027-05-01 b", "", "", "", ""), "wrong argument count"},
		{"scopes twice", with("", "scopes profile\nscopes email", "", "", "", ""), "scopes is there twice; write all on one line"},
		{"scopes without one", with("", "scopes", "", "", "", ""), "wrong argument count"},
		{"challenges understood, or not", with("", "cae off", "", "", "", ""), "wrong argument count"},
		{"challenges understood twice", with("", "cae\ncae", "", "", "", ""), "cae is there twice"},
		{"an empty secret", with("", `client_secret ""`, "", "", "", ""), "client_secret is empty"},
		{"a certificate without its key", with("", "client_certificate /x.crt", "", "", "", ""), "wrong argument count"},
		{"two token files on a line", with("", "federated_token_file /a /b", "", "", "", ""), "wrong argument count"},
		{"a block where none belongs", with("", "operator microsoft {\n issuer x\n}", "", "", "", ""), "operator microsoft takes no block"},
		{"a word of the custom operator", with("", "operator custom {\n tenant x\n}", "", "", "", ""), `operator custom doesn't know "tenant"; it knows issuer, graph`},
		{"a word of the room", with("", "", "seats 4", "", "", ""), `room doesn't know "seats"`},
		{"a capacity that is no number", with("", "", "capacity many", "", "", ""), `capacity "many" is not a number; write 12`},
		{"a duration that is none", with("", "", "max_duration long", "", "", ""), `max_duration "long" is not a duration; write 10m, 4h or 60d`},
		{"a name without quotes", with("", "", "name Board room", "", "", ""), "wrong argument count"},
		{"a word of the users", with("", "", "", "button x", "", ""), `users doesn't know "button"`},
		{"nobody allowed", with("", "", "", "allow_groups", "", ""), "wrong argument count"},
		{"groups allowed twice", with("", "", "", "allow_groups A\nallow_groups B", "", ""), "allow_groups is there twice; write all on one line"},
		{"guests allowed, or not", with("", "", "", "allow_guests no", "", ""), "wrong argument count"},
		{"guests allowed twice", with("", "", "", "allow_guests\nallow_guests", "", ""), "allow_guests is there twice"},
		{"a format of cards that isn't one", with("", "", "", "card_number pager\ncard_format octal", "", ""), `card_format "octal" is not known; write as_is, decimal or hex`},
		{"a format of cards that goes on", with("", "", "", "card_number pager\ncard_format hex to decimal to hex", "", ""), `can't have "to" there`},
		{"a format of cards twice", with("", "", "", "card_number pager\ncard_format hex\ncard_format hex", "", ""), "card_format is there twice"},
		{"a time that is none to be forgotten after", with("", "", "", "forget_after soon", "", ""), `forget_after "soon" is not a time of at least 30 days; write 365d, at Caddyfile:`},
		{"a time too short to be forgotten after", with("", "", "", "forget_after 29d", "", ""), `forget_after "29d" is not a time of at least 30 days; write 365d, at Caddyfile:`},
		{"forget_after twice", with("", "", "", "forget_after 30d\nforget_after 60d", "", ""), "forget_after is there twice"},
		{"forget_after without a word", with("", "", "", "forget_after", "", ""), "wrong argument count"},
		{"a format of cards without a word", with("", "", "", "card_number pager\ncard_format", "", ""), "wrong argument count"},
		{"a group mapped twice", with("", "", "", "map_group A b\nmap_group A c", "", ""), `map_group "A" is there twice`},
		{"both modes", with("", "", "", "", "require\noptional", ""), "ones_auth is require already; it can't be optional too"},
		{"a matcher", strings.Replace(with("", "", "", "", "", ""), "ones_auth {", "ones_auth /app/* {", 1), "ones_auth takes no matcher"},
		{"admins twice", with("", "", "", "", "admins contoso/role:a\nadmins contoso/role:b", ""), "admins is there twice; write all on one line"},
		{"nobody as admins", with("", "", "", "", "admins", ""), "wrong argument count"},
		{"public twice", with("", "", "", "", "public /a/*\npublic /b/*", ""), "public is there twice; write all on one line"},
		{"a word of the session", with("", "", "", "", "session {\n life 1h\n}", ""), `session doesn't know "life"; it knows idle, max`},
		{"a word of the sign-in", with("", "", "", "", "icon x", ""), `ones_auth doesn't know "icon"; it knows require, optional, auto_sign_in, public, admins, session, assertion_audience, logo, color`},
		{"a logo twice", with("", "", "", "", "logo a.png\nlogo b.png", ""), "logo is there twice"},
		{"a colour that the Caddyfile takes for a comment", with("", "", "", "", "color #0b5fff", ""), `color has no value; write it in quotes, "#0b5fff"`},
		{"a word of the bookings", with("", "", "", "", "", "token x"), `ones_bookings doesn't know "token"; it knows service_token, graph_passthrough`},
		{"a token without a token", with("", "", "", "", "", "service_token"), "wrong argument count"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := adapt(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "Caddyfile:") {
				t.Errorf("got  %v\nwant an error with file and line and: %s", err, tt.want)
			}
		})
	}
}

// load provisions a configuration as "validate" does: nothing is opened.
func load(t *testing.T, text string) error {
	t.Helper()
	config, err := adapt(text)
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		t.Fatal(err)
	}
	return caddy.Validate(&cfg)
}

func TestProvisionErrors(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("ONES_EMPTY", "")
	t.Setenv("ONES_TOKEN", strings.Repeat("x", 32))
	t.Setenv("ONES_DAY", "1d")
	full := with("", "", "", "", "", "service_token {env.ONES_TOKEN}")
	if err := load(t, full); err != nil {
		t.Fatalf("what the others are changed from: %v", err)
	}
	replace := func(old, now string) string {
		if !strings.Contains(full, old) {
			t.Fatalf("%q is not in the configuration", old)
		}
		return strings.Replace(full, old, now, 1)
	}
	if err := load(t, replace("11111111-2222-3333-4444-555555555555", "contoso.onmicrosoft.com")); err != nil {
		t.Errorf("a tenant by its domain: %v", err)
	}
	tests := []struct {
		name, text, want string
	}{
		{"no public URL", replace("public_url https://ones.example", ""), "public_url is missing"},
		{"a public URL with a path", replace("https://ones.example", "https://ones.example/x"), "must have no path"},
		{"http on a public host", replace("public_url https://", "public_url http://"), "must be https"},
		{"an unset variable", replace("client_secret s3cret-marker", "client_secret {env.ONES_UNSET}"), "integration contoso: client_secret: the environment variable ONES_UNSET is not set"},
		{"an empty variable", replace("client_id 99999999-8888-7777-6666-555555555555", "client_id {env.ONES_EMPTY}"), "the environment variable ONES_EMPTY is not set"},
		{"a file that isn't there", replace("client_secret s3cret-marker", "client_secret {file./nowhere/secret}"), "the file /nowhere/secret is missing"},
		{"a tenant that is none", replace("11111111-2222-3333-4444-555555555555", "contoso"), "tenant_id: \"contoso\" is neither the id of a tenant (a GUID) nor one of its domains"},
		{"the tenant of everybody", replace("11111111-2222-3333-4444-555555555555", "common"), "tenant_id: \"common\" stands for every tenant there is"},
		{"a custom tenant by name", replace("tenant_id 11111111-2222-3333-4444-555555555555", "tenant_id contoso.com\n operator custom {\n issuer https://idp.example\n graph https://graph.example\n}"), "has a dot in it"},
		{"a client by name", replace("client_id 99999999-8888-7777-6666-555555555555", "client_id my-app"), "client_id \"my-app\" is not a GUID"},
		{"an operator that isn't one", replace("client_id 99999999-8888-7777-6666-555555555555", "client_id 99999999-8888-7777-6666-555555555555\n operator google"), "operator \"google\" is not known; write microsoft, 21vianet"},
		{"a custom operator without an issuer", replace("client_id 99999999-8888-7777-6666-555555555555", "client_id 99999999-8888-7777-6666-555555555555\n operator custom"), "issuer is missing"},
		{"a custom issuer without TLS", replace("client_id 99999999-8888-7777-6666-555555555555", "client_id 99999999-8888-7777-6666-555555555555\n operator custom {\n issuer http://idp.example\n graph https://graph.example\n}"), "https"},
		{"a scope of another cloud", replace("client_secret s3cret-marker", "client_secret s3cret-marker\n scopes https://graph.microsoft.us/User.Read"), "does not belong to this cloud's Microsoft Graph, https://graph.microsoft.com"},
		{"a scope twice", replace("client_secret s3cret-marker", "client_secret s3cret-marker\n scopes profile Profile"), "scope \"Profile\" is there twice"},
		{"everything for a scope", replace("client_secret s3cret-marker", "client_secret s3cret-marker\n scopes .default"), "can't be mixed"},
		{"a client by name in China", replace("client_id 99999999-8888-7777-6666-555555555555", "client_id my-app\n operator 21vianet"), "https://portal.azure.cn shows it"},
		{"no credential", replace("client_secret s3cret-marker", ""), "a credential is missing; write client_secret, client_certificate or federated_token_file"},
		{"a certificate that isn't there", replace("client_secret s3cret-marker", "client_certificate /nowhere/x.crt /nowhere/x.key"), "client_certificate: open /nowhere/x.crt: no such file"},
		{"a certificate that is none", replace("client_secret s3cret-marker", "client_certificate caddyfile_test.go caddyfile_test.go"), "client_certificate: tls: failed to find any PEM data"},
		{"a token file that isn't there", replace("client_secret s3cret-marker", "federated_token_file {env.ONES_UNSET}"), "federated_token_file: the environment variable ONES_UNSET is not set"},
		{"a second secret that is not set", replace("client_secret s3cret-marker", "client_secret s3cret-marker\n client_secret {env.ONES_UNSET}"), "client_secret: the environment variable ONES_UNSET is not set"},
		{"a date that is none", replace("client_secret s3cret-marker", "client_secret s3cret-marker tomorrow"), "\"tomorrow\" is not a date; write when it expires as 2027-05-01"},
		{"an integration's name", replace("integration contoso", "integration Contoso!"), "small letters, digits and dashes"},
		{"a room's address", replace("boardroom@contoso.example", "boardroom"), "is not the address of a mailbox"},
		{"a room twice", replace("rooms {", "rooms {\n room boardroom other@contoso.example"), "room boardroom is there twice"},
		{"two rooms with one mailbox", replace("rooms {", "rooms {\n room other BoardRoom@contoso.example"), "rooms other and boardroom have the same mailbox"},
		{"a public URL with the usual port", replace("https://ones.example", "https://ones.example:443"), "must leave out the usual port"},
		{"a public URL that browsers send otherwise", replace("public_url https://ones.example", "public_url https://räume.example"), "in ASCII"},
		{"a second issuer without a tenant", replace("integration contoso {", "integration other {\n server {\n operator custom {\n issuer https://idp.example\n graph https://graph.example\n }\n client_id x\n client_secret y\n }\n }\n integration contoso {"), "operator custom needs tenant_id"},
		{"all that is missing at once", replace("client_secret s3cret-marker", "client_secret {env.ONES_UNSET}\n operator custom {\n issuer https://idp.example\n graph https://graph.example\n }"), "client_secret: the environment variable ONES_UNSET"},
		{"a time zone", replace("room boardroom boardroom@contoso.example {", "room boardroom boardroom@contoso.example {\n time_zone Hong_Kong"), "write an IANA name such as Asia/Hong_Kong"},
		{"an allowed group without a name", replace("users {", "users {\n allow_groups A \"\""), `allow_groups: "" names no group and no role`},
		{"an allowed group twice", replace("users {", "users {\n allow_groups 7b0f6d2e-1111-4222-8333-0123456789ab 7B0F6D2E-1111-4222-8333-0123456789AB"), `allow_groups: "7B0F6D2E-1111-4222-8333-0123456789AB" is there twice`},
		{"a default group without a name", replace("users {", "users {\n default_groups staff \"\""), `default_groups: "" names no group of ONES`},
		{"a default group twice", replace("users {", "users {\n default_groups staff staff"), `default_groups: "staff" is there twice`},
		{"an allowed role without a name", replace("users {", "users {\n allow_groups role:"), `allow_groups: "role:" names no group and no role; write the group's object id, or role:NAME`},
		{"a role without a name", replace("users {", "users {\n map_group role: staff"), `map_group: "role:" names no group and no role`},
		{"a group mapped to nothing", replace("users {", "users {\n map_group A \"\""), `map_group "A" leads to no group of ONES`},
		{"a group id mapped twice", replace("users {", "users {\n map_group 7b0f6d2e-1111-4222-8333-0123456789ab a\n map_group 7B0F6D2E-1111-4222-8333-0123456789AB b"), "is there twice"},
		{"an allowed group that isn't set", replace("users {", "users {\n allow_groups {env.ONES_UNSET}"), "allow_groups: the environment variable ONES_UNSET is not set"},
		{"a mapped group that isn't set", replace("users {", "users {\n map_group A {env.ONES_UNSET}"), "map_group A: the environment variable ONES_UNSET is not set"},
		{"a public path that isn't set", replace("ones_auth {", "ones_auth {\n public {env.ONES_UNSET}"), "public: the environment variable ONES_UNSET is not set"},
		{"a time to be forgotten after that isn't set", replace("users {", "users {\n forget_after {env.ONES_UNSET}"), "forget_after: the environment variable ONES_UNSET is not set"},
		{"a time to be forgotten after that is set too short", replace("users {", "users {\n forget_after {env.ONES_DAY}"), `integration contoso: forget_after "1d" is not a time of at least 30 days`},
		{"a format of no cards", replace("users {", "users {\n card_format hex"), "card_format without card_number"},
		{"what becomes of a refusal", replace("room boardroom boardroom@contoso.example {", "room boardroom boardroom@contoso.example {\n on_decline forget"), "write cancel or keep"},
		{"the keyset inside the store", replace("public_url", "store badger /srv/ones\n keyset /srv/ones/keyset.json\n public_url"), "lies inside the store"},
		{"a size", replace("public_url", "store badger /srv/ones {\n min_free lots\n}\n public_url"), "is not a size; write 512MiB"},
		{"a public path that opens everything", replace("ones_auth {", "ones_auth {\n public /*"), "would open everything"},
		{"a public path twice", replace("ones_auth {", "ones_auth {\n public /a/* /b /a/*"), `public path "/a/*" is there twice`},
		{"an admin of no integration", replace("ones_auth {", "ones_auth {\n admins alice@contoso.example"), `ones_auth: admins: "alice@contoso.example" must be INTEGRATION/USER-ID`},
		{"an admin of an unknown integration", replace("ones_auth {", "ones_auth {\n admins contosa/alice@contoso.example"), "names the integration contosa, which is not configured"},
		{"an admin who isn't set", replace("ones_auth {", "ones_auth {\n admins {env.ONES_UNSET}"), "admins: the environment variable ONES_UNSET is not set"},
		{"a session shorter than its idle time", replace("ones_auth {", "ones_auth {\n session {\n idle 2h\n max 1h\n}"), "max no less than idle"},
		{"a short service token", replace("{env.ONES_TOKEN}", "short ones"), "needs at least 32"},
		{"a service token twice", replace("service_token {env.ONES_TOKEN}", "service_token {env.ONES_TOKEN} ones\n service_token {env.ONES_TOKEN} other"), "the service token other is the same as ones"},
		{"no ones option", "ones.example {\n ones_auth\n}", "needs the global option ones"},
		{"Graph for nobody", replace("service_token {env.ONES_TOKEN}", "graph_passthrough"), "graph_passthrough is for callers with a service_token only"},
		{"bookings for nobody", strings.Replace(strings.Replace(full, "service_token {env.ONES_TOKEN}", "", 1), "ones_auth {\n\t\t\n\t}", "", 1), "neither a service_token nor ones_auth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := load(t, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant an error with: %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret-marker") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
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
		if r, err := c.resolve(); err == nil {
			t.Errorf("%+v is taken for %v", c, r)
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
		if _, _, cfg, err := s.resolve(); err != nil || cfg.CAE != cae {
			t.Errorf("with %t: %t, %v", cae, cfg.CAE, err)
		}
	}
}

// X9: what lets nobody in must not come to let everybody in.
func TestAllowGroupsOfNobody(t *testing.T) {
	_, err := (&Users{AllowGroups: []string{}}).rules("contoso")
	if err == nil || !strings.Contains(err.Error(), "allow_groups names nobody") {
		t.Errorf("an empty list: %v", err)
	}
	got, err := (&Users{AllowGroups: []string{"7B0F6D2E-1111-4222-8333-0123456789AB", "role:Booker"}, AllowGuests: true}).rules("contoso")
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

// The whole language, and what becomes of it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, want, ok := strings.Cut(string(golden), "----------\n")
			if !ok {
				t.Fatal("no line of dashes between Caddyfile and JSON")
			}
			config, err := adapt(text)
			if err != nil {
				t.Fatal(err)
			}
			var got any
			if err := json.Unmarshal([]byte(config), &got); err != nil {
				t.Fatal(err)
			}
			pretty, err := json.MarshalIndent(got, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(text+"----------\n"+string(pretty)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if string(pretty) != strings.TrimSpace(want) {
				t.Errorf("got:\n%s\n(UPDATE_GOLDEN=1 writes it)", pretty)
			}
		})
	}
}
