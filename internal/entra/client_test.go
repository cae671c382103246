package entra_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/onesgate/onesgate/internal/entra"
)

func TestAuthCodeURL(t *testing.T) {
	p := newIDP(t)
	c := p.client(t, &clock{at: noon})
	challenge := sha256.Sum256([]byte(attempt.Verifier))
	always := map[string]string{
		"slice": "1", "response_type": "code", "response_mode": "query", "client_id": clientID,
		"scope": "openid offline_access Calendars.ReadWrite.Shared", "redirect_uri": attempt.RedirectURI,
		"state": "state-1", "nonce": "nonce-1",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	}
	for _, tt := range []struct {
		name, prompt string
		more         map[string]string
	}{
		{"plain", "", nil},
		{"to sign in again", "login", map[string]string{"prompt": "login"}},
		{"with a choice of account", "select_account", map[string]string{"prompt": "select_account"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := attempt
			r.Prompt = tt.prompt
			to, err := c.AuthCodeURL(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			want := url.Values{}
			for _, m := range []map[string]string{always, tt.more} {
				for name, value := range m {
					want.Set(name, value)
				}
			}
			before, query, _ := strings.Cut(to, "?")
			got, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("query (-got +want):\n%s", diff)
			}
			if want := p.URL + "/" + tenantID + "/oauth2/v2.0/authorize"; before != want {
				t.Errorf("address = %q, want %q", before, want)
			}
		})
	}
	for name, missing := range map[string]func(*entra.AuthRequest){
		"state":        func(r *entra.AuthRequest) { r.State = "" },
		"nonce":        func(r *entra.AuthRequest) { r.Nonce = "" },
		"verifier":     func(r *entra.AuthRequest) { r.Verifier = "" },
		"redirect URI": func(r *entra.AuthRequest) { r.RedirectURI = "" },
	} {
		r := attempt
		missing(&r)
		if to, err := c.AuthCodeURL(t.Context(), r); err == nil {
			t.Errorf("AuthCodeURL without %s = %q, want an error", name, to)
		}
	}
}

func TestAdminConsentURL(t *testing.T) {
	for issuer, want := range map[string]string{
		byID: byID, byDomain: byDomain, "https://idp.example.com": "",
		"http://localhost:8081/" + tenantID + "/v2.0": "http://localhost:8081/" + tenantID + "/v2.0",
	} {
		p := entra.NewProvider(issuer, http.DefaultClient, time.Now)
		defer p.Close()
		c := entra.NewClient((&idp{}).config(), p, quiet)
		if want != "" {
			want += "/adminconsent?client_id=" + clientID + "&redirect_uri=https%3A%2F%2Fones.contoso.com%2Fx&scope=openid+offline_access+Calendars.ReadWrite.Shared&state=a%26b"
		}
		if got := c.AdminConsentURL("https://ones.contoso.com/x", "a&b"); got != want {
			t.Errorf("AdminConsentURL at %s = %q, want %q", issuer, got, want)
		}
	}
}

func TestEndSessionURL(t *testing.T) {
	p := newIDP(t)
	p.document["end_session_endpoint"] = p.URL + "/logout?p=1"
	got, err := p.client(t, &clock{at: noon}).EndSessionURL(t.Context(), "https://ones.contoso.com/.ones/signed-out", "hint&1")
	want := p.URL + "/logout?logout_hint=hint%261&p=1&post_logout_redirect_uri=https%3A%2F%2Fones.contoso.com%2F.ones%2Fsigned-out"
	if err != nil || got != want {
		t.Errorf("EndSessionURL = %q, %v, want %q", got, err, want)
	}
	got, err = p.client(t, &clock{at: noon}).EndSessionURL(t.Context(), "https://x/", "")
	if err != nil || strings.Contains(got, "logout_hint") {
		t.Errorf("EndSessionURL without a hint = %q, %v", got, err)
	}
	delete(p.document, "end_session_endpoint")
	if got, err := p.client(t, &clock{at: noon}).EndSessionURL(t.Context(), "https://x/", ""); err == nil {
		t.Errorf("EndSessionURL of an issuer that has none = %q, want an error", got)
	}
}

func TestDiscoveryRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*idp)
		class entra.Class
		says  string
	}{
		{"issuer of another tenant", func(p *idp) { p.document["issuer"] = "https://login.microsoftonline.com/other/v2.0" }, entra.Operator, "speaks for"},
		{"issuer template", func(p *idp) { p.document["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0" }, entra.Operator, "every tenant"},
		{"no issuer", func(p *idp) { delete(p.document, "issuer") }, entra.Operator, "speaks for"},
		{"no token endpoint", func(p *idp) { delete(p.document, "token_endpoint") }, entra.Operator, "token_endpoint"},
		{"token endpoint in the clear", func(p *idp) { p.document["token_endpoint"] = "http://idp.example.com/token" }, entra.Operator, "token_endpoint"},
		{"keys in the clear", func(p *idp) { p.document["jwks_uri"] = "http://idp.example.com/keys" }, entra.Operator, "jwks_uri"},
		{"script as authorization endpoint", func(p *idp) { p.document["authorization_endpoint"] = "javascript:alert(1)" }, entra.Operator, "authorization_endpoint"},
		{"script as logout", func(p *idp) { p.document["end_session_endpoint"] = "javascript:alert(1)" }, entra.Operator, "end_session_endpoint"},
		{"unknown tenant", func(p *idp) {
			p.discovery = refuse(http.StatusBadRequest, map[string]any{
				"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'x' not found.", "error_codes": []int{90002},
			})
		}, entra.Operator, "AADSTS90002"},
		{"nothing there", func(p *idp) { p.discovery = http.NotFound }, entra.Operator, "404"},
		{"outage", func(p *idp) {
			p.discovery = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		}, entra.Transient, "502"},
		{"a proxy's page", func(p *idp) {
			p.discovery = func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") }
		}, entra.Transient, "no discovery document"},
		{"elsewhere", func(p *idp) { p.discovery = http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP }, entra.Transient, "302"},
		{"endless", func(p *idp) {
			p.discovery = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20+1)) }
		}, entra.Transient, "larger"},
		{"lost network", func(p *idp) { p.Close() }, entra.Transient, "discovery failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			tt.spoil(p)
			_, err := p.client(t, &clock{at: noon}).AuthCodeURL(t.Context(), attempt)
			var e *entra.Error
			if !errors.As(err, &e) {
				t.Fatalf("AuthCodeURL = %v, want an *entra.Error", err)
			}
			if e.Class != tt.class || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("AuthCodeURL = %v (%v), want class %v and %q in it", err, e.Class, tt.class, tt.says)
			}
		})
	}
}

// TestDiscoveryKept: asked for once, renewed behind the back of who needs it,
// not hammered in an outage, and an outage takes nothing away that is known.
func TestDiscoveryKept(t *testing.T) {
	p := newIDP(t)
	now := &clock{at: noon}
	provider := p.provider(t, now)
	c := entra.NewClient(p.config(), provider, quiet)
	use := func(wantHits int, wantErr bool) {
		t.Helper()
		_, err := c.AuthCodeURL(t.Context(), attempt)
		if (err != nil) != wantErr {
			t.Errorf("AuthCodeURL = %v, want an error: %t", err, wantErr)
		}
		provider.Settle()
		if got := p.received().discovery; got != wantHits {
			t.Errorf("discovery was asked for %d times, want %d", got, wantHits)
		}
	}
	down := refuse(http.StatusServiceUnavailable, nil)

	p.discovery = down
	use(1, true)
	use(1, true) // the failure stands for a few seconds
	p.discovery = nil
	use(1, true)
	now.advance(5 * time.Second)
	use(2, false)
	now.advance(59 * time.Minute)
	use(2, false)
	now.advance(time.Minute)
	use(3, false) // renewed
	use(3, false)
	p.discovery = down
	now.advance(time.Hour)
	use(4, false) // tried, in vain
	use(4, false)
	now.advance(5 * time.Second)
	use(5, false)
	now.advance(25 * time.Hour)
	use(6, false) // so old that it was waited for; still the last known good
	use(6, false)
	now.advance(5 * time.Second)
	p.discovery = nil
	use(7, false)
}

// TestRenewalBehindTheBack: nobody waits for a renewal, there is one at a time,
// and Close ends it.
func TestRenewalBehindTheBack(t *testing.T) {
	p := newIDP(t)
	now := &clock{at: noon}
	provider := p.provider(t, now)
	c := entra.NewClient(p.config(), provider, quiet)
	use := func() {
		t.Helper()
		if _, err := c.AuthCodeURL(t.Context(), attempt); err != nil {
			t.Error(err)
		}
	}
	use()
	arrived, left := make(chan struct{}), make(chan struct{})
	p.discovery = func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done() // Microsoft hangs
		close(left)
	}
	now.advance(time.Hour)
	use()
	<-arrived
	use()
	provider.Close()
	<-left
	now.advance(time.Hour)
	use()
	if got := p.received().discovery; got != 2 {
		t.Errorf("discovery was asked for %d times, want 2: none after Close", got)
	}
	p.discovery = nil
	now.advance(24 * time.Hour) // who needs a newer one asks, and finds nobody at it
	use()
	if got := p.received().discovery; got != 3 {
		t.Errorf("discovery was asked for %d times, want 3: once by who needed it", got)
	}
}

// TestDiscoveryCallerLeaves: one who leaves takes nobody with them.
func TestDiscoveryCallerLeaves(t *testing.T) {
	p := newIDP(t)
	c := p.client(t, &clock{at: noon})
	arrived := make(chan struct{})
	p.discovery = func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.AuthCodeURL(ctx, attempt)
		first <- err
	}()
	<-arrived
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var e *entra.Error
	if _, err := c.AuthCodeURL(gone, attempt); !errors.Is(err, context.Canceled) || !errors.As(err, &e) {
		t.Errorf("of one who didn't wait: %v, want an *entra.Error around context.Canceled", err)
	}
	p.discovery = nil
	second := make(chan error, 1)
	go func() {
		_, err := c.AuthCodeURL(t.Context(), attempt)
		second <- err
	}()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("of the one who left: %v, want context.Canceled", err)
	}
	if err := <-second; err != nil {
		t.Errorf("of the one who stayed: %v", err)
	}
}

func TestNothingSecretPrinted(t *testing.T) {
	p := newIDP(t)
	cfg := p.config()
	credential := cfg.Credentials[0]
	tokens := entra.Tokens{Access: "access-secret", Refresh: "refresh-secret", Expires: noon}
	var out bytes.Buffer
	text, jsonLog := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{cfg, &cfg, credential, &credential, tokens, &tokens, p.client(t, &clock{at: noon}), struct {
		C entra.Config
		T entra.Tokens
	}{cfg, tokens}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, v := range []any{cfg, &cfg, credential, &credential, tokens, &tokens} {
		text.Info("text", "v", v)
		jsonLog.Info("json", "v", v)
	}
	for _, s := range []string{secret, "access-secret", "refresh-secret", fmt.Sprintf("%x", secret)} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q was printed:\n%s", s, out.String())
		}
	}
	if got := strings.Count(out.String(), clientID); got < 10 {
		t.Errorf("the client id was printed %d times; the test prints nothing", got)
	}
}
