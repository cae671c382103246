package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
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
	for name, want := range map[string]string{
		HeaderUserID: "tid.sub", HeaderUserEmail: "alice@contoso.example", HeaderUserName: "%E9%99%B3 Alice",
		HeaderUserGroups: "staff,a%2Cb", HeaderCardNumber: "4711", HeaderTenantID: "tid",
		HeaderIntegration: "contoso", HeaderConnection: "connected",
	} {
		if got := h[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q once", name, got, want)
		}
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not canonical: the upstream would not get it", name)
		}
	}
	got := verify(t, s, h.Get(HeaderAssertion))
	want := map[string]any{
		"iss": "https://ones.example", "aud": "https://ones.example", "sub": "tid.sub", "email": "alice@contoso.example",
		"name": "陳 Alice", "card_number": "4711", "tid": "tid", "integration": "contoso", "connection": "connected",
		"iat": float64(now.Unix()), "exp": float64(now.Add(5 * time.Minute).Unix()),
	}
	for claim, w := range want {
		if got[claim] != w {
			t.Errorf("claim %s = %v, want %v", claim, got[claim], w)
		}
	}
	if g := fmt.Sprint(got["groups"]); g != "[staff a,b]" {
		t.Errorf("groups %s", g)
	}
	if got["jti"] == "" || got["jti"] == verify(t, s, mustHeaders(t, s, alice).Get(HeaderAssertion))["jti"] {
		t.Errorf("jti %v is not unique", got["jti"])
	}
	if _, there := got["groups_omitted"]; there {
		t.Error("groups_omitted though none were")
	}
}

func TestHeadersStayUnder2KB(t *testing.T) {
	p := *alice
	p.Name = Clean(strings.Repeat("陳", 300))
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
	kept := strings.Split(hs.Get(HeaderUserGroups), ",")
	if kept[0] != "group-000" || len(kept) >= 500 || len(kept) != len(claims["groups"].([]any)) {
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
