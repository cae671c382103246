package identity

import (
	"slices"
	"strings"
	"testing"
)

func TestPerson(t *testing.T) {
	rules := Rules{Integration: "contoso", DefaultGroups: []string{"staff"}, MapGroups: map[string]string{"Facilities": "facilities", "role:Ones.Admin": "admins"}, CardClaim: "pager"}
	tests := []struct {
		name   string
		claims map[string]any
		want   Person
	}{
		{
			"the three permissions tell neither name nor mail", nil,
			Person{Groups: []string{"staff"}},
		},
		{
			"claims that the tenant has added",
			map[string]any{"oid": "0b1ec700-0000-4000-8000-00000000a11c", "name": " Alice\x00 Chan ", "email": "alice@contoso.example", "groups": []any{"Facilities", "Unmapped"}, "roles": []any{"Ones.Admin", 7}},
			Person{ObjectID: "0b1ec700-0000-4000-8000-00000000a11c", Name: "Alice Chan", Email: "alice@contoso.example", Groups: []string{"staff", "facilities", "admins"}},
		},
		{
			"a group that is named like a role",
			map[string]any{"groups": []any{"Ones.Admin", "role:Ones.Admin"}},
			Person{Groups: []string{"staff"}},
		},
		{
			"a user name that is an address",
			map[string]any{"preferred_username": "alice@contoso.example"},
			Person{Email: "alice@contoso.example", Groups: []string{"staff"}},
		},
		{
			"a user name that is none",
			map[string]any{"preferred_username": "+852 5555 0100"},
			Person{Groups: []string{"staff"}},
		},
		{"card by directory extension", map[string]any{"extn.pager": []any{"4711"}, "pager": "no"}, Person{CardNumber: "4711", Groups: []string{"staff"}}},
		{"card by mapped extension", map[string]any{"extension_00ff_pager": "4712"}, Person{CardNumber: "4712", Groups: []string{"staff"}}},
		{"card by plain claim", map[string]any{"pager": "4713"}, Person{CardNumber: "4713", Groups: []string{"staff"}}},
		{"a card that is no text", map[string]any{"pager": 4713}, Person{Groups: []string{"staff"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := rules.Person("tid", "sub", tt.claims)
			if got.ID != "tid.sub" || got.TenantID != "tid" || got.Integration != "contoso" {
				t.Errorf("who: %+v", got)
			}
			if got.ObjectID != tt.want.ObjectID || got.Name != tt.want.Name || got.Email != tt.want.Email || got.CardNumber != tt.want.CardNumber {
				t.Errorf("got name %q, email %q, card %q; want %q, %q, %q", got.Name, got.Email, got.CardNumber, tt.want.Name, tt.want.Email, tt.want.CardNumber)
			}
			if !slices.Equal(got.Groups, tt.want.Groups) {
				t.Errorf("groups %q, want %q", got.Groups, tt.want.Groups)
			}
		})
	}
	t.Run("a claim of one's own for the card", func(t *testing.T) {
		r := Rules{CardClaim: "employeeid"}
		if got := r.Person("t", "s", map[string]any{"employeeid": "E1", "pager": "no"}).CardNumber; got != "E1" {
			t.Errorf("card %q, want E1", got)
		}
	})
	t.Run("default groups are not shared", func(t *testing.T) {
		a := rules.Person("t", "a", map[string]any{"groups": "Facilities"})
		b := rules.Person("t", "b", nil)
		if len(a.Groups) != 2 || len(b.Groups) != 1 {
			t.Errorf("groups %q and %q", a.Groups, b.Groups)
		}
	})
}

// X4: an address has one "@", and is whole.
func TestX4Address(t *testing.T) {
	for address, ok := range map[string]bool{
		"alice@contoso.example":                 true,
		"alice.o'hara+rooms@contoso.example":    true,
		"陳@contoso.example":                     true,
		"bob_home#EXT#@contoso.example":         true,
		"":                                      false,
		"alice":                                 false,
		"@contoso.example":                      false,
		"alice@":                                false,
		"a@evil.example@contoso.example":        false,
		"a@evil.example,b@contoso.example":      false,
		"a@evil.example;b@contoso.example":      false,
		"Alice <alice@contoso.example>":         false,
		`"a@evil.example"@contoso.example`:      false,
		"alice @contoso.example":                false,
		"alice@contoso\u00a0.example":           false,
		"alice@contoso\x00.example":             false,
		"alice@contoso.example\r\nBcc: x":       false,
		"mailto:alice@contoso.example":          false,
		"\xff@contoso.example":                  false,
		strings.Repeat("a", 250) + "@c.example": false,
		strings.Repeat("a", 244) + "@c.example": true,
		strings.Repeat("a", 300) + "@c.example": false,
		strings.Repeat("陳", 84) + "x@c.example": false,
		"a@" + strings.Repeat("d", 251) + "陳":   false, // 254 bytes of it would be one
	} {
		want := ""
		if ok {
			want = address
		}
		if got := Address(address); got != want {
			t.Errorf("Address(%q) = %q, want %q", address, got, want)
		}
		if got := (Rules{}).Person("t", "s", map[string]any{"email": address}).Email; got != want {
			t.Errorf("the claim %q became %q", address, got)
		}
	}
}

// A number that can't be used is left out, and said to be there.
func TestCardThatIsNone(t *testing.T) {
	hex, err := ParseCardFormat("hex to decimal")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		format CardFormat
		claim  any
		want   string
		ok     bool
	}{
		{hex, "FF", "255", true},
		{hex, []any{"FF", "FE"}, "255", true},
		{hex, nil, "", true},
		{hex, " ", "", true},
		{hex, "Alice", "", false},
		{CardFormat{}, strings.Repeat("1", 300), "", false},
		{hex, strings.Repeat("1 -:", 64) + "2", "", false},
	} {
		claims := map[string]any{"pager": tt.claim}
		r := Rules{CardClaim: "pager", CardFormat: tt.format}
		if got, ok := r.Card(claims); got != tt.want || ok != tt.ok {
			t.Errorf("Card of %v = %q, %v; want %q, %v", tt.claim, got, ok, tt.want, tt.ok)
		}
		if got := r.Person("t", "s", claims).CardNumber; got != tt.want {
			t.Errorf("the person's of %v = %q, want %q", tt.claim, got, tt.want)
		}
	}
}

func TestCleanBounds(t *testing.T) {
	got := Clean(strings.Repeat("陳", 200) + "\n")
	if len(got) > 256 || !strings.HasPrefix(got, "陳") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("Clean kept %d bytes: %q", len(got), got)
	}
}
