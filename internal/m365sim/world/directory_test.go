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

// A room's own account is its mailbox's, and nobody else's room is any more of it.
func TestAccountOfARoom(t *testing.T) {
	cfg := Sample()
	rooms := cfg.Tenants[0].Rooms
	rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	w, err := New(cfg, "http://localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	tenant := w.Tenant("contoso.example")
	room := tenant.Person("Boardroom@contoso.example")
	if room == nil || room != tenant.Person(rooms[0].Account) || room.ID != rooms[0].Account || room.Name != "Boardroom" {
		t.Fatalf("the room's account: %+v", room)
	}
	if all := tenant.Accounts(); len(all) != len(tenant.People)+1 || all[len(all)-1] != room {
		t.Errorf("%d accounts, want the %d people and the room", len(all), len(tenant.People))
	}
	for address, want := range map[string]Role{"boardroom@contoso.example": RoleDelegateAll, "harbour@contoso.example": RoleLimitedRead, "peak@contoso.example": RoleFreeBusy} {
		if got := tenant.RoleOn(room, address); got != want {
			t.Errorf("the boardroom on %s: %s, want %s", address, got, want)
		}
	}
	if got := tenant.RoleOn(tenant.Person("bob@contoso.example"), "boardroom@contoso.example"); got != RoleLimitedRead {
		t.Errorf("bob on the boardroom: %s", got)
	}
	if tenant.Person("harbour@contoso.example") != nil {
		t.Error("a room without an account can sign in")
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
