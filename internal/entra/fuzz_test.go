package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
)

func FuzzRefusal(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_grant","suberror":"bad_token","error_codes":[50173],"error_description":"AADSTS50173: x\r\nTrace ID: y","claims":"{}"}`), "y")
	f.Add(400, []byte(`{"error":"invalid_client","error_codes":"7000222"}`), "")
	f.Add(500, []byte(`<html>`), "x")
	f.Add(429, []byte(`{"error":{"code":"x"}}`), "x")
	f.Fuzz(func(t *testing.T, status int, body []byte, secret string) {
		e := refusal(opRefresh, status, 0, body, secret)
		if e.Class > Dead {
			t.Errorf("class = %d", e.Class)
		}
		if status >= 500 && e.Class != Transient {
			t.Errorf("class of status %d = %v, want Transient", status, e.Class)
		}
		if e.Class == Dead && e.Code != "invalid_grant" {
			t.Errorf("%q ended a grant", e.Code)
		}
		text := e.Error()
		if len(text) > 8*maxText || len(e.Claims) > maxClaims || len(e.Codes) > maxCodes {
			t.Errorf("an error of %d bytes, %d of claims, %d codes", len(text), len(e.Claims), len(e.Codes))
		}
		for _, r := range text {
			if unicode.IsControl(r) {
				t.Errorf("Error() = %q has a control character", text)
			}
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add([]byte(`{"token_type":"Bearer","access_token":"a","refresh_token":"r","expires_in":3600,"scope":"x y"}`))
	f.Add([]byte(`{"token_type":"Bearer","access_token":"a","expires_in":"-1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := time.Unix(1e9, 0)
		a, err := parseTokens(body, sent)
		if err != nil {
			return
		}
		if life := a.Expires.Sub(sent); a.Access == "" || life <= 0 || life > maxTokenLife {
			t.Errorf("parseTokens(%q): access token of %d bytes for %v", body, len(a.Access), life)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"1","use":"sig","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[null,5,{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err == nil && len(keys) == 0 {
			t.Error("no keys and no error")
		}
		for _, k := range keys {
			if k.key == nil {
				t.Error("a key is nil")
			}
		}
	})
}

func FuzzDiscovery(f *testing.F) {
	const issuer, domain = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0", "https://login.microsoftonline.com/contoso.com/v2.0"
	f.Add([]byte(`{"issuer":"` + issuer + `","authorization_endpoint":"https://a/","token_endpoint":"https://b/","jwks_uri":"https://c/","end_session_endpoint":""}`))
	f.Add([]byte(`{"issuer":"` + issuer + `","authorization_endpoint":"https://a/","token_endpoint":"http://b/","jwks_uri":"https://c/"}`))
	f.Add([]byte(`{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0"}`))
	f.Add([]byte(`{"issuer":["` + issuer + `"]}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if ep, err := parseEndpoints(body, issuer); err == nil {
			if ep.Issuer != issuer {
				t.Errorf("it speaks for %q", ep.Issuer)
			}
			for _, to := range []string{ep.Authorization, ep.Token, ep.Keys} {
				if _, err := checkURL(to); err != nil {
					t.Error(err)
				}
			}
			if _, err := checkURL(ep.EndSession); ep.EndSession != "" && err != nil {
				t.Error(err)
			}
		}
		if pin, err := parseTenant(body, domain); err == nil {
			if CheckIssuer(pin.issuer) != nil || !guid.MatchString(pin.tenant) || microsoftTenant(pin.issuer) != pin.tenant {
				t.Errorf("the domain belongs to tenant %q of %q", pin.tenant, pin.issuer)
			}
		}
	})
}

// FuzzIDToken: what the issuer has not signed is never believed, and what it has
// signed only if it is about this app and this sign-in.
func FuzzIDToken(f *testing.F) {
	const issuer, nonce = "https://idp.example", "nonce-1"
	noon := time.Unix(1796126400, 0)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	p := NewProvider(issuer, http.DefaultClient, func() time.Time { return noon })
	f.Cleanup(p.Close)
	p.keys.published.last.Store(&fetched[[]signingKey]{value: &[]signingKey{{id: "first", key: &private.PublicKey}}, at: noon})
	p.keys.missed = noon
	c := NewClient(Config{ClientID: "ones"}, p, slog.New(slog.DiscardHandler))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: "first"}}, nil)
	if err != nil {
		f.Fatal(err)
	}

	const good = `"iss":"` + issuer + `","aud":"ones","nonce":"` + nonce + `","iat":1796126400,"exp":1796130000`
	signed := func(t testing.TB, claims string) string {
		jws, err := signer.Sign([]byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if _, err := c.verify(f.Context(), signed(f, `{"sub":"alice",`+good+`}`), "access", nonce); err != nil {
		f.Fatalf("nothing is believed: %v", err)
	}
	f.Add(`{"sub":"alice",`+good+`}`, "..")
	f.Add(`{"sub":"alice","azp":"other",`+good+`}`, `eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.`)
	f.Add(`{"sub":"alice\n","tid":5,`+good+`}`, `{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","signature":"AA"}]}`)
	f.Add(`{"sub":"alice","iss":"x","aud":["ones","other"],"iat":"x","exp":1e300}`, `eyJhbGciOiJSUzI1NiIsImtpZCI6ImZpcnN0In0.e30.AA`)
	f.Add(`[]`, ``)
	f.Fuzz(func(t *testing.T, claims, raw string) {
		if got, err := c.verify(t.Context(), raw, "access", nonce); !errors.Is(err, ErrIDToken) {
			t.Errorf("%q: %+v, %v, want ErrIDToken", raw, got, err)
		}
		got, err := c.verify(t.Context(), signed(t, claims), "access", nonce)
		if err != nil {
			if !errors.Is(err, ErrIDToken) {
				t.Errorf("%s: %v, want ErrIDToken", claims, err)
			}
			return
		}
		var is struct {
			Iss, Sub, Nonce string
			Aud             any
			Exp, Iat        float64
		}
		if err := json.Unmarshal([]byte(claims), &is); err != nil {
			t.Fatalf("%s is believed: %v", claims, err)
		}
		aud, _ := is.Aud.([]any)
		if is.Iss != issuer || is.Sub != got.Subject || !validSubject(got.Subject) || is.Nonce != nonce || is.Iat == 0 ||
			is.Exp < float64(noon.Unix()) || is.Aud != any("ones") && !slices.Contains(aud, any("ones")) {
			t.Errorf("%s is believed: %+v", claims, got)
		}
	})
}

// FuzzClaims: whatever came as a challenge, what is sent is a JSON object that
// declares what we can take, or nothing.
func FuzzClaims(f *testing.F) {
	f.Add(`{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`)
	f.Add(`{"access_token":{"xms_cc":{"values":["cp2"]}},"access_token":null}`)
	f.Add(`{"a":{"b":[1e400,"\ud800",null]}}`)
	f.Add(`[]`)
	plain, able := &Client{log: slog.New(slog.DiscardHandler)}, &Client{log: slog.New(slog.DiscardHandler), cfg: Config{CAE: true}}
	f.Fuzz(func(t *testing.T, demanded string) {
		for c, want := range map[*Client]string{plain: "", able: string(cp1)} {
			sent := c.claims(t.Context(), demanded)
			if sent == "" && want == "" {
				continue
			}
			var is map[string]json.RawMessage
			var accessToken map[string]json.RawMessage
			err := json.Unmarshal([]byte(sent), &is)
			if of := is["access_token"]; of != nil {
				err = errors.Join(err, json.Unmarshal(of, &accessToken))
			}
			if err != nil || string(accessToken[capabilities]) != want || len(sent) > 2*maxClaims {
				t.Errorf("%q is answered with %q (%v), want %q declared", demanded, sent, err, want)
			}
			if challengeIn(sent) != "" && c.claims(t.Context(), sent) != sent {
				t.Errorf("%q is answered with %q, which is answered with %q", demanded, sent, c.claims(t.Context(), sent))
			}
		}
	})
}
