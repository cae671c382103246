package identity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	tenant    = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10"
	roomUsers = "7b0f6d2e-1111-4222-8333-0123456789ab"
)

// overage is how Microsoft says that somebody's groups don't fit into a token.
var overage = map[string]any{
	"_claim_names":   map[string]any{"groups": "src1"},
	"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.microsoft.com/v1.0/users/x/getMemberObjects"}},
}

func and(claims map[string]any, more ...any) map[string]any {
	all := map[string]any{}
	for k, v := range claims {
		all[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	return all
}

// TestX8AllowGroups: only who is in an allowed group, or has an allowed role, enters.
func TestX8AllowGroups(t *testing.T) {
	groups := []string{roomUsers, "Room users"}
	roles := []string{"role:Booker"}
	tests := []struct {
		name   string
		allow  []string
		claims map[string]any
		want   Reason // "": enters
	}{
		{"everybody by default", nil, map[string]any{}, ""},
		{"everybody by default, with too many groups", nil, overage, ""},
		{"by id", groups, map[string]any{"groups": []any{"other", roomUsers}}, ""},
		{"by id in capitals", groups, map[string]any{"groups": []any{strings.ToUpper(roomUsers)}}, ""},
		{"by name", groups, map[string]any{"groups": []any{"Room users"}}, ""},
		{"a single group that is no list", groups, map[string]any{"groups": "Room users"}, ""},
		{"by a role", roles, map[string]any{"roles": []any{"Booker"}}, ""},
		{"by a role, where groups may enter too", slices.Concat(groups, roles), map[string]any{"roles": []any{"Booker"}}, ""},
		{"by a role, with too many groups", slices.Concat(groups, roles), and(overage, "roles", []any{"Booker"}), ""},

		{"no claims", groups, map[string]any{}, NotInGroup},
		{"another group", groups, map[string]any{"groups": []any{"other"}}, NotInGroup},
		{"a name in another case: groups may differ by it", groups, map[string]any{"groups": []any{"room users"}}, NotInGroup},
		{"a part of a name", groups, map[string]any{"groups": []any{"Room users 2", "Room", ""}}, NotInGroup},
		{"a group that is named like a role", roles, map[string]any{"groups": []any{"role:Booker", "Booker"}}, NotInGroup},
		{"a role that is named like a group", groups, map[string]any{"roles": []any{"Room users", roomUsers}}, NotInGroup},
		{"a role of another case", roles, map[string]any{"roles": []any{"booker"}}, NotInGroup},
		{"groups that are no text", groups, map[string]any{"groups": map[string]any{"Room users": true}}, NotInGroup},
		{"too many groups", groups, overage, GroupsNotTold},
		{"too many groups, in a short answer", groups, map[string]any{"hasgroups": true}, GroupsNotTold},
		{"too many groups, as text", groups, map[string]any{"hasgroups": "true"}, GroupsNotTold},
		{"too many groups and another role", slices.Concat(groups, roles), and(overage, "roles", []any{"Other"}), GroupsNotTold},
		{"too many groups, where only roles decide", roles, overage, NotInGroup},
		{"hasgroups that denies it", groups, map[string]any{"hasgroups": false}, NotInGroup},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantReason(t, Rules{Allow: tt.allow}.Admit(tt.claims), tt.want) })
	}
}

// TestX8AllowGuests: who is told to be a guest does not enter, unless guests may.
func TestX8AllowGuests(t *testing.T) {
	iss := "https://login.microsoftonline.com/" + tenant + "/v2.0"
	base := map[string]any{"tid": tenant, "iss": iss}
	tests := []struct {
		name   string
		claims map[string]any
		guest  bool
	}{
		{"the three permissions don't tell", base, false},
		{"acct of a member", and(base, "acct", 0.0), false},
		{"acct of a member, as text", and(base, "acct", "0"), false},
		{"no acct", and(base, "acct", nil), false},
		{"acct of a guest", and(base, "acct", 1.0), true},
		{"acct of a guest, as text", and(base, "acct", "1"), true},
		{"acct that nobody knows", and(base, "acct", 2.0), true},
		{"idp is the issuer", and(base, "idp", iss), false},
		{"idp is this tenant as it was called before", and(base, "idp", "https://sts.windows.net/"+strings.ToUpper(tenant)+"/"), false},
		{"idp is this tenant in China", and(base, "idp", "https://sts.chinacloudapi.cn/"+tenant+"/"), false},
		{"idp is another tenant", and(base, "idp", "https://sts.windows.net/00000000-0000-4000-8000-000000000001/"), true},
		{"idp is an account of one's own", and(base, "idp", "live.com"), true},
		{"idp names this tenant somewhere", and(base, "idp", "https://idp.evil.example/"+tenant+"/"), true},
		{"idp says otherwise than acct", and(base, "acct", 0.0, "idp", "live.com"), true},
		{"an issuer without tenants has an idp of its own", map[string]any{"iss": "https://idp.example", "idp": "local"}, false},
		{"a user name of a guest", and(base, "preferred_username", "bob_home.example#EXT#@contoso.example"), true},
		{"a upn of a guest, in small letters", and(base, "upn", "bob_home.example#ext#@contoso.example"), true},
		{"a user name of a member", and(base, "preferred_username", "ext@contoso.example"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Reason("")
			if tt.guest {
				want = Guest
			}
			wantReason(t, Rules{}.Admit(tt.claims), want)
			wantReason(t, Rules{AllowGuests: true}.Admit(tt.claims), "")
			// Whoever is in an allowed group is a guest all the same.
			wantReason(t, Rules{Allow: []string{"G"}}.Admit(and(tt.claims, "groups", []any{"G"})), want)
		})
	}
	wantReason(t, Rules{}.AdmitAddress("bob_home.example#EXT#@contoso.example"), Guest)
	wantReason(t, Rules{AllowGuests: true}.AdmitAddress("bob_home.example#EXT#@contoso.example"), "")
	wantReason(t, Rules{}.AdmitAddress("ext@contoso.example"), "")
	wantReason(t, Rules{}.AdmitAddress(""), "")
}

// TestX4NothingIsDecidedByAddresses: who enters, and who somebody is, never
// hangs on a name or an address, whatever these look like.
func TestX4NothingIsDecidedByAddresses(t *testing.T) {
	rules := Rules{Allow: []string{"contoso.example", "alice@contoso.example", "role:alice@contoso.example"}}
	for _, address := range []string{"alice@contoso.example", "a@evil.example@contoso.example", "alice@contoso.example.evil.example", "ALICE@CONTOSO.EXAMPLE"} {
		claims := map[string]any{"tid": tenant, "oid": roomUsers}
		for _, name := range []string{"email", "preferred_username", "upn", "unique_name", "name", "verified_primary_email"} {
			claims[name] = address
		}
		wantReason(t, rules.Admit(claims), NotInGroup)
		if p := (Rules{}).Person(tenant, "sub", claims); p.ID != tenant+".sub" || p.Mailbox != "" {
			t.Errorf("%s: id %q, found by %q", address, p.ID, p.Mailbox)
		}
	}
}

func wantReason(t *testing.T, got *Refusal, want Reason) {
	t.Helper()
	switch {
	case want == "" && got != nil:
		t.Errorf("refused: %v", got)
	case want != "" && got == nil:
		t.Errorf("admitted, want %s", want)
	case want != "" && (got.Reason != want || got.Error() == ""):
		t.Errorf("refused as %s: %v; want %s", got.Reason, got, want)
	}
}

func TestGroupName(t *testing.T) {
	for in, want := range map[string]string{
		strings.ToUpper(roomUsers):             roomUsers,
		"Room Users":                           "Room Users",
		"{" + strings.ToUpper(roomUsers) + "}": "{" + strings.ToUpper(roomUsers) + "}",
		"":                                     "",
	} {
		if got := GroupName(in); got != want {
			t.Errorf("GroupName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMapsGroups(t *testing.T) {
	for _, tt := range []struct {
		mapped map[string]string
		want   bool
	}{
		{nil, false},
		{map[string]string{"role:Booker": "b"}, false},
		{map[string]string{"role:Booker": "b", roomUsers: "r"}, true},
	} {
		if got := (Rules{MapGroups: tt.mapped}).MapsGroups(); got != tt.want {
			t.Errorf("MapsGroups of %v = %v", tt.mapped, got)
		}
	}
}

// What is kept of app roles is bounded; mapping sees all of them.
func TestRolesAreBounded(t *testing.T) {
	var many []any
	for i := range 40 {
		many = append(many, fmt.Sprintf("Role.%d", i))
	}
	many = append([]any{strings.Repeat("x", 129), "with\nline", " outer ", "", 7}, many...)
	p := Rules{MapGroups: map[string]string{"role:Role.39": "last"}}.Person("t", "s", map[string]any{"roles": many})
	if len(p.Roles) != 32 || p.Roles[0] != "Role.0" || p.Roles[31] != "Role.31" {
		t.Errorf("kept %d roles: %q", len(p.Roles), p.Roles)
	}
	if !slices.Equal(p.Groups, []string{"last"}) {
		t.Errorf("groups %q", p.Groups)
	}
}
