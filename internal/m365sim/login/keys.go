package login

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // x5t is SHA-1 (RFC 7517 section 4.8)
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A key signs ID tokens: RSA 2048, RS256.
type key struct {
	// Owner is whose key it is: an authority's path, or the client id of the
	// app that it is for alone.
	Owner string `json:"owner"`
	// Number orders the keys of an owner. The newest that signs is used.
	Number      int    `json:"number"`
	Signs       bool   `json:"signs"`
	Private     []byte `json:"private"`     // PKCS #8
	Certificate []byte `json:"certificate"` // DER
}

// authorityKeys is the owner of a cloud's keys.
func (l *Login) authorityKeys(at world.Cloud) string {
	return strings.TrimPrefix(at.Login, l.world.Base)
}

// id is kid and x5t, which are the same at Entra.
func (k key) id() string {
	sum := sha1.Sum(k.Certificate) // see above
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// published are the keys of an owner, oldest first.
func (l *Login) published(owner string) []key {
	var keys []key
	for _, k := range l.keys.All() {
		if k.Owner == owner {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Compare(a.Number, b.Number) })
	return keys
}

// signingKey is the key that an owner signs with. It is made on first use, since
// that takes a while.
func (l *Login) signingKey(owner string, now time.Time) (key, error) {
	for _, k := range slices.Backward(l.published(owner)) {
		if k.Signs {
			return k, nil
		}
	}
	return l.addKey(owner, true, now)
}

func (l *Login) addKey(owner string, signs bool, now time.Time) (key, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return key{}, fmt.Errorf("making a signing key: %w", err)
	}
	k := key{Owner: owner, Number: 1, Signs: signs}
	if older := l.published(owner); len(older) > 0 {
		k.Number = older[len(older)-1].Number + 1
	}
	if k.Private, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return key{}, fmt.Errorf("making a signing key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return key{}, fmt.Errorf("making a signing key: %w", err)
	}
	about := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "accounts.accesscontrol.m365sim"},
		NotBefore: now, NotAfter: now.AddDate(5, 0, 0),
	}
	if k.Certificate, err = x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private); err != nil {
		return key{}, fmt.Errorf("making a signing key: %w", err)
	}
	l.keys.Put(k.id(), k)
	return k, nil
}

// sign returns a JWS in compact form (RFC 7515). Version 1 tells x5t too.
func (k key) sign(claims map[string]any, v version) (string, error) {
	private, err := x509.ParsePKCS8PrivateKey(k.Private)
	if err != nil {
		return "", fmt.Errorf("the signing key is damaged: %w", err)
	}
	o := (&jose.SignerOptions{}).WithType("JWT")
	if v == v1 {
		o = o.WithHeader("x5t", k.id())
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: k.id()}}, o)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// A jwk is a public key as Entra publishes it (RFC 7517).
type jwk struct {
	KeyType     string   `json:"kty"`
	Use         string   `json:"use"`
	ID          string   `json:"kid"`
	Thumbprint  string   `json:"x5t"`
	Modulus     string   `json:"n"`
	Exponent    string   `json:"e"`
	Certificate []string `json:"x5c"`
	Issuer      string   `json:"issuer"`
}

func (k key) jwk(issuer string) (jwk, error) {
	cert, err := x509.ParseCertificate(k.Certificate)
	if err != nil {
		return jwk{}, fmt.Errorf("the signing key is damaged: %w", err)
	}
	public, isRSA := cert.PublicKey.(*rsa.PublicKey)
	if !isRSA {
		return jwk{}, errors.New("the signing key is damaged: it is no RSA key")
	}
	return jwk{
		KeyType: "RSA", Use: "sig", ID: k.id(), Thumbprint: k.id(), Issuer: issuer,
		Modulus:     base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		Exponent:    base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		Certificate: []string{base64.StdEncoding.EncodeToString(k.Certificate)},
	}, nil
}

// Modes of RollKeys.
const (
	RollAdd       = "add"       // a next key is published but not used
	RollUse       = "use"       // the newest key signs from now on; older ones stay published
	RollEmergency = "emergency" // a new key signs at once, and all older ones vanish
)

// RollKeys rolls the signing keys of all clouds that have tenants; apps' own
// keys stay
// (https://learn.microsoft.com/entra/identity-platform/signing-key-rollover).
func (l *Login) RollKeys(mode string, now time.Time) error {
	if !slices.Contains([]string{RollAdd, RollUse, RollEmergency}, mode) {
		return fmt.Errorf("mode %q is unknown; write %s, %s or %s", mode, RollAdd, RollUse, RollEmergency)
	}
	owners := map[string]bool{}
	for _, t := range l.world.Tenants {
		owners[l.authorityKeys(l.world.Cloud(t.Cloud))] = true
	}
	for owner := range owners {
		if err := l.roll(owner, mode, now); err != nil {
			return err
		}
	}
	return nil
}

func (l *Login) roll(owner, mode string, now time.Time) error {
	if _, err := l.signingKey(owner, now); err != nil {
		return err
	}
	keys := l.published(owner)
	switch mode {
	case RollAdd:
		_, err := l.addKey(owner, false, now)
		return err
	case RollUse:
		newest := keys[len(keys)-1]
		newest.Signs = true
		l.keys.Put(newest.id(), newest)
		return nil
	}
	if _, err := l.addKey(owner, true, now); err != nil {
		return err
	}
	for _, k := range keys {
		l.keys.Delete(k.id())
	}
	return nil
}
