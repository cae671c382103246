package login

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A clientKey is what an app signs its assertions with.
type clientKey struct {
	private *rsa.PrivateKey
	cert    *x509.Certificate
	pem     string
}

var clientKeys = sync.OnceValue(func() [2]clientKey {
	var keys [2]clientKey
	for i := range keys {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "onesgate"}, NotBefore: begin, NotAfter: begin.AddDate(1, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
		if err != nil {
			panic(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		keys[i] = clientKey{private, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	}
	return keys
})

// assertion signs claims; headers come in pairs.
func (k clientKey) assertion(t *testing.T, alg jose.SignatureAlgorithm, claims map[string]any, headers ...string) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for i := 0; i < len(headers); i += 2 {
		o = o.WithHeader(jose.HeaderKey(headers[i]), headers[i+1])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: k.private}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (k clientKey) x5t() string {
	sum := sha1.Sum(k.cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (k clientKey) x5tS256(encoding *base64.Encoding) string {
	sum := sha256.Sum256(k.cert.Raw)
	return encoding.EncodeToString(sum[:])
}

// byAssertion is a form for an app's own token that authenticates by assertion.
func (r *rig) byAssertion(text string) url.Values {
	return r.refreshForm("", "grant_type", "client_credentials", "refresh_token", "", "scope", r.base+"/.default",
		"client_secret", "", "client_assertion", text, "client_assertion_type", assertionType)
}

func changed(claims map[string]any, name string, value any) map[string]any {
	if claims[name] = value; value == nil {
		delete(claims, name)
	}
	return claims
}

func TestCertificate(t *testing.T) {
	k, stranger := clientKeys()[0], clientKeys()[1]
	r := newRig(t, func(c *world.Config) { c.Tenants[0].Apps[0].Certificates = []string{k.pem} })
	client := r.app().ClientID
	good := func() map[string]any {
		return map[string]any{
			"aud": r.base + "/" + r.tenant().ID + "/oauth2/v2.0/token", "iss": client, "sub": client, "jti": "1",
			"nbf": begin.Unix(), "exp": begin.Add(10 * time.Minute).Unix(),
		}
	}
	url256, std256 := k.x5tS256(base64.RawURLEncoding), k.x5tS256(base64.StdEncoding)
	for name, text := range map[string]string{
		"PS256":             k.assertion(t, jose.PS256, good(), "x5t#S256", url256),
		"in padded base64":  k.assertion(t, jose.PS256, good(), "x5t#S256", std256),
		"RS256":             k.assertion(t, jose.RS256, good(), "x5t", k.x5t()),
		"the domain's form": k.assertion(t, jose.PS256, changed(good(), "aud", r.base+"/contoso.example/oauth2/v2.0/token"), "x5t#S256", url256),
	} {
		if a := r.token(r.byAssertion(text)); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	alias := changed(good(), "aud", r.base+"/legacy/contoso.example/oauth2/v2.0/token")
	r.tokenAt("/legacy/contoso.example/oauth2/v2.0/token", r.byAssertion(k.assertion(t, jose.PS256, alias, "x5t#S256", url256))).ok(t)
	for name, tt := range map[string]struct{ code, text string }{
		"no JWT":             {"50027", "x.y.z"},
		"too long":           {"50027", string(make([]byte, maxAssertion+1))},
		"another algorithm":  {"50027", k.assertion(t, jose.PS384, good(), "x5t#S256", url256)},
		"no thumbprint":      {"700027", k.assertion(t, jose.PS256, good())},
		"the wrong one":      {"700027", k.assertion(t, jose.PS256, good(), "x5t", k.x5t())},
		"another key":        {"700027", stranger.assertion(t, jose.PS256, good(), "x5t#S256", url256)},
		"an unknown key":     {"700027", stranger.assertion(t, jose.PS256, good(), "x5t#S256", stranger.x5tS256(base64.RawURLEncoding))},
		"another subject":    {"700021", k.assertion(t, jose.PS256, changed(good(), "sub", "x"), "x5t#S256", url256)},
		"another issuer":     {"700211", k.assertion(t, jose.PS256, changed(good(), "iss", "x"), "x5t#S256", url256)},
		"the issuer as aud":  {"700023", k.assertion(t, jose.PS256, changed(good(), "aud", r.base+"/"+r.tenant().ID+"/v2.0"), "x5t#S256", url256)},
		"common as aud":      {"700023", k.assertion(t, jose.PS256, changed(good(), "aud", r.base+"/common/oauth2/v2.0/token"), "x5t#S256", url256)},
		"two audiences":      {"700023", k.assertion(t, jose.PS256, changed(good(), "aud", []any{good()["aud"], "x"}), "x5t#S256", url256)},
		"the alias unasked":  {"700023", k.assertion(t, jose.PS256, alias, "x5t#S256", url256)},
		"expired":            {"700024", k.assertion(t, jose.PS256, changed(good(), "exp", begin.Unix()), "x5t#S256", url256)},
		"early":              {"700024", k.assertion(t, jose.PS256, changed(good(), "nbf", begin.Unix()+1), "x5t#S256", url256)},
		"for ever":           {"700024", k.assertion(t, jose.PS256, changed(good(), "exp", nil), "x5t#S256", url256)},
		"for more than days": {"700024", k.assertion(t, jose.PS256, changed(good(), "exp", begin.Unix()+100000), "x5t#S256", url256)},
	} {
		t.Run(name, func(t *testing.T) {
			r.token(r.byAssertion(tt.text)).refusal(t, http.StatusUnauthorized, "invalid_client", tt.code, "")
		})
	}
	text := k.assertion(t, jose.PS256, good(), "x5t#S256", url256)
	r.token(with(r.byAssertion(text), "client_assertion_type", "x")).refusal(t, 400, "invalid_request", "9002313", "")
	r.token(with(r.byAssertion(text), "client_secret", "x")).refusal(t, 400, "invalid_request", "9002313", "")
}

func TestFederated(t *testing.T) {
	k, stranger := clientKeys()[0], clientKeys()[1]
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &k.private.PublicKey, KeyID: "k-1", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *world.Config) {
		a := &c.Tenants[0].Apps[0]
		a.FederatedCredentials = []world.FederatedCredential{
			{Issuer: "https://cluster.example", Subject: "system:serviceaccount:ones:gate", Audience: "api://AzureADTokenExchange", JWKS: set},
			{Issuer: "https://cluster.example", Subject: "china", Audience: "api://AzureADTokenExchangeChina", JWKS: set},
		}
	})
	good := func() map[string]any {
		return map[string]any{
			"aud": []string{"api://AzureADTokenExchange"}, "iss": "https://cluster.example", "sub": "system:serviceaccount:ones:gate",
			"exp": begin.Add(time.Hour).Unix(),
		}
	}
	r.token(r.byAssertion(k.assertion(t, jose.RS256, good(), "kid", "k-1"))).ok(t)
	for name, tt := range map[string]struct{ code, text string }{
		"another issuer":     {"700211", k.assertion(t, jose.RS256, changed(good(), "iss", "https://cluster.example/"), "kid", "k-1")},
		"another subject":    {"700213", k.assertion(t, jose.RS256, changed(good(), "sub", "System:serviceaccount:ones:gate"), "kid", "k-1")},
		"another audience":   {"700212", k.assertion(t, jose.RS256, changed(good(), "aud", "api://azureadtokenexchange"), "kid", "k-1")},
		"another cloud's":    {"700212", k.assertion(t, jose.RS256, changed(changed(good(), "sub", "china"), "aud", "api://AzureADTokenExchangeChina"), "kid", "k-1")},
		"another key":        {"700027", stranger.assertion(t, jose.RS256, good(), "kid", "k-1")},
		"an unknown key":     {"700027", k.assertion(t, jose.RS256, good(), "kid", "k-2")},
		"a stricter padding": {"700027", k.assertion(t, jose.PS256, good(), "kid", "k-1")},
		"expired":            {"700024", k.assertion(t, jose.RS256, changed(good(), "exp", begin.Unix()), "kid", "k-1")},
	} {
		t.Run(name, func(t *testing.T) {
			r.token(r.byAssertion(tt.text)).refusal(t, http.StatusUnauthorized, "invalid_client", tt.code, "")
		})
	}
}

// An app with a certificate alone has no secret that could be right.
func TestSecretOfACertificatesApp(t *testing.T) {
	r := newRig(t, func(c *world.Config) {
		a := c.Tenants[0].Apps[0]
		a.ClientID, a.Secrets, a.Certificates = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c28", nil, []string{clientKeys()[0].pem}
		c.Tenants[0].Apps = append(c.Tenants[0].Apps, a)
	})
	form := r.codeForm("x", "client_id", "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c28")
	r.token(form).refusal(t, http.StatusUnauthorized, "invalid_client", "7000215", "")
}

func TestClientByBasic(t *testing.T) {
	r := newRig(t)
	form := r.codeForm(r.choose(alice))
	req := &http.Request{Header: http.Header{}}
	req.SetBasicAuth(url.QueryEscape(form.Get("client_id")), url.QueryEscape(form.Get("client_secret")))
	basic := []string{"Authorization", req.Header.Get("Authorization")}
	r.token(form, basic...).refusal(t, 400, "invalid_request", "9002313", "") // and in the body
	r.token(with(form, "client_secret", "", "client_id", multiID), basic...).refusal(t, 400, "invalid_request", "9002313", "")
	r.token(with(form, "client_id", ""), basic...).ok(t)
}

func TestSecretsAreReplacedAndExpire(t *testing.T) {
	r := newRig(t)
	refresh, old := r.signIn(alice)["refresh_token"], r.cfg.Tenants[0].Apps[0].Secrets[0]
	r.control(func(l *Login, now time.Time) error { return l.ExpireSecret(r.app().ClientID, old.ID, now) })
	r.token(r.refreshForm(refresh)).refusal(t, 401, "invalid_client", "7000222", "")
	r.control(func(l *Login, _ time.Time) error {
		return l.ReplaceSecrets(r.app().ClientID, []world.Secret{{ID: "n", Value: "new"}, {ID: "m", Value: "newer"}})
	})
	r.token(r.refreshForm(refresh)).refusal(t, 401, "invalid_client", "7000215", "")
	r.token(r.refreshForm(refresh, "client_secret", "new")).ok(t)
	r.control(func(l *Login, now time.Time) error { return l.ExpireSecret(r.app().ClientID, "new", now) })
	r.token(r.refreshForm(refresh, "client_secret", "new")).refusal(t, 401, "invalid_client", "7000222", "")
	r.token(r.refreshForm(refresh, "client_secret", "newer")).ok(t)
	for name, err := range map[string]error{
		"an app":   r.login.ReplaceSecrets("x", nil),
		"a secret": r.login.ExpireSecret(r.app().ClientID, "", begin),
		"a value":  r.login.ReplaceSecrets(r.app().ClientID, []world.Secret{{ID: "x"}}),
	} {
		if err == nil {
			t.Errorf("%s that isn't there", name)
		}
	}
}
