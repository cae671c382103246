package integration_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim"
	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// A credential is a key and its self-signed certificate, in files of PEM.
type credential struct{ keyFile, certFile string }

func newCredential(t *testing.T, host string) credential {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := credential{filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")}
	for file, block := range map[string]*pem.Block{
		c.keyFile: {Type: "PRIVATE KEY", Bytes: pkcs8}, c.certFile: {Type: "CERTIFICATE", Bytes: cert},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A microsoft is a simulated Microsoft 365 for clients that know no gateway. It
// speaks TLS, since Microsoft's SDK refuses to do without.
type microsoft struct {
	*httptest.Server
	t      *testing.T
	tenant m365.Tenant
	app    m365.App
	issuer string
	tls    credential
	client credential // the app's certificate
}

func newMicrosoft(t *testing.T) *microsoft {
	t.Helper()
	m := &microsoft{Server: httptest.NewUnstartedServer(nil), t: t, tls: newCredential(t, "localhost"), client: newCredential(t, "onesgate")}
	certificate, err := os.ReadFile(m.client.certFile)
	if err != nil {
		t.Fatal(err)
	}
	cfg := m365.Sample()
	cfg.Tenants[0].Apps[0].Certificates = []string{string(certificate)}
	for i := range cfg.Tenants[0].Rooms {
		cfg.Tenants[0].Rooms[i].AnswerDelay = m365.Duration(10 * time.Millisecond)
	}
	m.tenant = cfg.Tenants[0]
	m.app = m.tenant.Apps[0]

	base := fmt.Sprintf("https://localhost:%d", m.Listener.Addr().(*net.TCPAddr).Port)
	m.issuer = base + "/" + m.tenant.ID + "/v2.0"
	sim, err := m365sim.New(cfg, m365sim.Options{BaseURL: base, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	pair, err := tls.LoadX509KeyPair(m.tls.certFile, m.tls.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	m.Config.Handler = sim
	m.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	m.StartTLS()
	m.URL = base
	t.Cleanup(m.Close)
	return m
}

// token signs somebody in and returns an access token.
func (m *microsoft) token(mail string) string {
	m.t.Helper()
	v := newVisitor(m.t, m.URL)
	v.client.Transport = m.Client().Transport
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	post := func(path string, form url.Values) answer {
		return v.send(v.request(http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
	}
	endpoint := "/" + m.tenant.ID + "/oauth2/v2.0/"
	chosen := post(endpoint+"authorize?"+url.Values{
		"client_id": {m.app.ClientID}, "redirect_uri": {m.app.RedirectURIs[0]}, "response_type": {"code"}, "scope": {strings.Join(m.app.Scopes, " ")},
	}.Encode(), url.Values{"account": {mail}})
	back, err := chosen.Location()
	if err != nil {
		m.t.Fatalf("the sign-in does not come back: %d %s", chosen.StatusCode, chosen.body)
	}
	tokens := post(endpoint+"token", url.Values{
		"client_id": {m.app.ClientID}, "client_secret": {m.app.Secrets[0].Value}, "redirect_uri": {m.app.RedirectURIs[0]},
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
	})
	token, _ := tokens.json(m.t)["access_token"].(string)
	if token == "" {
		m.t.Fatalf("no access token came: %s", tokens.body)
	}
	return token
}

// run runs a script of the folder clients, which has to pass these steps.
func (m *microsoft) run(steps, env []string, script string, args ...string) {
	m.t.Helper()
	runClient(m.t, m.tls, steps, env, script, args...)
}

// runClient runs a script, which believes the server that has a credential.
func runClient(t *testing.T, server credential, steps, env []string, script string, args ...string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("node is missing; make deps installs it: %v", err)
	}
	if _, err := os.Stat("clients/node_modules"); err != nil {
		t.Fatalf("the clients' libraries are missing; make deps installs them: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{script}, args...)...)
	cmd.Dir = "clients"
	cmd.Env = append(append(os.Environ(), "NODE_EXTRA_CA_CERTS="+server.certFile), env...)
	out, err := cmd.CombinedOutput()
	var passed []string
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "ok "); ok {
			passed = append(passed, strings.TrimSpace(name))
		}
	}
	if err != nil || !slices.Equal(passed, steps) {
		t.Fatalf("%s: %v\npassed %q,\n  want %q\n%s", script, err, passed, steps, out)
	}
}

// A certified OpenID client that knows nothing of Microsoft signs in.
func TestOpenIDClient(t *testing.T) {
	m := newMicrosoft(t)
	m.run([]string{
		"discovery", "account-chooser", "account-chosen", "code", "claims", "userinfo", "refresh", "refresh-again-with-the-first-token",
		"secret-in-a-header", "code-reused", "wrong-verifier", "form-post", "certificate", "certificate-unknown", "sign-out",
	}, []string{"FORM_POST=1", "CLIENT_KEY_FILE=" + m.client.keyFile, "CLIENT_CERT_FILE=" + m.client.certFile},
		"openid.mjs", m.issuer, m.app.ClientID, m.app.Secrets[0].Value, m.app.RedirectURIs[0], m.tenant.People[0].Mail)
}

// Microsoft's own SDK books a room.
func TestGraphSDK(t *testing.T) {
	m := newMicrosoft(t)
	m.run([]string{
		"calendar", "create", "create-again", "read-in-a-zone", "immutable-id", "pages", "room-accepts", "update", "get-schedule",
		"find-meeting-times", "series", "instances", "exception", "delta", "batch", "cancel", "not-found", "throttled",
	}, nil, "graph.mjs", m.URL, m.token(m.tenant.People[0].Mail), m.tenant.Rooms[0].Address)
}
