package entra_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/onesgate/onesgate/internal/entra"
)

func TestClaims(t *testing.T) {
	p := newIDP(t)
	p.claims = p.with(map[string]any{
		"name": "Alice", "email": "alice@contoso.com", "preferred_username": "alice@contoso.com", "sid": "sid-1",
		"login_hint": "hint-1", "groups": []any{"g1", 2, "g2"}, "roles": "Ones.Admin", "extn.pager": []any{"4711"},
	})
	tokens, claims, err := p.client(t, &clock{at: noon}).Exchange(t.Context(), "code-1", attempt)
	if err != nil {
		t.Fatal(err)
	}
	wantTokens := entra.Tokens{Access: "access-1", Refresh: "refresh-1", Expires: noon.Add(time.Hour), Scopes: []string{"Calendars.ReadWrite.Shared"}}
	if diff := cmp.Diff(tokens, wantTokens); diff != "" {
		t.Errorf("tokens (-got +want):\n%s", diff)
	}
	want := entra.Claims{TenantID: tenantID, Subject: "alice-sub", SessionID: "sid-1", LoginHint: "hint-1", All: map[string]any{
		"iss": p.issuer, "aud": clientID, "sub": "alice-sub", "tid": tenantID, "nonce": "nonce-1", "ver": "2.0",
		"iat": float64(noon.Unix()), "nbf": float64(noon.Unix()), "exp": float64(noon.Add(time.Hour).Unix()),
		"name": "Alice", "email": "alice@contoso.com", "preferred_username": "alice@contoso.com", "sid": "sid-1",
		"login_hint": "hint-1", "groups": []any{"g1", 2.0, "g2"}, "roles": "Ones.Admin", "extn.pager": []any{"4711"},
	}}
	if diff := cmp.Diff(claims, want); diff != "" {
		t.Errorf("claims (-got +want):\n%s", diff)
	}
}

// TestIDTokenAccepted: variations that a provider may choose, besides those of
// TestConformance.
func TestIDTokenAccepted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*idp)
	}{
		{"PS256", func(p *idp) { p.signer.Algorithm = jose.PS256 }},
		{"several audiences with azp", func(p *idp) {
			p.claims = p.with(map[string]any{"aud": []string{"other", clientID}, "azp": clientID})
		}},
		{"tenant in capitals", func(p *idp) { p.claims = p.with(map[string]any{"tid": strings.ToUpper(tenantID)}) }},
		{"clock of the issuer ahead", func(p *idp) {
			p.claims = p.with(map[string]any{"iat": noon.Add(4 * time.Minute).Unix(), "nbf": noon.Add(4 * time.Minute).Unix()})
		}},
		{"claim of the wrong kind that is not read here", func(p *idp) { p.claims = p.with(map[string]any{"email": 5}) }},
		{"too many groups for a token", func(p *idp) {
			p.claims = p.with(map[string]any{
				"_claim_names":   map[string]any{"groups": "src1"},
				"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.microsoft.com/x"}},
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			tt.change(p)
			if _, got, err := p.client(t, &clock{at: noon}).Exchange(t.Context(), "code-1", attempt); err != nil || got.Subject != "alice-sub" {
				t.Errorf("Exchange = %+v, %v, want alice-sub", got, err)
			}
		})
	}
}

// TestIDTokenRefused: besides what TestConformance has.
func TestIDTokenRefused(t *testing.T) {
	claim := func(name string, value any) func(*testing.T, *idp) {
		return func(_ *testing.T, p *idp) { p.claims = p.with(map[string]any{name: value}) }
	}
	for _, tt := range []struct {
		name  string
		spoil func(*testing.T, *idp)
		says  string
	}{
		{"sub that is none", claim("sub", "alice\n"), "sub is missing"},
		{"sub that is too long", claim("sub", strings.Repeat("a", 256)), "sub is missing"},
		{"iat in the future", claim("iat", noon.Add(6*time.Minute).Unix()), "in the future"},
		{"exp passed", claim("exp", noon.Add(-time.Second).Unix()), "expired"},
		{"exp missing", claim("exp", nil), "expired"},
		{"nbf in the future", claim("nbf", noon.Add(6*time.Minute).Unix()), "nbf"},
		{"nonce missing", claim("nonce", nil), "nonce"},
		{"tenant of somebody else", claim("tid", "22222222-2222-3333-4444-555555555555"), "tenant"},
		{"tenant missing", claim("tid", nil), "tenant"},
		{"several audiences, no azp", claim("aud", []string{clientID, "other"}), "azp"},
		{"azp of another app", claim("azp", "other"), "issued to the app"},
		{"signed with the client secret", func(_ *testing.T, p *idp) {
			p.signer = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(secret, 4))}
		}, "algorithm"},
		{"RS512", func(_ *testing.T, p *idp) { p.signer.Algorithm = jose.RS512 }, "algorithm"},
		{"another key under the same id", func(_ *testing.T, p *idp) { p.sign(secondKey(), "first") }, "none of the issuer's keys"},
		{"known key under an id of its own", func(_ *testing.T, p *idp) { p.sign(firstKey(), "other") }, "none of the issuer's keys"},
		{"unknown key", func(_ *testing.T, p *idp) { p.sign(secondKey(), "second") }, "none of the issuer's keys"},
		{"key for encryption", func(_ *testing.T, p *idp) {
			p.sign(secondKey(), "enc")
			p.published = append(p.published, jose.JSONWebKey{Key: &secondKey().PublicKey, KeyID: "enc", Use: "enc"})
		}, "none of the issuer's keys"},
		{"no token", func(t *testing.T, p *idp) {
			answer := p.answer(t)
			delete(answer, "id_token")
			p.token = refuse(http.StatusOK, answer)
		}, "holds none"},
		{"too long", func(_ *testing.T, p *idp) { p.rawIDToken = strings.Repeat("a", 64<<10+1) }, "longer"},
		{"no JWT", func(_ *testing.T, p *idp) { p.rawIDToken = "top-secret" }, "can't be trusted"},
		{"several signatures", func(t *testing.T, p *idp) {
			signer, err := jose.NewMultiSigner([]jose.SigningKey{p.signer, {Algorithm: jose.RS256, Key: secondKey()}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := signer.Sign([]byte(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			p.rawIDToken = signed.FullSerialize()
		}, "compact"},
		{"claim of the wrong kind", claim("login_hint", 5), "login_hint"},
		{"session id of the wrong kind", claim("sid", []string{"x"}), "sid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			tt.spoil(t, p)
			tokens, claims, err := p.client(t, &clock{at: noon}).Exchange(t.Context(), "code-1", attempt)
			if !errors.Is(err, entra.ErrIDToken) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("Exchange = %v, want ErrIDToken with %q in it", err, tt.says)
			}
			if tokens.Access != "" || claims.Subject != "" {
				t.Errorf("Exchange gave out %+v and the tokens all the same", claims)
			}
			if strings.Contains(err.Error(), "top-secret") {
				t.Errorf("Exchange = %q quotes the token", err)
			}
		})
	}
	t.Run("no nonce of ours", func(t *testing.T) {
		p := newIDP(t)
		p.claims = p.with(map[string]any{"nonce": nil})
		r := attempt
		r.Nonce = ""
		if _, _, err := p.client(t, &clock{at: noon}).Exchange(t.Context(), "code-1", r); !errors.Is(err, entra.ErrIDToken) {
			t.Errorf("Exchange = %v, want ErrIDToken", err)
		}
	})
}

// TestTenants: an issuer without tenants needs none.
func TestTenants(t *testing.T) {
	p := newIDP(t)
	p.claims = p.with(map[string]any{"tid": nil})
	cfg := p.config()
	cfg.TenantID = ""
	c := entra.NewClient(cfg, p.provider(t, &clock{at: noon}), quiet)
	if _, got, err := c.Exchange(t.Context(), "code-1", attempt); err != nil || got.TenantID != "" {
		t.Errorf("Exchange = tenant %q, %v, want none", got.TenantID, err)
	}
}

func TestKeyRotation(t *testing.T) {
	signIn := func(t *testing.T, p *idp, c *entra.Client, want bool) {
		t.Helper()
		_, _, err := c.Exchange(t.Context(), "code-1", attempt)
		if (err == nil) != want || err != nil && !errors.Is(err, entra.ErrIDToken) {
			t.Errorf("Exchange = %v, want success: %t", err, want)
		}
	}
	t.Run("keys without ids", func(t *testing.T) {
		p := newIDP(t)
		p.sign(firstKey(), "")
		p.publish(firstKey(), "")
		now := &clock{at: noon}
		c := p.client(t, now)
		signIn(t, p, c, true)
		now.advance(time.Second)
		p.sign(secondKey(), "")
		p.publish(secondKey(), "")
		signIn(t, p, c, true)
	})
	t.Run("a flood of unknown keys is bounded", func(t *testing.T) {
		p := newIDP(t)
		now := &clock{at: noon}
		c := p.client(t, now)
		signIn(t, p, c, true)
		for i := range 50 {
			now.advance(5 * time.Second)
			p.sign(secondKey(), fmt.Sprintf("unknown-%d", i))
			signIn(t, p, c, false)
		}
		if got := p.received().keys; got != 2 {
			t.Errorf("the keys were fetched %d times, want 2", got)
		}
		p.publish(secondKey(), "unknown-49")
		now.advance(5 * time.Minute)
		signIn(t, p, c, true)
	})
	t.Run("a withdrawn key is dropped after a day", func(t *testing.T) {
		p := newIDP(t)
		now := &clock{at: noon}
		c := p.client(t, now)
		signIn(t, p, c, true)
		p.publish(secondKey(), "second")
		now.advance(25 * time.Hour)
		p.claims = p.with(map[string]any{"iat": now.now().Unix(), "exp": now.now().Add(time.Hour).Unix()})
		signIn(t, p, c, false)
	})
	t.Run("a withdrawn key is dropped after an hour of use", func(t *testing.T) {
		p := newIDP(t)
		now := &clock{at: noon}
		provider := p.provider(t, now)
		c := entra.NewClient(p.config(), provider, quiet)
		signIn(t, p, c, true)
		p.publish(secondKey(), "second")
		now.advance(59 * time.Minute)
		signIn(t, p, c, true)
		now.advance(time.Minute)
		p.claims = p.with(map[string]any{"exp": now.now().Add(time.Hour).Unix()})
		signIn(t, p, c, true) // this one has them renewed
		provider.Settle()
		signIn(t, p, c, false)
	})
	t.Run("a crowd with an unknown key asks once", func(t *testing.T) {
		p := newIDP(t)
		c := p.client(t, &clock{at: noon})
		p.sign(secondKey(), "unknown")
		var crowd sync.WaitGroup
		for range 20 {
			crowd.Go(func() { signIn(t, p, c, false) })
		}
		crowd.Wait()
		if got := p.received().keys; got > 2 {
			t.Errorf("the keys were fetched %d times, want twice at most", got)
		}
	})
	t.Run("an outage leaves known keys good", func(t *testing.T) {
		p := newIDP(t)
		now := &clock{at: noon}
		c := p.client(t, now)
		signIn(t, p, c, true)
		p.keys = refuse(http.StatusServiceUnavailable, nil)
		now.advance(25 * time.Hour)
		p.claims = p.with(map[string]any{"iat": now.now().Unix(), "exp": now.now().Add(time.Hour).Unix()})
		signIn(t, p, c, true)
	})
	for name, keys := range map[string]http.HandlerFunc{
		"down":      refuse(http.StatusServiceUnavailable, nil),
		"no keys":   refuse(http.StatusOK, map[string]any{"keys": []any{}}),
		"no set":    func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") },
		"no object": refuse(http.StatusOK, map[string]any{"keys": 5}),
	} {
		t.Run("keys that can't be had: "+name, func(t *testing.T) {
			p := newIDP(t)
			p.keys = keys
			_, _, err := p.client(t, &clock{at: noon}).Exchange(t.Context(), "code-1", attempt)
			var e *entra.Error
			if !errors.As(err, &e) || e.Class != entra.Transient || errors.Is(err, entra.ErrIDToken) {
				t.Errorf("Exchange = %v, want a transient *entra.Error", err)
			}
		})
	}
}
