package login

import (
	"crypto"
	"crypto/sha1" // x5t is SHA-1 (RFC 7515 section 4.1.7)
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Bounds of an assertion. Entra documents that it should live 5 to 10 minutes,
// but no limit; a day is ours.
const (
	maxAssertion         = 16 << 10 // bytes
	maxAssertionLifetime = 24 * time.Hour
)

// checkAssertion verifies a JWT with which a client authenticates: signed by a
// certificate of its own if it is the issuer
// (https://learn.microsoft.com/entra/identity-platform/certificate-credentials),
// else by an issuer that it trusts
// (https://learn.microsoft.com/entra/workload-id/workload-identity-federation).
func (l *Login) checkAssertion(c *front.Call, at authority, a *world.App, text string) *failure {
	if len(text) > maxAssertion {
		return refuse(50027).about("It is longer than %d bytes.", maxAssertion)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.PS256, jose.RS256})
	if err != nil {
		return refuse(50027).about("%v", err)
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return refuse(50027).about("%v", err)
	}
	if !strings.EqualFold(claims.Issuer, a.ClientID) {
		return l.checkFederated(c, a, token, claims)
	}
	if !signedBy(a, token) {
		return refuse(700027).about("The app is %q.", a.ClientID)
	}
	switch {
	case !strings.EqualFold(claims.Subject, a.ClientID):
		return refuse(700021).about("The subject is %q.", claims.Subject)
	case len(claims.Audience) != 1 || !slices.Contains(tokenEndpoints(c, at), claims.Audience[0]):
		return refuse(700023).about("It is %q.", []string(claims.Audience))
	}
	return timely(c.Now, claims)
}

// timely checks when an assertion is valid. There is no leeway: what is late
// here may be late there.
func timely(now time.Time, claims jwt.Claims) *failure {
	if claims.Expiry == nil {
		return refuse(700024).about("It has no exp.")
	}
	expires := claims.Expiry.Time()
	switch {
	case !now.Before(expires):
		return refuse(700024).about("It expired at %s, and now is %s.", stamp(expires), stamp(now))
	case claims.NotBefore != nil && now.Before(claims.NotBefore.Time()):
		return refuse(700024).about("It begins at %s, and now is %s.", stamp(claims.NotBefore.Time()), stamp(now))
	case expires.Sub(now) > maxAssertionLifetime:
		return refuse(700024).about("It is valid for longer than %s.", maxAssertionLifetime)
	}
	return nil
}

// tokenEndpoints are what an assertion may be meant for: the endpoint that was
// called, by any of the tenant's and the cloud's names.
func tokenEndpoints(c *front.Call, at authority) []string {
	var endpoints []string
	names := []string{at.name}
	if at.tenant != nil {
		names = append(names, at.tenant.ID, at.tenant.Domain)
	}
	for _, root := range []string{c.Root, c.Cloud.Login} {
		for _, name := range names {
			for _, v := range []version{v1, v2} {
				endpoints = append(endpoints, root+"/"+name+"/oauth2"+v.segment()+"/token")
			}
		}
	}
	return endpoints
}

// signedBy says whether a token is signed by one of the app's certificates, which
// its header names: by x5t#S256 with PS256, by x5t with RS256.
func signedBy(a *world.App, token *jwt.JSONWebToken) bool {
	header := token.Headers[0] // ParseSigned takes tokens with one only
	name, thumbprint := "x5t", sha1Of
	if header.Algorithm == string(jose.PS256) {
		name, thumbprint = "x5t#S256", sha256Of
	}
	given, _ := header.ExtraHeaders[jose.HeaderKey(name)].(string)
	return slices.ContainsFunc(a.Certificates, func(text string) bool {
		cert, err := world.ParseCertificate(text)
		return err == nil && sameThumbprint(given, thumbprint(cert)) && verifies(token, cert.PublicKey)
	})
}

func sha1Of(cert *x509.Certificate) []byte {
	sum := sha1.Sum(cert.Raw)
	return sum[:]
}

func sha256Of(cert *x509.Certificate) []byte {
	sum := sha256.Sum256(cert.Raw)
	return sum[:]
}

// sameThumbprint takes base64url, and the padded base64 that MSAL for Go writes.
func sameThumbprint(given string, sum []byte) bool {
	return given == base64.RawURLEncoding.EncodeToString(sum) || given == base64.StdEncoding.EncodeToString(sum)
}

func verifies(token *jwt.JSONWebToken, key crypto.PublicKey) bool { return token.Claims(key) == nil }

// checkFederated verifies a token of an issuer that the app trusts. Issuer,
// subject and audience are compared exactly.
func (l *Login) checkFederated(c *front.Call, a *world.App, token *jwt.JSONWebToken, claims jwt.Claims) *failure {
	_, home := l.world.App(a.ClientID)
	exchange := l.world.Cloud(home.Cloud).TokenExchange
	issued := slices.DeleteFunc(slices.Clone(a.FederatedCredentials), func(f world.FederatedCredential) bool { return f.Issuer != claims.Issuer })
	if len(issued) == 0 {
		return refuse(700211).about("It is %q.", claims.Issuer)
	}
	about := slices.DeleteFunc(slices.Clone(issued), func(f world.FederatedCredential) bool { return f.Subject != claims.Subject })
	if len(about) == 0 {
		return refuse(700213).about("It is %q.", claims.Subject)
	}
	meant := slices.DeleteFunc(slices.Clone(about), func(f world.FederatedCredential) bool {
		return f.Audience != exchange || !slices.Contains(claims.Audience, f.Audience)
	})
	if len(meant) == 0 {
		return refuse(700212).about("It is %q; in this cloud it has to be %q.", []string(claims.Audience), exchange)
	}
	if !slices.ContainsFunc(meant, func(f world.FederatedCredential) bool { return vouches(f, token) }) {
		return refuse(700027).about("The key is not one of %q.", claims.Issuer)
	}
	return timely(c.Now, claims)
}

// vouches says whether a token is signed by one of the issuer's keys. Entra
// takes RS256 only.
func vouches(f world.FederatedCredential, token *jwt.JSONWebToken) bool {
	var set jose.JSONWebKeySet
	if token.Headers[0].Algorithm != string(jose.RS256) || json.Unmarshal(f.JWKS, &set) != nil {
		return false
	}
	keys := set.Keys
	if id := token.Headers[0].KeyID; id != "" {
		keys = set.Key(id)
	}
	return slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return verifies(token, k.Key) })
}
