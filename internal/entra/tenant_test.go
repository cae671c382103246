package entra_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

// TestKnowsTenant: whose people may come in, as configured.
func TestKnowsTenant(t *testing.T) {
	const t1, t2 = "11111111-2222-3333-4444-aaaaaaaaaaaa", "22222222-2222-3333-4444-555555555555"
	for _, tt := range []struct {
		name, issuer, configured, tenant string
		want                             bool
	}{
		{"configured", "https://login.microsoftonline.com/" + t1 + "/v2.0", t2, t2, true},
		{"another than configured", "https://login.microsoftonline.com/" + t1 + "/v2.0", t2, t1, false},
		{"of a Microsoft issuer", "https://login.microsoftonline.com/" + t1 + "/v2.0", "", t1, true},
		{"in capitals", "https://login.microsoftonline.com/" + t1 + "/v2.0", "", strings.ToUpper(t1), true},
		{"another than the issuer's", "https://login.microsoftonline.com/" + t1 + "/v2.0", "", t2, false},
		{"none", "https://login.microsoftonline.com/" + t1 + "/v2.0", "", "", false},
		{"another than that of an issuer in China", "https://login.partner.microsoftonline.cn/" + t1 + "/v2.0", "", t2, false},
		{"of another issuer", "https://idp.example.com/t1/v2.0", "", t2, true},
		{"of one that looks like Microsoft's", "https://login.microsoftonline.com.example.com/" + t1 + "/v2.0", "", t2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := entra.NewProvider(tt.issuer, http.DefaultClient, time.Now)
			defer p.Close()
			c := entra.NewClient(entra.Config{TenantID: tt.configured}, p, quiet)
			if got := c.KnowsTenant(t.Context(), tt.tenant); got != tt.want {
				t.Errorf("KnowsTenant(%q) = %t, want %t", tt.tenant, got, tt.want)
			}
		})
	}
}

const (
	microsoft = "https://login.microsoftonline.com"
	byDomain  = microsoft + "/contoso.onmicrosoft.com/v2.0"
	byID      = microsoft + "/" + tenantID + "/v2.0"
)

// standIn answers in place of Microsoft.
type standIn struct{ idp *idp }

func (s standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(s.idp.URL)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, ""
	return s.idp.Client().Transport.RoundTrip(r)
}

// newMicrosoft is a provider in place of Microsoft, and a client of it whose
// tenant is named by a domain. What discovery says of the domain can be changed.
func newMicrosoft(t *testing.T, now *clock) (p *idp, domain map[string]any, c *entra.Client) {
	t.Helper()
	p = newIDP(t)
	for name, value := range p.document {
		p.document[name] = strings.Replace(value.(string), p.URL, microsoft, 1)
	}
	p.claims = p.with(map[string]any{"iss": byID})
	domain = maps.Clone(p.document)
	p.Config.Handler.(*http.ServeMux).HandleFunc("GET /contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.count(&p.seen.domain)
		if p.domain != nil {
			p.domain(w, nil)
			return
		}
		writeJSON(w, http.StatusOK, domain)
	})
	provider := entra.NewProvider(byDomain, &http.Client{Transport: standIn{p}}, now.now)
	t.Cleanup(provider.Close)
	cfg := p.config()
	cfg.TenantID = ""
	return p, domain, entra.NewClient(cfg, provider, quiet)
}

// TestTenantByDomain: asked for once, and then it is that tenant and no other,
// whoever gets the domain later.
func TestTenantByDomain(t *testing.T) {
	now := &clock{at: noon}
	p, domain, c := newMicrosoft(t, now)
	if !c.KnowsTenant(t.Context(), tenantID) || c.KnowsTenant(t.Context(), "22222222-2222-3333-4444-555555555555") {
		t.Error("the tenant is not that of the domain")
	}
	if got := p.received(); got.domain != 1 || got.discovery != 0 {
		t.Errorf("asked of the domain %d times, of the tenant %d times, want 1 and 0", got.domain, got.discovery)
	}
	if _, claims, err := c.Exchange(t.Context(), "code-1", attempt); err != nil || claims.TenantID != tenantID {
		t.Errorf("Exchange = %+v, %v", claims, err)
	}
	domain["issuer"] = microsoft + "/22222222-2222-3333-4444-555555555555/v2.0"
	now.advance(48 * time.Hour)
	p.claims = p.with(map[string]any{"iat": now.now().Unix(), "nbf": now.now().Unix(), "exp": now.now().Add(time.Hour).Unix()})
	if _, _, err := c.Exchange(t.Context(), "code-1", attempt); err != nil {
		t.Errorf("Exchange after two days = %v", err)
	}
	p.claims = p.with(map[string]any{"tid": "22222222-2222-3333-4444-555555555555"})
	if _, _, err := c.Exchange(t.Context(), "code-1", attempt); !errors.Is(err, entra.ErrIDToken) {
		t.Errorf("Exchange of another tenant's person = %v, want ErrIDToken", err)
	}
	if got := p.received().domain; got != 1 {
		t.Errorf("asked of the domain %d times, want once", got)
	}
}

// TestTenantByDomainUnknown: as long as nobody can say which tenant it is, nobody
// comes in.
func TestTenantByDomainUnknown(t *testing.T) {
	now := &clock{at: noon}
	p, _, c := newMicrosoft(t, now)
	p.domain = refuse(http.StatusServiceUnavailable, nil)
	for range 3 {
		if c.KnowsTenant(t.Context(), tenantID) {
			t.Error("somebody is let in")
		}
	}
	if got := p.received().domain; got != 1 {
		t.Errorf("Microsoft was asked %d times in its outage, want once", got)
	}
	p.domain = nil
	now.advance(5 * time.Second)
	if !c.KnowsTenant(t.Context(), tenantID) {
		t.Error("nobody is let in although Microsoft is back")
	}
}

func TestTenantByDomainRefused(t *testing.T) {
	for name, tt := range map[string]struct{ issuer, says string }{
		"no id":             {byDomain, "does not tell to which tenant"},
		"every tenant":      {microsoft + "/{tenantid}/v2.0", "does not tell to which tenant"},
		"another cloud":     {"https://login.microsoftonline.us/" + tenantID + "/v2.0", "does not tell to which tenant"},
		"another version":   {microsoft + "/" + tenantID + "/", "does not tell to which tenant"},
		"somebody else":     {"https://idp.example.com/" + tenantID + "/v2.0", "does not tell to which tenant"},
		"nobody":            {"", "does not tell to which tenant"},
		"private accounts":  {microsoft + "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", "private accounts"},
		"with a bit behind": {byID + "/", "does not tell to which tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			_, domain, c := newMicrosoft(t, &clock{at: noon})
			domain["issuer"] = tt.issuer
			_, err := c.AuthCodeURL(t.Context(), attempt)
			var e *entra.Error
			if !errors.As(err, &e) || e.Class != entra.Operator || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("AuthCodeURL = %v, want an *entra.Error of the operator's that says %q", err, tt.says)
			}
			if c.KnowsTenant(t.Context(), tenantID) {
				t.Error("somebody is let in")
			}
		})
	}
}
