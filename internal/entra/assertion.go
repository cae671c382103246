package entra

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

const (
	// assertionLife is how long a client assertion is good for.
	assertionLife = 10 * time.Minute
	// minKeyBits is the shortest RSA key that PS256 may be used with (RFC 7518,
	// section 3.5).
	minKeyBits = 2048
)

// A pair is a certificate and its private key.
type pair struct {
	files       [sha256.Size]byte // of what it was read from
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// readPair reads and checks the PEM files of a pair.
func readPair(certificate, key string) (*pair, error) {
	c, k, sum, err := readPEM(certificate, key)
	if err != nil {
		return nil, err
	}
	return parsePair(c, k, sum)
}

func readPEM(certificate, key string) (c, k []byte, sum [sha256.Size]byte, err error) {
	if c, err = readFile(certificate); err != nil {
		return nil, nil, sum, err
	}
	if k, err = readFile(key); err != nil {
		return nil, nil, sum, err
	}
	return c, k, sha256.Sum256(bytes.Join([][]byte{c, k}, []byte{0})), nil
}

func parsePair(certificate, key []byte, sum [sha256.Size]byte) (*pair, error) {
	both, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	private, ok := both.PrivateKey.(*rsa.PrivateKey)
	switch {
	case !ok:
		return nil, fmt.Errorf("the key is not an RSA key, and Microsoft takes no other")
	case private.N.BitLen() < minKeyBits:
		return nil, fmt.Errorf("the RSA key has %d bits and needs %d", private.N.BitLen(), minKeyBits)
	}
	return &pair{files: sum, certificate: both.Leaf, key: private}, nil
}

// current returns the pair as it is on disk, or the one before where that is of
// no use: while files are being replaced, they don't fit for a moment.
func (c *credential) current() (*pair, error) {
	last, problem := c.latest()
	if last == nil {
		return nil, problem
	}
	return last, nil
}

// latest returns the last good pair, nil if there was none, and what is wrong with
// the files now.
func (c *credential) latest() (last *pair, problem error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	certificate, key, sum, err := readPEM(c.Certificate, c.Key)
	if err == nil && (c.pair == nil || c.pair.files != sum) {
		var fresh *pair
		if fresh, err = parsePair(certificate, key, sum); err == nil {
			c.pair = fresh
		}
	}
	if err != nil && c.pair != nil && !c.unfit {
		c.log.Warn("the certificate on disk is of no use; the one before is used on", "credential", c.name(), "error", err)
	}
	c.unfit = err != nil
	return c.pair, err
}

// assert signs who we are: a JWT as
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
// describes it (RFC 7523, section 3).
func (c *credential) assert(clientID, audience string, now time.Time) (string, error) {
	pair, err := c.current()
	if err != nil {
		return "", err
	}
	thumbprint := sha256.Sum256(pair.certificate.Raw)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: pair.key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(thumbprint[:])))
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"aud": audience, "iss": clientID, "sub": clientID, "jti": uuid.NewString(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
