package entra_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/onesgate/onesgate/internal/entra"
)

// The modules of the OpenID Foundation's conformance suite for relying parties
// that concern the code flow, by their names
// (https://openid.net/certification/connect_rp_testing/), against a provider of
// our own. Those of logout are tested in signin. Left out, since nothing of ours
// does what they test:
//
//	-userinfo-*, -scope-userinfo-claims,     we don't ask the userinfo endpoint: with the
//	-userinfo-bearer-*, -userinfo-signed     three scopes it knows no more than the ID token
//	-client-secret-basic                     we send client_secret_post, see below
//	-discovery-webfinger-*                   the issuer is configured
//	-dynamic-registration                    the app is registered by its operator
//	-request-uri-*                           we send plain requests
//	-aggregated-claims,                      claims come from the ID token alone; what stands
//	-distributed-claims                      elsewhere is not fetched
//	-formpost-*                              answers come in the query
//	-3rd-party-init-login                    a sign-in begins here
//	c_hash, session management,              of flows and endpoints that we don't use
//	mtls endpoint aliases

// TestConformance: sign-ins. Every sign-in that is not refused gives out Alice.
func TestConformance(t *testing.T) {
	claim := func(name string, value any) func(*testing.T, *idp) {
		return func(_ *testing.T, p *idp) { p.claims = p.with(map[string]any{name: value}) }
	}
	for _, tt := range []struct {
		module   string
		provider func(*testing.T, *idp)
		refused  string // part of the error; "": it is a sign-in
	}{
		{"oidcc-client-test", func(*testing.T, *idp) {}, ""},
		{"oidcc-client-test-idtoken-sig-rs256", func(_ *testing.T, p *idp) { p.signer.Algorithm = jose.RS256 }, ""},
		{"oidcc-client-test-kid-absent-single-jwks", func(_ *testing.T, p *idp) { p.signer.Key = firstKey() }, ""},
		// The suite lets a relying party refuse this one; each key is tried here.
		{"oidcc-client-test-kid-absent-multiple-jwks", func(_ *testing.T, p *idp) {
			p.signer.Key = firstKey()
			p.published = append([]jose.JSONWebKey{{Key: &secondKey().PublicKey, KeyID: "second"}}, p.published...)
		}, ""},
		{"oidcc-client-test-discovery-openid-config", func(t *testing.T, p *idp) {
			p.document["token_endpoint"] = p.URL + "/elsewhere/token" // where it is, only discovery tells
			p.Config.Handler.(*http.ServeMux).HandleFunc("POST /elsewhere/token", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, http.StatusOK, p.answer(t))
			})
			p.token = http.NotFound
		}, ""},
		{"oidcc-client-test-discovery-jwks-uri-keys", func(_ *testing.T, p *idp) {
			p.document["jwks_uri"] = p.URL + "/elsewhere/keys"
			published := p.published
			p.Config.Handler.(*http.ServeMux).HandleFunc("GET /elsewhere/keys", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: published})
			})
			p.keys = http.NotFound
		}, ""},
		{"unparseable key in the set", func(t *testing.T, p *idp) {
			good, err := json.Marshal(p.published[0])
			if err != nil {
				t.Fatal(err)
			}
			p.keys = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed448","x":"AA"},{"kty":"RSA"},{"kty":"RSA","n":"!","e":"AQAB"},"x",null,%s]}`, good)
			}
		}, ""},
		{"at_hash valid", claim("at_hash", hashOf("access-1")), ""},

		{"at_hash invalid", claim("at_hash", hashOf("access-2")), "at_hash"},
		{"oidcc-client-test-invalid-iss", claim("iss", "https://login.microsoftonline.com/other/v2.0"), "issued by a different provider"},
		{"oidcc-client-test-missing-sub", claim("sub", nil), "sub is missing"},
		{"oidcc-client-test-invalid-aud", claim("aud", "another-app"), "audience"},
		{"oidcc-client-test-missing-aud", claim("aud", nil), "audience"},
		{"azp invalid", claim("azp", "another-app"), "issued to the app"},
		{"oidcc-client-test-missing-iat", claim("iat", nil), "iat is missing"},
		{"oidcc-client-test-nonce-invalid", claim("nonce", "nonce-2"), "nonce"},
		{"oidcc-client-test-idtoken-sig-none", func(t *testing.T, p *idp) {
			p.rawIDToken = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + payload(t, p.claims) + "."
		}, "algorithm"},
		{"oidcc-client-test-invalid-sig-rs256", func(t *testing.T, p *idp) {
			parts := strings.Split(sign(t, p.signer, p.claims), ".")
			parts[1] = payload(t, p.with(map[string]any{"sub": "mallory"}))
			p.rawIDToken = strings.Join(parts, ".")
		}, "none of the issuer's keys"},
		// With the published key as the secret (RFC 8725, section 2.1).
		{"oidcc-client-test-invalid-sig-hs256", func(t *testing.T, p *idp) {
			public, err := p.published[0].MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			p.signer = jose.SigningKey{Algorithm: jose.HS256, Key: public}
		}, "algorithm"},
		{"oidcc-client-test-invalid-sig-es256", func(t *testing.T, p *idp) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			p.published = append(p.published, jose.JSONWebKey{Key: &key.PublicKey, KeyID: "ec", Use: "sig"})
			p.signer = jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "ec"}}
		}, "algorithm"},
	} {
		t.Run(tt.module, func(t *testing.T) {
			p := newIDP(t)
			tt.provider(t, p)
			tokens, claims, err := p.client(t, &clock{at: noon}).Exchange(t.Context(), "code-1", attempt)
			if tt.refused == "" {
				if err != nil || claims.Subject != "alice-sub" || tokens.Access != "access-1" {
					t.Errorf("Exchange = %+v, %v, want alice-sub", claims, err)
				}
				return
			}
			if !errors.Is(err, entra.ErrIDToken) || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("Exchange = %v, want ErrIDToken with %q in it", err, tt.refused)
			}
			if tokens.Access != "" || tokens.Refresh != "" || claims.Subject != "" || claims.All != nil {
				t.Errorf("Exchange gave out %+v and tokens all the same", claims)
			}
		})
	}
}

func TestConformanceDiscovery(t *testing.T) {
	t.Run("oidcc-client-test-discovery-issuer-mismatch", func(t *testing.T) {
		for _, issuer := range []string{"/", "?", "x"} {
			p := newIDP(t)
			p.document["issuer"] = p.issuer + issuer
			c := p.client(t, &clock{at: noon})
			_, authErr := c.AuthCodeURL(t.Context(), attempt)
			_, _, err := c.Exchange(t.Context(), "code-1", attempt)
			for _, err := range []error{authErr, err} {
				var e *entra.Error
				if !errors.As(err, &e) || e.Class != entra.Operator || !strings.Contains(err.Error(), "speaks for") {
					t.Errorf("%s: %v, want an *entra.Error of the operator's", issuer, err)
				}
			}
			if got := len(p.received().forms); got != 0 {
				t.Errorf("%s: a secret went to an issuer that is not the configured one", issuer)
			}
		}
	})
}

func TestConformanceKeyRotation(t *testing.T) {
	signIn := func(t *testing.T, c *entra.Client, want bool) {
		t.Helper()
		_, _, err := c.Exchange(t.Context(), "code-1", attempt)
		if (err == nil) != want || err != nil && !errors.Is(err, entra.ErrIDToken) {
			t.Errorf("Exchange = %v, want success: %t", err, want)
		}
	}
	t.Run("oidcc-client-test-signing-key-rotation", func(t *testing.T) {
		p := newIDP(t)
		now := &clock{at: noon}
		provider := p.provider(t, now)
		c := entra.NewClient(p.config(), provider, quiet)
		signIn(t, c, true)
		// Announced beside the old one, in use later, and the old one withdrawn.
		p.published = append(p.published, jose.JSONWebKey{Key: &secondKey().PublicKey, KeyID: "second", Use: "sig"})
		now.advance(time.Hour)
		p.claims = p.with(map[string]any{"exp": now.now().Add(4 * time.Hour).Unix()})
		signIn(t, c, true)
		provider.Settle()
		p.sign(secondKey(), "second")
		signIn(t, c, true)
		if got := p.received().keys; got != 2 {
			t.Errorf("the keys were fetched %d times, want 2: none because of the new one", got)
		}
		p.publish(secondKey(), "second")
		now.advance(time.Hour)
		signIn(t, c, true)
		provider.Settle()
		p.sign(firstKey(), "first")
		signIn(t, c, false)
	})
	t.Run("oidcc-client-test-signing-key-rotation-just-before-signing", func(t *testing.T) {
		p := newIDP(t)
		now := &clock{at: noon}
		c := p.client(t, now)
		signIn(t, c, true)
		now.advance(time.Second)
		p.sign(secondKey(), "second")
		p.publish(secondKey(), "second")
		signIn(t, c, true)
		signIn(t, c, true)
		if got := p.received().keys; got != 2 {
			t.Errorf("the keys were fetched %d times, want 2", got)
		}
	})
}

// TestConformanceClientAuthentication: how the app shows who it is at the token
// endpoint (OpenID Connect Core, section 9).
func TestConformanceClientAuthentication(t *testing.T) {
	certificate, _ := certify(t, t.TempDir(), firstKey(), noon.Add(time.Hour))
	for module, tt := range map[string]struct {
		credential entra.Credential
		has, not   []string
	}{
		"client_secret_post": {entra.Credential{Secret: secret}, []string{"client_id", "client_secret"}, []string{"client_assertion"}},
		"private_key_jwt":    {certificate, []string{"client_id", "client_assertion", "client_assertion_type"}, []string{"client_secret"}},
	} {
		t.Run(module, func(t *testing.T) {
			p := newIDP(t)
			c, _ := p.app(t, &clock{at: noon}, tt.credential)
			if _, _, err := c.Exchange(t.Context(), "code-1", attempt); err != nil {
				t.Fatal(err)
			}
			got := p.received()
			if len(got.forms) != 1 || got.headers[0].Get("Authorization") != "" {
				t.Errorf("%d requests, Authorization %q, want one and none", len(got.forms), got.headers[0].Get("Authorization"))
			}
			for _, name := range tt.has {
				if len(got.forms[0][name]) != 1 {
					t.Errorf("%s is there %d times, want once", name, len(got.forms[0][name]))
				}
			}
			for _, name := range tt.not {
				if got.forms[0].Has(name) {
					t.Errorf("%s is there", name)
				}
			}
		})
	}
}

// TestConformanceRefresh: who somebody is, is settled at sign-in. An ID token that
// comes with a refresh is not looked at, so whatever is wrong with it, nothing of
// it gets out: what Refresh returns is the same as without one.
func TestConformanceRefresh(t *testing.T) {
	claim := func(name string, value any) func(*testing.T, *idp) {
		return func(_ *testing.T, p *idp) { p.claims = p.with(map[string]any{name: value}) }
	}
	want := entra.Tokens{Access: "access-1", Refresh: "refresh-1", Expires: noon.Add(time.Hour), Scopes: []string{"Calendars.ReadWrite.Shared"}}
	for module, provider := range map[string]func(*testing.T, *idp){
		"oidcc-client-test-refresh-token": func(*testing.T, *idp) {},
		"without an ID token": func(t *testing.T, p *idp) {
			a := p.answer(t)
			delete(a, "id_token")
			p.token = refuse(http.StatusOK, a)
		},
		"oidcc-client-test-refresh-token-invalid-issuer": claim("iss", "https://idp.example.com"),
		"oidcc-client-test-refresh-token-invalid-sub":    claim("sub", "mallory"),
		"refresh-token, invalid aud":                     claim("aud", "another-app"),
		"refresh-token, invalid azp":                     claim("azp", "another-app"),
		"with junk":                                      func(_ *testing.T, p *idp) { p.rawIDToken = "junk" },
	} {
		t.Run(module, func(t *testing.T) {
			p := newIDP(t)
			provider(t, p)
			got, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			if diff := cmp.Diff(got, want); err != nil || diff != "" {
				t.Errorf("Refresh: %v (-got +want):\n%s", err, diff)
			}
			if n := p.received().keys; n != 0 {
				t.Errorf("the keys were fetched %d times to look at an ID token", n)
			}
		})
	}
}

// hashOf is the at_hash of an access token (OpenID Connect Core, 3.1.3.6).
func hashOf(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// payload is the middle part of a token.
func payload(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}
