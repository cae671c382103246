package entra_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/onesgate/onesgate/internal/entra"
)

const (
	tenantID = "11111111-2222-3333-4444-555555555555"
	clientID = "99999999-8888-7777-6666-555555555555"
	secret   = "s3cr3t~client"
)

var quiet = slog.New(slog.DiscardHandler)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// clock is the time of a test; it moves only by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

var firstKey, secondKey = sync.OnceValue(newKey), sync.OnceValue(newKey)

// idp is an OpenID provider of one tenant on loopback, good until a test
// changes it. Its fields may be changed between requests only.
type idp struct {
	*httptest.Server
	issuer string

	document  map[string]any // discovery
	published []jose.JSONWebKey
	signer    jose.SigningKey
	claims    map[string]any
	// rawIDToken, if set, replaces the signed one.
	rawIDToken string
	// discovery, keys and token, if set, answer in place of the provider.
	discovery, keys, token http.HandlerFunc
	domain                 http.HandlerFunc // of newMicrosoft

	mu   sync.Mutex
	seen seen
}

// seen is what a provider has received.
type seen struct {
	discovery, keys int
	domain          int
	forms           []url.Values
	headers         []http.Header
}

func (p *idp) received() seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{}
	mux := http.NewServeMux()
	base := "/" + tenantID
	mux.HandleFunc("GET "+base+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.count(&p.seen.discovery)
		if p.discovery != nil {
			p.discovery(w, r)
			return
		}
		writeJSON(w, http.StatusOK, p.document)
	})
	mux.HandleFunc("GET "+base+"/discovery/v2.0/keys", func(w http.ResponseWriter, r *http.Request) {
		p.count(&p.seen.keys)
		if p.keys != nil {
			p.keys(w, r)
			return
		}
		writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: p.published})
	})
	mux.HandleFunc("POST "+base+"/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("token request: %v", err)
		}
		p.mu.Lock()
		p.seen.forms, p.seen.headers = append(p.seen.forms, r.PostForm), append(p.seen.headers, r.Header)
		p.mu.Unlock()
		if p.token != nil {
			p.token(w, r)
			return
		}
		writeJSON(w, http.StatusOK, p.answer(t))
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)

	p.issuer = p.URL + base + "/v2.0"
	p.document = map[string]any{
		"issuer":                 p.issuer,
		"authorization_endpoint": p.URL + base + "/oauth2/v2.0/authorize?slice=1",
		"token_endpoint":         p.URL + base + "/oauth2/v2.0/token",
		"jwks_uri":               p.URL + base + "/discovery/v2.0/keys",
		"end_session_endpoint":   p.URL + base + "/oauth2/v2.0/logout",
	}
	p.sign(firstKey(), "first")
	p.publish(firstKey(), "first")
	p.claims = map[string]any{
		"iss": p.issuer, "aud": clientID, "sub": "alice-sub", "tid": tenantID, "nonce": "nonce-1",
		"iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(time.Hour).Unix(), "ver": "2.0",
	}
	return p
}

func (p *idp) count(hits *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*hits++
}

func (p *idp) sign(key *rsa.PrivateKey, id string) {
	p.signer = jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: id}}
}

func (p *idp) publish(key *rsa.PrivateKey, id string) {
	p.published = []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: id, Use: "sig"}}
}

// answer is a success of the token endpoint.
func (p *idp) answer(t *testing.T) map[string]any {
	idToken := p.rawIDToken
	if idToken == "" {
		idToken = sign(t, p.signer, p.claims)
	}
	return map[string]any{
		"token_type": "Bearer", "scope": "Calendars.ReadWrite.Shared", "expires_in": 3600,
		"access_token": "access-1", "refresh_token": "refresh-1", "id_token": idToken,
	}
}

func sign(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// with returns the provider's claims, changed; a nil value takes one out.
func (p *idp) with(changes map[string]any) map[string]any {
	claims := maps.Clone(p.claims)
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

func (p *idp) config() entra.Config {
	return entra.Config{
		TenantID: tenantID, ClientID: clientID, Credentials: []entra.Credential{{Secret: secret}},
		Scopes: []string{"openid", "offline_access", "Calendars.ReadWrite.Shared"},
	}
}

// provider is what we see of it.
func (p *idp) provider(t *testing.T, c *clock) *entra.Provider {
	t.Helper()
	provider := entra.NewProvider(p.issuer, p.Client(), c.now)
	t.Cleanup(provider.Close)
	return provider
}

func (p *idp) client(t *testing.T, c *clock) *entra.Client {
	t.Helper()
	return entra.NewClient(p.config(), p.provider(t, c), quiet)
}

var attempt = entra.AuthRequest{
	State: "state-1", Nonce: "nonce-1", Verifier: "verifier-0123456789-0123456789-0123456789-01",
	RedirectURI: "https://ones.contoso.com/.ones/callback",
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(fmt.Sprintf("write an answer: %v", err))
	}
}

// refuse answers with an error as Microsoft writes it.
func refuse(status int, fields map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, fields) }
}
