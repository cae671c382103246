package identity

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// AssertionLife is how long a signed assertion is valid.
const AssertionLife = 5 * time.Minute

// A Signer makes identity headers with a signed assertion in them, so that ONES
// can tell them from forged ones. It may be used concurrently.
type Signer struct {
	ring             func() *Ring
	issuer, audience string
}

// NewSigner returns a signer of assertions from issuer to audience, both URLs. It
// asks for the ring each time, since keys change while it is in use.
func NewSigner(ring func() *Ring, issuer, audience string) *Signer {
	return &Signer{ring: ring, issuer: issuer, audience: audience}
}

// Keys returns the public keys as a JSON Web Key Set (RFC 7517).
func (s *Signer) Keys() jose.JSONWebKeySet { return s.ring().Keys() }

// claims of an assertion.
type claims struct {
	Issuer        string   `json:"iss"`
	Audience      string   `json:"aud"`
	Subject       string   `json:"sub"`
	Email         string   `json:"email,omitempty"`
	Name          string   `json:"name,omitempty"`
	Groups        []string `json:"groups"`
	DefaultGroups []string `json:"default_groups"`
	GroupsOmitted bool     `json:"groups_omitted,omitempty"`
	CardNumber    string   `json:"card_number,omitempty"`
	TenantID      string   `json:"tid"`
	Integration   string   `json:"integration"`
	Connection    string   `json:"connection"`
	IssuedAt      int64    `json:"iat"`
	Expires       int64    `json:"exp"`
	ID            string   `json:"jti"`
}

// Headers returns the identity headers of p, valid until now + AssertionLife.
// Together they weigh at most 2 KB: groups that don't fit are left out from the
// end, and the assertion then says "groups_omitted"; after that the default
// groups, the end of a very long name, the card number and the address. A person
// whose id alone is too heavy gets none, but an error.
func (s *Signer) Headers(p *Person, connection string, now time.Time) (Headers, error) {
	c := claims{
		Issuer: s.issuer, Audience: s.audience, Subject: p.ID,
		Email: p.Email, Name: p.Name, CardNumber: p.CardNumber,
		Groups: slices.Clone(p.Groups), DefaultGroups: slices.Clone(p.DefaultGroups), TenantID: p.TenantID, Integration: p.Integration, Connection: connection,
		IssuedAt: now.Unix(), Expires: now.Add(AssertionLife).Unix(), ID: rand.Text(),
	}
	if c.Groups == nil {
		c.Groups = []string{}
	}
	if c.DefaultGroups == nil {
		c.DefaultGroups = []string{}
	}
	for {
		c.GroupsOmitted = len(c.Groups) < len(p.Groups)
		payload, err := c.encode()
		if err != nil {
			return nil, err
		}
		hs := plainHeaders(c)
		if size := hs.size() + assertionSize(payload); size > maxHeaders {
			if !c.shorten() {
				return nil, fmt.Errorf("the identity headers weigh %d bytes, with all left out that can be; at most %d are allowed", size, maxHeaders)
			}
			continue
		}
		signed, err := s.ring().at(now).signer.Sign(payload)
		if err != nil {
			return nil, fmt.Errorf("signing the assertion: %w", err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			return nil, fmt.Errorf("signing the assertion: %w", err)
		}
		return append(hs, header{HeaderAssertion, token}), nil
	}
}

// encode returns the claims as JSON, without the escapes that only HTML needs.
func (c *claims) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(c)
	return bytes.TrimSpace(b.Bytes()), err
}

// shorten makes the claims lighter by what can be missed most easily, and
// reports whether there was something left to leave out.
func (c *claims) shorten() bool {
	switch {
	case len(c.Groups) > 0:
		c.Groups = c.Groups[:len(c.Groups)-1]
	case len(c.DefaultGroups) > 0:
		c.DefaultGroups = c.DefaultGroups[:len(c.DefaultGroups)-1]
	case c.Name != "":
		c.Name = strings.TrimSpace(strings.ToValidUTF8(c.Name[:len(c.Name)*3/4], ""))
	case c.CardNumber != "": // a part of it would be another one
		c.CardNumber = ""
	case c.Email != "":
		c.Email = ""
	default:
		return false
	}
	return true
}

// assertionSize is what the header with that payload will weigh: a protected
// header of at most 100 bytes and an ES256 signature of 64 stand beside it.
func assertionSize(payload []byte) int {
	return len(HeaderAssertion) + len(": \r\n") + base64.RawURLEncoding.EncodedLen(100) +
		base64.RawURLEncoding.EncodedLen(len(payload)) + base64.RawURLEncoding.EncodedLen(64) + len("..")
}
