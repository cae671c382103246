// Package entra speaks with Microsoft's identity platform (v2.0) for app
// registrations of one tenant: clouds, discovery, the authorization code and
// refresh token exchanges, ID tokens, and what its errors mean and whose they are.
//
// It keeps nothing about people: tokens and claims go out as values. A Provider
// keeps the discovery document and the signing keys and renews them in the
// background; a Client of it speaks for one app registration, and sends each
// request once. signin and grant call it; any other OpenID issuer with discovery
// serves as well.
package entra
