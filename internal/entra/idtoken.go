package entra

import (
	"cmp"
	"context"
	"crypto"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// ErrIDToken: the ID token is not one that this issuer made for this app and
// this sign-in, so nobody is signed in. It is wrapped around the reason.
var ErrIDToken = errors.New("the ID token can't be trusted")

const (
	// maxIDToken bounds an ID token, in bytes. 200 groups, the most that
	// Microsoft puts into one, take about 10 KiB.
	maxIDToken = 64 << 10
	// maxSubject is the longest "sub" (OpenID Connect Core 1.0, section 2).
	maxSubject = 255
	// clockLeeway is how far ahead the issuer's clock may be; go-oidc allows as
	// much for "nbf".
	clockLeeway = 5 * time.Minute
)

// Microsoft signs with RS256. Nothing weaker, nothing symmetric, whatever
// discovery may announce.
var signingAlgs = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}

// Claims of a verified ID token. What the token doesn't hold is empty, save
// Subject, which is always there.
type Claims struct {
	// TenantID is the claim "tid": always there for an issuer of Microsoft's or
	// when Config.TenantID is set.
	TenantID string
	// Subject is the person, the same for ever within this tenant and app
	// registration. Only printable ASCII, at most 255 bytes.
	Subject string
	// SessionID is what Microsoft calls the session that the person has there
	// (OpenID Connect Front-Channel Logout 1.0, section 3: "sid").
	SessionID string
	// LoginHint is for EndSessionURL.
	LoginHint string
	// All holds every claim. Names and addresses among them may change and are
	// not verified: for display, never for access.
	All map[string]any
}

// verify checks the ID token that came with an access token as OpenID Connect
// Core 3.1.3.7 demands. go-oidc checks signature, issuer, audience, exp and nbf.
// The error is ErrIDToken, or an *Error if the signing keys could not be had.
func (c *Client) verify(ctx context.Context, raw, access, nonce string) (Claims, error) {
	switch {
	case raw == "":
		return Claims{}, untrusted("the answer holds none")
	case len(raw) > maxIDToken:
		return Claims{}, untrusted("it is longer than %d bytes", maxIDToken)
	}
	signed, err := jose.ParseSignedCompact(raw, signingAlgs)
	if err != nil {
		return Claims{}, untrusted("%s", clean(err.Error()))
	}
	key, err := c.provider.keys.signerOf(ctx, signed)
	if err != nil {
		return Claims{}, err
	}
	if key == nil {
		return Claims{}, untrusted("it is signed with none of the issuer's keys (key id %q)", clean(signed.Signatures[0].Header.KeyID))
	}
	pin, err := c.provider.pin(ctx)
	if err != nil {
		return Claims{}, err
	}
	verifier := oidc.NewVerifier(pin.issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}, &oidc.Config{
		ClientID:             c.cfg.ClientID,
		SupportedSigningAlgs: []string{string(jose.RS256), string(jose.PS256)},
		Now:                  c.provider.now,
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Claims{}, untrusted("%s", clean(err.Error()))
	}
	// Microsoft's token endpoint leaves at_hash out (section 3.1.3.8 lets it).
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(access); err != nil {
			return Claims{}, untrusted("its at_hash is of another access token")
		}
	}
	return c.checkClaims(token, pin, nonce)
}

// checkClaims does what go-oidc leaves to its caller.
func (c *Client) checkClaims(token *oidc.IDToken, pin *pinned, nonce string) (Claims, error) {
	var t struct {
		TenantID        string `json:"tid"`
		SessionID       string `json:"sid"`
		LoginHint       string `json:"login_hint"`
		AuthorizedParty string `json:"azp"`
	}
	var all map[string]any
	if err := errors.Join(token.Claims(&t), token.Claims(&all)); err != nil {
		return Claims{}, untrusted("%s", clean(err.Error()))
	}
	switch {
	case nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return Claims{}, untrusted("its nonce is not that of this sign-in")
	case token.IssuedAt.IsZero():
		return Claims{}, untrusted("iat is missing")
	case token.IssuedAt.After(c.provider.now().Add(clockLeeway)):
		return Claims{}, untrusted("it was issued at %s, which is in the future; check this machine's clock", token.IssuedAt.UTC())
	case !validSubject(token.Subject):
		return Claims{}, untrusted("sub is missing or not a subject identifier")
	case len(token.Audience) > 1 && t.AuthorizedParty == "":
		return Claims{}, untrusted("it has several audiences and no azp")
	case t.AuthorizedParty != "" && t.AuthorizedParty != c.cfg.ClientID:
		return Claims{}, untrusted("it was issued to the app %q", clean(t.AuthorizedParty))
	}
	if want := c.tenant(pin); want != "" && !strings.EqualFold(t.TenantID, want) {
		return Claims{}, untrusted("its tenant is %q, not %q", clean(t.TenantID), want)
	}
	return Claims{TenantID: t.TenantID, Subject: token.Subject, SessionID: t.SessionID, LoginHint: t.LoginHint, All: all}, nil
}

// KnowsTenant says whether people of that tenant may come in, now and with a
// session from earlier. Where the tenant was configured by a domain, the first
// question waits for Microsoft to say which tenant that is; if it can't be asked,
// the answer is no.
func (c *Client) KnowsTenant(ctx context.Context, tenantID string) bool {
	pin, err := c.provider.pin(ctx)
	if err != nil {
		return false
	}
	want := c.tenant(pin)
	return want == "" || strings.EqualFold(tenantID, want)
}

// tenant returns the only one whose people may come in; "": the issuer has no tenants.
func (c *Client) tenant(pin *pinned) string { return cmp.Or(c.cfg.TenantID, pin.tenant) }

func validSubject(s string) bool {
	if s == "" || len(s) > maxSubject {
		return false
	}
	for _, b := range []byte(s) {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return true
}

func untrusted(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrIDToken, fmt.Sprintf(format, args...))
}
