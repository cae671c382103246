package entra_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/onesgate/onesgate/internal/entra"
)

// certify writes a certificate and its key as PEM files, in place of others.
func certify(t *testing.T, dir string, key any, ends time.Time) (entra.Credential, *x509.Certificate) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "onesgate"}, NotBefore: noon.Add(-time.Hour), NotAfter: ends,
	}
	var public any
	switch k := key.(type) {
	case *rsa.PrivateKey:
		public = &k.PublicKey
	case *ecdsa.PrivateKey:
		public = &k.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := entra.Credential{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	write(t, c.Certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, c.Key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return c, cert
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// app is a client with these credentials, and what it tells the operator.
func (p *idp) app(t *testing.T, now *clock, credentials ...entra.Credential) (*entra.Client, *bytes.Buffer) {
	t.Helper()
	cfg := p.config()
	cfg.Credentials = credentials
	var told bytes.Buffer
	return entra.NewClient(cfg, p.provider(t, now), slog.New(slog.NewTextHandler(&told, nil))), &told
}

func (p *idp) lastForm(t *testing.T) url.Values {
	t.Helper()
	forms := p.received().forms
	if len(forms) == 0 {
		t.Fatal("no form has been sent")
	}
	return forms[len(forms)-1]
}

// TestClientCertificate: the assertion is as Microsoft describes it, another one
// each time, and the files may be replaced.
func TestClientCertificate(t *testing.T) {
	p := newIDP(t)
	dir := t.TempDir()
	credential, cert := certify(t, dir, firstKey(), noon.Add(time.Hour))
	now := &clock{at: noon}
	c, told := p.app(t, now, credential)
	seen := map[string]bool{}
	refresh := func(cert *x509.Certificate) {
		t.Helper()
		if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil {
			t.Fatal(err)
		}
		form := p.lastForm(t)
		if form.Has("client_secret") || form.Get("client_id") != clientID || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			t.Errorf("the form is %v", form)
		}
		signed, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.PS256})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := signed.Verify(cert.PublicKey)
		if err != nil {
			t.Fatalf("it is not signed with the certificate: %v", err)
		}
		sum := sha256.Sum256(cert.Raw)
		header := signed.Signatures[0].Protected.ExtraHeaders
		if header["typ"] != "JWT" || header["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Errorf("the header is %v", header)
		}
		var claims struct {
			Aud, Iss, Sub, JTI string
			IAT, NBF, EXP      int64
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		at := now.now().Unix()
		if claims.Aud != p.document["token_endpoint"] || claims.Iss != clientID || claims.Sub != clientID ||
			claims.IAT != at || claims.NBF != at || claims.EXP != at+600 {
			t.Errorf("the claims are %s", payload)
		}
		if uuid.Validate(claims.JTI) != nil || seen[claims.JTI] {
			t.Errorf("jti %q is not a UUID of its own", claims.JTI)
		}
		seen[claims.JTI] = true
	}
	refresh(cert)
	now.advance(time.Minute)
	refresh(cert)

	// Replaced: at first only half of it, then all.
	key, err := os.ReadFile(credential.Key)
	if err != nil {
		t.Fatal(err)
	}
	_, next := certify(t, dir, secondKey(), noon.Add(2*time.Hour))
	newKey, err := os.ReadFile(credential.Key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, credential.Key, string(key))
	refresh(cert)
	refresh(cert)
	if n := strings.Count(told.String(), "the certificate on disk is of no use"); n != 1 {
		t.Errorf("the operator was told %d times, want once:\n%s", n, told)
	}
	write(t, credential.Key, string(newKey))
	refresh(next)
}

// TestFederatedToken: read at each use.
func TestFederatedToken(t *testing.T) {
	p := newIDP(t)
	file := filepath.Join(t.TempDir(), "token")
	c, _ := p.app(t, &clock{at: noon}, entra.Credential{TokenFile: file})
	for _, token := range []string{"e30.e30.c2ln", "e30.e30.bmV3"} {
		write(t, file, token+"\n")
		if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil {
			t.Fatal(err)
		}
		form := p.lastForm(t)
		if form.Get("client_assertion") != token || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret") {
			t.Errorf("the form is %v, want the token %s", form, token)
		}
	}
}

func TestCredentialCheck(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string {
		d := filepath.Join(dir, name)
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		return d
	}
	good, _ := certify(t, in("good"), firstKey(), noon)
	other, _ := certify(t, in("other"), secondKey(), noon)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, _ := certify(t, in("ec"), curve, noon)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short, _ := certify(t, in("short"), weak, noon)
	token, junk, huge := filepath.Join(dir, "token"), filepath.Join(dir, "junk"), filepath.Join(dir, "huge")
	write(t, token, "e30.e30.c2ln\n")
	write(t, junk, "top-secret")
	write(t, huge, strings.Repeat("a", 64<<10+1))
	for _, tt := range []struct {
		name    string
		c       entra.Credential
		expires time.Time
		says    string // part of the error; "": none
	}{
		{"secret", entra.Credential{Secret: "x"}, time.Time{}, ""},
		{"secret with a date", entra.Credential{Secret: "x", Expires: noon}, noon.Truncate(day).Add(day - time.Second), ""},
		{"certificate", good, noon, ""},
		{"token", entra.Credential{TokenFile: token}, time.Time{}, ""},
		{"nothing", entra.Credential{}, time.Time{}, "empty"},
		{"certificate that isn't there", entra.Credential{Certificate: dir + "/none", Key: good.Key}, time.Time{}, "no such file"},
		{"key that isn't there", entra.Credential{Certificate: good.Certificate, Key: dir + "/none"}, time.Time{}, "no such file"},
		{"key of another certificate", entra.Credential{Certificate: good.Certificate, Key: other.Key}, time.Time{}, "does not match"},
		{"files the wrong way round", entra.Credential{Certificate: good.Key, Key: good.Certificate}, time.Time{}, "switched"},
		{"junk for a key", entra.Credential{Certificate: good.Certificate, Key: junk}, time.Time{}, "PEM"},
		{"elliptic curve", ec, time.Time{}, "not an RSA key"},
		{"short key", short, time.Time{}, "1024 bits"},
		{"huge certificate", entra.Credential{Certificate: huge, Key: good.Key}, time.Time{}, "larger than"},
		{"token that isn't there", entra.Credential{TokenFile: dir + "/none"}, time.Time{}, "no such file"},
		{"token that is none", entra.Credential{TokenFile: junk}, time.Time{}, "holds no token"},
		{"huge token", entra.Credential{TokenFile: huge}, time.Time{}, "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expires, err := tt.c.Check()
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) || !expires.Equal(tt.expires) {
				t.Errorf("Check = %v, %v, want %v and an error with %q", expires, err, tt.expires, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "top-secret") {
				t.Errorf("Check shows what is in the file: %v", err)
			}
		})
	}
}

// refuseSecrets answers as Microsoft does when the secret is one of these.
func (p *idp) refuseSecrets(t *testing.T, refused ...string) {
	p.token = func(w http.ResponseWriter, r *http.Request) {
		for _, s := range refused {
			if r.PostForm.Get("client_secret") == s {
				writeJSON(w, http.StatusUnauthorized, map[string]any{
					"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired.", "error_codes": []int{7000222},
				})
				return
			}
		}
		writeJSON(w, http.StatusOK, p.answer(t))
	}
}

// TestFailOver: a refused credential is passed over, told about once, and tried
// again later; no credential is sent twice.
func TestFailOver(t *testing.T) {
	p := newIDP(t)
	now := &clock{at: noon}
	c, told := p.app(t, now, entra.Credential{Secret: "first"}, entra.Credential{Secret: "second"}, entra.Credential{Secret: "third"})
	sent := func(want error, secrets ...string) {
		t.Helper()
		before := len(p.received().forms)
		_, err := c.Refresh(t.Context(), "refresh-0", "")
		if !errors.Is(err, want) {
			t.Errorf("Refresh = %v, want %v", err, want)
		}
		var got []string
		for _, form := range p.received().forms[before:] {
			got = append(got, form.Get("client_secret"))
		}
		if strings.Join(got, " ") != strings.Join(secrets, " ") {
			t.Errorf("sent with %q, want %q", got, secrets)
		}
	}
	warnings := func(want int) {
		t.Helper()
		if got := strings.Count(told.String(), "level=WARN"); got != want {
			t.Errorf("the operator was told %d times, want %d:\n%s", got, want, told)
		}
	}
	sent(nil, "first")
	warnings(0)
	p.refuseSecrets(t, "first")
	sent(nil, "first", "second")
	warnings(1)
	if !strings.Contains(told.String(), `refused="client_secret (number 1)" works="client_secret (number 2)"`) || !strings.Contains(told.String(), "AADSTS7000222") {
		t.Errorf("the operator was told:\n%s", told)
	}
	sent(nil, "second") // remembered
	now.advance(10 * time.Minute)
	sent(nil, "first", "second") // tried again, and not told again
	warnings(1)
	p.refuseSecrets(t, "second")
	sent(nil, "second", "third") // the first is tried last: it was refused a moment ago
	warnings(2)
	p.refuseSecrets(t, "second", "third")
	sent(nil, "third", "first") // the current one fails: the refused ones are tried again
	warnings(3)
	now.advance(10 * time.Minute)
	p.refuseSecrets(t)
	sent(nil, "first")
	now.advance(10 * time.Minute)
	p.refuseSecrets(t, "first")
	sent(nil, "first", "second")
	warnings(4) // it had worked in between

	// All refused: each once, and it is the operator's, who is told of
	// the one that is news.
	p.refuseSecrets(t, "first", "second", "third")
	_, err := c.Refresh(t.Context(), "refresh-0", "")
	var e *entra.Error
	if !errors.As(err, &e) || e.Class != entra.Operator || e.Code != "invalid_client" {
		t.Errorf("Refresh = %v, want an *entra.Error of the operator's", err)
	}
	warnings(5)
	if !strings.Contains(told.String(), `refuses every credential of the app registration: replace one of them" refused="client_secret (number 2)"`) {
		t.Errorf("the operator was told:\n%s", told)
	}
	_, _ = c.Refresh(t.Context(), "refresh-0", "")
	warnings(5)
	for _, s := range []string{"first", "second", "third", "refresh-0"} {
		if strings.Contains(told.String(), `"`+s+`"`) || strings.Contains(told.String(), "="+s) {
			t.Errorf("%q is in the log:\n%s", s, told)
		}
	}
}

// TestNoFailOver: what another credential can't help is sent once.
func TestNoFailOver(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"dead grant":     refuse(http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_codes": []int{50173}}),
		"unknown app":    refuse(http.StatusBadRequest, map[string]any{"error": "unauthorized_client", "error_codes": []int{700016}}),
		"outage":         refuse(http.StatusServiceUnavailable, nil),
		"a proxy's page": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			p.token = answer
			c, told := p.app(t, &clock{at: noon}, entra.Credential{Secret: "first"}, entra.Credential{Secret: "second"})
			if _, err := c.Refresh(t.Context(), "refresh-0", ""); err == nil {
				t.Error("Refresh succeeded")
			}
			if got := len(p.received().forms); got != 1 || told.Len() > 0 {
				t.Errorf("sent %d times, told %q, want once and nothing", got, told)
			}
		})
	}
}

// TestCredentialOfNoUse: what can't be read is passed over as if refused.
func TestCredentialOfNoUse(t *testing.T) {
	p := newIDP(t)
	gone := entra.Credential{TokenFile: filepath.Join(t.TempDir(), "gone")}
	c, told := p.app(t, &clock{at: noon}, gone, entra.Credential{Secret: secret})
	if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil || p.lastForm(t).Get("client_secret") != secret {
		t.Errorf("Refresh = %v, want the secret to be used", err)
	}
	if !strings.Contains(told.String(), "no such file") {
		t.Errorf("the operator was told:\n%s", told)
	}
	for name, credentials := range map[string][]entra.Credential{"alone": {gone}, "none at all": nil} {
		c, _ = p.app(t, &clock{at: noon}, credentials...)
		before := len(p.received().forms)
		_, err := c.Refresh(t.Context(), "refresh-0", "")
		var e *entra.Error
		if !errors.As(err, &e) || e.Class != entra.Operator {
			t.Errorf("%s: Refresh = %v, want an *entra.Error of the operator's", name, err)
		}
		if got := len(p.received().forms); got != before {
			t.Errorf("%s: a form without a credential was sent", name)
		}
	}
}
