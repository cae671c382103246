package integration_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestSignInWithACertificate(t *testing.T) {
	certificate, key := newCertificate(t, 1)
	w := newWorld(t, func(c *m365.Config) { c.Tenants[0].Apps[0].Certificates = []string{certificate} })
	for name, text := range map[string]string{"cert.pem": certificate, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.write(map[string]any{"Credentials": "client_certificate " + w.dir + "/cert.pem " + w.dir + "/key.pem"})
	p := w.gateway()
	if a := newVisitor(t, w.home).signIn(alice); a.StatusCode != http.StatusOK || a.body != "ones" {
		t.Errorf("after the sign-in: %d %s", a.StatusCode, a.body)
	}
	p.logs("a credential of the app registration expires soon")
}

// A secret that has been replaced at Microsoft locks nobody out.
func TestSignInWithTheSecondSecret(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]any{"Credentials": "client_secret an-old-secret\n\t\t\t\tclient_secret {env.ONES_CLIENT_SECRET}"})
	p := w.gateway()
	for _, mail := range []string{alice, bob} {
		if a := newVisitor(t, w.home).signIn(mail); a.StatusCode != http.StatusOK || a.body != "ones" {
			t.Errorf("after the sign-in of %s: %d %s", mail, a.StatusCode, a.body)
		}
	}
	p.logs("AADSTS7000215")
	if n := strings.Count(p.errors(), "Microsoft refuses a credential"); n != 1 {
		t.Errorf("the operator was told %d times, want once:\n%s", n, p.errors())
	}
	if log := p.errors(); strings.Contains(log, "an-old-secret") || strings.Contains(log, w.secret) {
		t.Errorf("the log tells a secret:\n%s", log)
	}
}

// newCertificate returns a certificate that ends in so many days, and its key, as PEM.
func newCertificate(t *testing.T, days int) (certificate, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(0, 0, days)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
}
