// Package entra speaks with Microsoft's identity platform (v2.0) for one app
// registration in one tenant: clouds, discovery, the authorization code and
// refresh token exchanges, ID tokens, and what its errors mean and whose they are.
//
// It keeps nothing about people: tokens and claims go out as values; only the
// discovery document and the signing keys are cached. It sends each request
// once, starts no goroutine and writes no log. signin and grant call it; any
// other OpenID issuer with discovery serves as well.
package entra
