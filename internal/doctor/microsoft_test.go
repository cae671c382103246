package doctor

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	discoveries = "GET /*/v2.0/.well-known/openid-configuration"
	tokens      = "POST /*/oauth2/v2.0/token"
)

func TestAllIsWell(t *testing.T) {
	c := newClinic(t, nil)
	found := c.run()
	for _, name := range checkNames {
		wantsResult(t, found, name, OK)
	}
	for i, check := range c.Checks() {
		if check.Name != checkNames[i] || check.How == "" {
			t.Errorf("check %d is %s, want %s", i, check.Name, checkNames[i])
		}
	}
	for _, f := range found {
		if strings.Contains(f.What, c.config.Credentials[0].Secret) {
			t.Errorf("the secret stands in %+v", f)
		}
	}
}

// Each finding comes of the simulator with that very fault.
func TestMicrosoft(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world.Config)
		with   func(*clinic)
		check  string
		want   Kind
	}{
		"a proxy's page": {with: func(c *clinic) { c.fault(fault{"match": discoveries, "status": 403, "html": true}) }, check: "cloud", want: Intercepted},
		"an outage":      {with: func(c *clinic) { c.fault(fault{"match": discoveries, "status": 503}) }, check: "cloud", want: Unavailable},
		"an outage of tokens": {
			with:  func(c *clinic) { c.fault(fault{"match": tokens, "status": 503}) },
			check: "credentials", want: Unavailable,
		},
		"an outage of Graph": {with: func(c *clinic) { c.fault(fault{"match": "GET /v1.0/me", "status": 503}) }, check: "graph", want: Unavailable},
		"no Graph":           {with: func(c *clinic) { c.Graph = c.base + "/_sim" }, check: "graph", want: Intercepted},
		"a clock that is behind": {
			with: func(c *clinic) { c.sim("/_sim/clock", map[string]any{"advance": "10m"}) }, check: "clock", want: ClockWrong,
		},
		"a clock that is ahead": {
			with: func(c *clinic) { c.sim("/_sim/clock", map[string]any{"advance": "-10m"}) }, check: "clock", want: ClockWrong,
		},
		"a clock that drifts": {
			with: func(c *clinic) { c.sim("/_sim/clock", map[string]any{"advance": "2m"}) }, check: "clock", want: ClockDrifts,
		},
		"no such tenant": {
			with:  func(c *clinic) { c.issuer = c.base + "/11111111-2222-3333-4444-555555555555/v2.0" },
			check: "tenant", want: TenantUnknown,
		},
		"no such issuer": {with: func(c *clinic) { c.issuer = c.base + "/nothing/here" }, check: "tenant", want: TenantUnknown},
		"a tenant of another cloud": {
			change: func(cfg *world.Config) { cfg.Tenants[0].Cloud = "21vianet" }, check: "tenant", want: TenantElsewhere,
		},
		"another name of the issuer": {
			with: func(c *clinic) { c.issuer = c.base + "/legacy/" + c.tenant.ID + "/v2.0" }, check: "issuer", want: IssuerDiffers,
		},
		"a Graph of another cloud": {
			with: func(c *clinic) { c.fault(fault{"match": tokens, "code": "AADSTS500011"}) }, check: "credentials", want: GraphElsewhere,
		},
		"no such app": {
			with: func(c *clinic) { c.config.ClientID = "11111111-2222-3333-4444-555555555555" }, check: "credentials", want: AppUnknown,
		},
		"a disabled app": {
			change: func(cfg *world.Config) { cfg.Tenants[0].Apps[0].Disabled = true }, check: "credentials", want: AppDisabled,
		},
		"an app that nobody has consented to": {
			with: func(c *clinic) {
				c.fault(fault{"match": tokens, "status": 401, "code": "AADSTS7000229", "error": "invalid_client"})
			}, check: "credentials", want: AppUnused,
		},
		"a secret's id": {with: func(c *clinic) { c.secret(c.tenant.Apps[0].Secrets[0].ID) }, check: "credentials", want: SecretIsID},
		"a wrong secret": {
			with: func(c *clinic) { c.secret("nonsense~of-somebody-else") }, check: "credentials", want: SecretWrong,
		},
		"an expired secret": {
			with: func(c *clinic) {
				c.sim("/_sim/secrets", map[string]any{"client_id": c.config.ClientID, "expire": c.config.Credentials[0].Secret})
			}, check: "credentials", want: SecretExpired,
		},
		"a secret without a date": {
			with: func(c *clinic) { c.config.Credentials[0].Expires = time.Time{} }, check: "credentials", want: SecretUndated,
		},
		"a secret that ends soon": {
			with: func(c *clinic) { c.config.Credentials[0].Expires = time.Now().AddDate(0, 0, 10) }, check: "credentials", want: CredentialEnds,
		},
		"a date that has passed": {
			with: func(c *clinic) { c.config.Credentials[0].Expires = time.Now().AddDate(0, 0, -10) }, check: "credentials", want: DatePassed,
		},
		"a certificate that is not registered": {
			with: func(c *clinic) { c.config.Credentials = []entra.Credential{newPair(c.t)} }, check: "credentials", want: CertificateUnknown,
		},
		"times that Microsoft finds wrong": {
			with: func(c *clinic) {
				c.fault(fault{"match": tokens, "status": 401, "code": "AADSTS700024", "error": "invalid_client"})
			}, check: "credentials", want: ClockWrong,
		},
		"a certificate that has gone": {
			with: func(c *clinic) {
				c.config.Credentials = []entra.Credential{{Certificate: c.t.TempDir() + "/cert.pem", Key: c.t.TempDir() + "/key.pem"}}
			}, check: "credentials", want: CredentialUnusable,
		},
		"a token of somebody else's": {
			with: func(c *clinic) {
				file := filepath.Join(c.t.TempDir(), "token")
				if err := os.WriteFile(file, []byte("eyJ.eyJ.sig"), 0o600); err != nil {
					c.t.Fatal(err)
				}
				c.config.Credentials = []entra.Credential{{TokenFile: file}}
				c.fault(fault{"match": tokens, "code": "AADSTS700213"})
			}, check: "credentials", want: FederationUnknown,
		},
		"a refusal that nobody knows": {
			with: func(c *clinic) {
				c.fault(fault{"match": tokens, "status": 401, "code": "AADSTS7000299", "error": "invalid_client"})
			}, check: "credentials", want: CredentialRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, tt.change)
			if tt.with != nil {
				tt.with(c)
				c.register()
			}
			wants(t, c.run(), tt.check, tt.want)
		})
	}
}

func (c *clinic) secret(value string) { c.config.Credentials[0].Secret = value }

// Each credential is told of by itself, and none of them by its value.
func TestSeveralCredentials(t *testing.T) {
	c := newClinic(t, nil)
	good := c.config.Credentials[0]
	c.config.Credentials = []entra.Credential{{Secret: "an-old~secret", Expires: good.Expires}, good, newPair(t)}
	c.register()
	found := of(c.run(), "credentials")
	want := map[string]string{
		"contoso client_secret 1": SecretWrong.Name, "contoso client_secret 2": string(OK), "contoso client_certificate 3": CertificateUnknown.Name,
	}
	for _, f := range found {
		if want[f.About] != f.Finding && f.Finding != CredentialEnds.Name {
			t.Errorf("%+v, want %s", f, want[f.About])
		}
		if strings.Contains(f.What, "an-old~secret") || strings.Contains(f.What, good.Secret) {
			t.Errorf("a secret stands in %+v", f)
		}
	}
	if len(found) < 3 {
		t.Errorf("%+v", found)
	}
	for _, s := range c.Client.Credentials() {
		if !s.Refused.IsZero() || !s.Worked.IsZero() {
			t.Errorf("trying has changed what is known of %s", s.Name)
		}
	}
}

// Issuers that are not Microsoft's may know no tokens for apps: the credential is good.
func TestNoTokensForApps(t *testing.T) {
	for code, want := range map[string]Result{"unauthorized_client": OK, "invalid_scope": OK, "invalid_request": NotChecked} {
		c := newClinic(t, nil)
		c.fault(fault{"match": tokens, "status": 400, "error": code})
		wantsResult(t, c.run(), "credentials", want)
	}
}

// What can't be resolved is not tried, and all else is.
func TestUnresolved(t *testing.T) {
	c := newClinic(t, nil)
	c.Unresolved = true
	found := c.run()
	wantsResult(t, found, "tenant", OK)
	wantsResult(t, found, "credentials", NotChecked)
	for _, f := range Blocked("contoso") {
		if f.About != "contoso" || f.Result != NotChecked {
			t.Errorf("%+v", f)
		}
	}
}

// newPair is a certificate that nobody has registered.
func newPair(t *testing.T) entra.Credential {
	t.Helper()
	dir := t.TempDir()
	certificate, key := newCertificate(t, "nobody.example", time.Now().AddDate(1, 0, 0))
	for name, b := range map[string][]byte{"cert.pem": certificate, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return entra.Credential{Certificate: dir + "/cert.pem", Key: dir + "/key.pem"}
}

// privateKey is one for all: they take long to make.
var privateKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// newCertificate returns a certificate for a host, signed by itself, and its key, in PEM.
func newCertificate(t *testing.T, host string, until time.Time) (certificate, key []byte) {
	t.Helper()
	private, err := privateKey()
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: until.AddDate(-2, 0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
}

// A network is a way to https hosts: all of them are one server with a certificate.
func network(t *testing.T, host string, until time.Time, trusted bool, answer http.HandlerFunc) *http.Client {
	t.Helper()
	certificate, key := newCertificate(t, host, until)
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	if trusted {
		roots.AppendCertsFromPEM(certificate)
	}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}}
}

func TestTheWayToMicrosoft(t *testing.T) {
	const login = "login.microsoftonline.com"
	next := time.Now().AddDate(1, 0, 0)
	nothing := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }
	refusing := func(err error) *http.Client {
		return &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, tt := range map[string]struct {
		hc   *http.Client
		want Kind
	}{
		"a certificate of nobody":   {network(t, login, next, false, nothing), CertificateUntrusted},
		"one of somebody else":      {network(t, "proxy.example", next, true, nothing), CertificateMisnamed},
		"one that has expired":      {network(t, login, time.Now().AddDate(0, 0, -1), true, nothing), CertificateInvalid},
		"a name that is not known":  {refusing(&net.DNSError{Err: "no such host", Name: login, IsNotFound: true}), NameUnknown},
		"a DNS that does not work":  {refusing(&net.DNSError{Err: "server misbehaving", Name: login, IsTemporary: true}), Unreachable},
		"a host that does not":      {refusing(errors.New("connection refused")), Unreachable},
		"a proxy that is not there": {&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: closed.Addr().String()})}}, ProxyUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, nil)
			c.HTTP, c.issuer, c.Operator = tt.hc, "https://"+login+"/"+c.tenant.ID+"/v2.0", "microsoft"
			c.register()
			found := c.run()
			wants(t, found, "cloud", tt.want)
			wantsResult(t, found, "credentials", NotChecked)
			for _, f := range of(found, "graph") {
				if f.Result == NotChecked {
					t.Errorf("it does not go on: %+v", f)
				}
			}
		})
	}
	c := newClinic(t, nil)
	c.HTTP, c.issuer, c.Operator = network(t, login, next, true, nothing), "https://"+login+"/"+c.tenant.ID+"/v2.0", "microsoft"
	c.register()
	found := of(c.run(), "cloud")
	if len(found) != 1 || found[0].Result != OK || !strings.Contains(found[0].What, "TLS 1.3, certificate until "+date(next)) {
		t.Errorf("a good one: %+v", found)
	}
}

func TestProxy(t *testing.T) {
	addresses := []string{"https://login.microsoftonline.com/x/v2.0", "https://graph.microsoft.com"}
	to := func(proxy *url.URL, err error) []Finding {
		return Run(t.Context(), []Check{Proxy(func(*http.Request) (*url.URL, error) { return proxy, err }, addresses)}, nil, nil)
	}
	wantsResult(t, to(nil, nil), "proxy", OK)
	through := to(&url.URL{Scheme: "http", Host: "proxy.example:3128", User: url.UserPassword("me", "s3cr3t")}, nil)
	wantsResult(t, through, "proxy", OK)
	if len(through) != 2 || !strings.Contains(through[0].What, "proxy.example:3128") || strings.Contains(through[0].What, "s3cr3t") {
		t.Errorf("%+v", through)
	}
	broken := to(nil, errors.New("invalid proxy address http://me:s3cr3t@:x"))
	wants(t, broken, "proxy", ProxyInvalid)
	if strings.Contains(broken[0].What, "s3cr3t") {
		t.Errorf("%+v", broken)
	}
}
