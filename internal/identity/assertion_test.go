package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

var alice = &Person{
	ID: "tid.sub", TenantID: "tid", Integration: "contoso", Email: "alice@contoso.example", Name: "陳 Alice",
	Groups: []string{"staff", "a,b"}, DefaultGroups: []string{"staff"}, CardNumber: "4711",
}

func newTestSigner(t *testing.T) *Signer {
	t.Helper()
	ring, err := NewRing(time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return NewSigner(func() *Ring { return ring }, "https://ones.example", "https://ones.example")
}

func TestHeaders(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newTestSigner(t)
	hs, err := s.Headers(alice, "connected", now)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"X-Ones-User-Id": {"forged", "twice"}}
	hs.Set(h)
	claims := verify(t, s, h.Get(HeaderAssertion))
	said := map[string]bool{HeaderAssertion: true}
	for _, want := range []struct{ header, value, claim, means string }{ // in the header, and what that means
		{HeaderUserID, "tid.sub", "sub", "tid.sub"},
		{HeaderUserEmail, "alice@contoso.example", "email", "alice@contoso.example"},
		{HeaderUserName, "%E9%99%B3 Alice", "name", "陳 Alice"},
		{HeaderUserGroups, "staff,a%2Cb", "groups", "[staff a,b]"},
		{HeaderCardNumber, "4711", "card_number", "4711"},
		{HeaderTenantID, "tid", "tid", "tid"},
		{HeaderIntegration, "contoso", "integration", "contoso"},
		{HeaderConnection, "connected", "connection", "connected"},
		{"", "", "default_groups", "[staff]"},
		{"", "", "iss", "https://ones.example"},
		{"", "", "aud", "https://ones.example"},
		{"", "", "iat", fmt.Sprint(float64(now.Unix()))},
		{"", "", "exp", fmt.Sprint(float64(now.Add(5 * time.Minute).Unix()))},
		{"", "", "jti", fmt.Sprint(claims["jti"])},
	} {
		if said[want.header], said[want.claim] = true, true; fmt.Sprint(claims[want.claim]) != want.means {
			t.Errorf("claim %s = %v, want %s", want.claim, claims[want.claim], want.means)
		}
		if got := h[want.header]; want.header != "" && (len(got) != 1 || got[0] != want.value) {
			t.Errorf("%s = %q, want %q once", want.header, got, want.value)
		}
	}
	for name := range h {
		if !said[name] {
			t.Errorf("%s is not in the table above, with the claim that says the same", name)
		}
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not canonical: the upstream would not get it", name)
		}
	}
	for name := range claims {
		if !said[name] {
			t.Errorf("the claim %s is not in the table above, with the header that says the same", name)
		}
	}
	if claims["jti"] == "" || claims["jti"] == verify(t, s, mustHeaders(t, s, alice).Get(HeaderAssertion))["jti"] {
		t.Errorf("jti %v is not unique", claims["jti"])
	}
	if _, there := claims["groups_omitted"]; there {
		t.Error("groups_omitted though none were")
	}
}

func TestHeadersStayUnder2KB(t *testing.T) {
	p := *alice
	p.Name = strings.Repeat("陳", 40) // as a longer one would be cut for, once no group is left
	p.Groups = nil
	for i := range 500 {
		p.Groups = append(p.Groups, fmt.Sprintf("group-%03d", i))
	}
	s := newTestSigner(t)
	hs := mustHeaders(t, s, &p)
	if hs.size() > maxHeaders {
		t.Errorf("headers weigh %d bytes, more than %d", hs.size(), maxHeaders)
	}
	claims := verify(t, s, hs.Get(HeaderAssertion))
	if claims["groups_omitted"] != true {
		t.Error("groups_omitted is not told")
	}
	kept := strings.FieldsFunc(hs.Get(HeaderUserGroups), func(r rune) bool { return r == ',' })
	if len(kept) == 0 || kept[0] != "group-000" || len(kept) >= 500 || len(kept) != len(claims["groups"].([]any)) {
		t.Errorf("%d groups in the header, %d in the assertion; want the same first ones", len(kept), len(claims["groups"].([]any)))
	}
}

func TestLongNamesStayUnder2KB(t *testing.T) {
	p := *alice
	p.Name, p.Email = Clean(strings.Repeat("陳", 85)), strings.Repeat("a", 200)+"@contoso.example"
	p.DefaultGroups = []string{strings.Repeat("g", 200)}
	s := newTestSigner(t)
	hs := mustHeaders(t, s, &p)
	if hs.size() > maxHeaders {
		t.Errorf("headers weigh %d bytes, more than %d", hs.size(), maxHeaders)
	}
	if name := verify(t, s, hs.Get(HeaderAssertion))["name"].(string); !strings.HasPrefix(p.Name, name) || name == "" || escape(name) != hs.Get(HeaderUserName) {
		t.Errorf("name %q; want the beginning of it, the same in header and assertion", name)
	}
}

func mustHeaders(t *testing.T, s *Signer, p *Person) Headers {
	t.Helper()
	hs, err := s.Headers(p, "connected", time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return hs
}

func verify(t *testing.T, s *Signer, token string) map[string]any {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	keys := s.Keys()
	found := keys.Key(jws.Signatures[0].Protected.KeyID)
	if len(found) != 1 {
		t.Fatalf("kid %q is not in the key set", jws.Signatures[0].Protected.KeyID)
	}
	if typ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; typ != "ones-assertion+jwt" {
		t.Errorf("typ %v", typ)
	}
	payload, err := jws.Verify(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestHeadersAreSharable(t *testing.T) {
	hs := mustHeaders(t, newTestSigner(t), alice)
	one, other := http.Header{}, http.Header{}
	hs.Set(one)
	hs.Set(other)
	one.Add(HeaderUserName, "appended by something behind us")
	if got := other[HeaderUserName]; !slices.Equal(got, []string{"%E9%99%B3 Alice"}) {
		t.Errorf("another request sees %q", got)
	}
}

// claimOf names the claim that says the same as a header.
var claimOf = map[string]string{
	HeaderUserID: "sub", HeaderUserEmail: "email", HeaderUserName: "name", HeaderUserGroups: "groups", HeaderCardNumber: "card_number",
	HeaderTenantID: "tid", HeaderIntegration: "integration", HeaderConnection: "connection", HeaderAssertion: "all of them",
}

// TestAnyPersonFits: whatever a token tells, the headers stay under their budget,
// hold no byte that the contract doesn't name, and say what the assertion says.
func TestAnyPersonFits(t *testing.T) {
	s := newTestSigner(t)
	anything := rapid.OneOf(rapid.String(), rapid.StringN(0, 400, -1), rapid.StringOfN(rapid.RuneFrom([]rune("陳%,\"\\<&\x00\n 😀a\u2028\u202e")), 0, 300, -1))
	claim := rapid.OneOf(rapid.Map(anything, func(s string) any { return s }), rapid.Map(rapid.SliceOfN(anything, 0, 20), func(l []string) any {
		var v []any
		for _, s := range l {
			v = append(v, s)
		}
		return v
	}))
	name := rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,62}`)
	group := rapid.StringMatching(`[^ \pC]([^\pC]{0,60}[^ \pC])?`)
	subject := rapid.StringMatching(`[A-Za-z0-9_-]{1,255}`)
	rapid.Check(t, func(r *rapid.T) {
		claims := map[string]any{}
		for _, key := range []string{"name", "email", "preferred_username", "pager", "roles", "groups"} {
			if rapid.Bool().Draw(r, "has "+key) {
				claims[key] = claim.Draw(r, key)
			}
		}
		rules := Rules{Integration: name.Draw(r, "integration"), CardClaim: "pager", DefaultGroups: rapid.SliceOfN(group, 0, 60).Draw(r, "default groups"), MapGroups: map[string]string{}}
		for _, g := range list(claims["groups"]) {
			rules.MapGroups[g] = group.Draw(r, "mapped")
		}
		p := rules.Person(rapid.SampledFrom([]string{tenant, rules.Integration}).Draw(r, "tenant"), subject.Draw(r, "subject"), claims)
		hs, err := s.Headers(&p, "needs_admin_consent", epoch)
		if err != nil {
			r.Fatal(err)
		}
		if hs.size() > maxHeaders {
			r.Fatalf("%d bytes", hs.size())
		}
		told := verify(t, s, hs.Get(HeaderAssertion))
		if told["sub"] != p.ID {
			r.Fatalf("sub is %v, want %s", told["sub"], p.ID)
		}
		for _, h := range hs {
			if claimOf[h.name] == "" {
				r.Fatalf("which claim says the same as %s is not known here", h.name)
			}
		}
		for header, claim := range claimOf {
			if header == HeaderAssertion || header == HeaderUserGroups {
				continue
			}
			if got, want := decodeHeader(r, hs.Get(header)), told[claim]; got != want && (got != "" || want != nil) {
				r.Fatalf("%s says %q, the assertion %q", header, got, want)
			}
		}
		var groups []any
		if joined := hs.Get(HeaderUserGroups); joined != "" {
			for g := range strings.SplitSeq(joined, ",") {
				groups = append(groups, decodeHeader(r, g))
			}
		}
		if !slices.Equal(groups, told["groups"].([]any)) {
			r.Fatalf("groups %q, the assertion has %q", groups, told["groups"])
		}
		if omitted := len(groups) < len(p.Groups); omitted != (told["groups_omitted"] == true) {
			r.Fatalf("%d of %d groups, groups_omitted %v", len(groups), len(p.Groups), told["groups_omitted"])
		}
		// What is shorter must not be something else.
		if e := told["email"]; e != nil && e != p.Email {
			r.Fatalf("email %q of %q", e, p.Email)
		}
		if c := told["card_number"]; c != nil && c != p.CardNumber {
			r.Fatalf("card %q of %q", c, p.CardNumber)
		}
	})
}

// decodeHeader is what ONES makes of a value: printable ASCII without "," and
// with "%" only before two digits.
func decodeHeader(t interface{ Fatalf(string, ...any) }, value string) string {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' || c == ',' }) || strings.TrimSpace(value) != value {
		t.Fatalf("%q holds what a header must not hold", value)
	}
	decoded, err := url.PathUnescape(value)
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	return decoded
}

// Whichever field of somebody is as long as Clean lets it be, and costs most: something
// is left out for it.
func TestEachFieldFits(t *testing.T) {
	heaviest := Clean(strings.Repeat("%", 1000))
	signer := newTestSigner(t)
	for i := range reflect.TypeFor[Person]().NumField() {
		p := *alice
		p.ID = PersonID("tid", strings.Repeat("s", 255))
		field := reflect.ValueOf(&p).Elem().Field(i)
		name := reflect.TypeFor[Person]().Field(i).Name
		switch {
		case name == "ID" || name == "TenantID" || name == "Integration": // whoever configures it or vouches for it has bounded them
			continue
		case field.Kind() == reflect.String:
			field.SetString(heaviest)
		case field.Kind() == reflect.Slice:
			field.Set(reflect.ValueOf(slices.Repeat([]string{heaviest}, 32)))
		}
		hs, err := signer.Headers(&p, "needs_admin_consent", epoch)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if hs.size() > maxHeaders {
			t.Errorf("%s: the headers weigh %d bytes, more than %d", name, hs.size(), maxHeaders)
		}
	}
}

// An id that leaves no room gets no headers at all, rather than too many.
func TestHeadersOfAnIDThatIsTooLong(t *testing.T) {
	tid := strings.Repeat("t", 300)
	p := Person{ID: PersonID(tid, strings.Repeat("%", 255)), TenantID: tid, Integration: strings.Repeat("x", 63), Name: "Alice"}
	if hs, err := newTestSigner(t).Headers(&p, "connected", epoch); err == nil {
		t.Errorf("%d bytes", hs.size())
	}
}
