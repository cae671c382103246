package world

import "testing"

func TestRoleOn(t *testing.T) {
	cfg := Sample()
	cfg.Tenants[0].People[0].Shares = []Share{
		{With: "Engineering", Role: RoleRead}, {With: "dan@contoso.example", Role: RoleWrite}, {With: "carol@contoso.example", Role: RoleNone},
	}
	w, err := New(cfg, "http://localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	tenant := w.Tenant("CONTOSO.example")
	for _, tt := range []struct {
		who, whose string
		want       Role
	}{
		{"alice@contoso.example", "Alice@contoso.example", RoleDelegateAll},
		{"bob@contoso.example", "alice@contoso.example", RoleRead},
		{"dan@contoso.example", "alice@contoso.example", RoleWrite},
		{"carol@contoso.example", "alice@contoso.example", RoleNone},
		{"eve@contoso.example", "alice@contoso.example", RoleFreeBusy},
		{"eve@contoso.example", "boardroom@contoso.example", RoleLimitedRead},
		{"eve@contoso.example", "peak@contoso.example", RoleFreeBusy},
	} {
		if got := tenant.RoleOn(tenant.Person(tt.who), tt.whose); got != tt.want {
			t.Errorf("%s on %s: %s, want %s", tt.who, tt.whose, got, tt.want)
		}
	}
	if got := tenant.Mailbox("eve@contoso.example"); got != "" {
		t.Errorf("eve has the mailbox %s", got)
	}
	if got := tenant.Mailbox("0B1EC700-0000-4000-8000-00000000A11C"); got != "alice@contoso.example" {
		t.Errorf("by object id: %q", got)
	}
}

func TestCloudOf(t *testing.T) {
	w := &World{Base: "http://localhost:1"}
	for path, want := range map[string]struct{ cloud, root, rest string }{
		"/contoso.example/v2.0/x":       {"microsoft", "http://localhost:1", "/contoso.example/v2.0/x"},
		"/legacy/contoso.example/x":     {"microsoft", "http://localhost:1/legacy", "/contoso.example/x"},
		"/21vianet/t/oauth2/v2.0/token": {"21vianet", "http://localhost:1/21vianet", "/t/oauth2/v2.0/token"},
		"/21vianet/v1.0/me":             {"21vianet", "http://localhost:1/21vianet", "/v1.0/me"},
		"/legacy/21vianet/t/discovery":  {"21vianet", "http://localhost:1/legacy/21vianet", "/t/discovery"},
		"/us_gov/t":                     {"us_gov", "http://localhost:1/us_gov", "/t"},
		"/us_gov_dod/v1.0/me":           {"us_gov_dod", "http://localhost:1/us_gov_dod", "/v1.0/me"},
		"/21vianets/t":                  {"microsoft", "http://localhost:1", "/21vianets/t"},
		"/":                             {"microsoft", "http://localhost:1", "/"},
	} {
		c, root, rest := w.CloudOf(path)
		if c.Name != want.cloud || root != want.root || rest != want.rest {
			t.Errorf("%s: %s, %s, %s", path, c.Name, root, rest)
		}
	}
	if a, b := w.Cloud("us_gov"), w.Cloud("us_gov_dod"); a.Login != b.Login || a.Graph == b.Graph {
		t.Errorf("the government's clouds share an authority and no Graph: %+v, %+v", a, b)
	}
}
