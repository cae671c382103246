// Package login is the Microsoft identity platform (Entra ID) of the simulator:
// discovery and keys, the authorization endpoint with its account chooser and
// consent pages, the token endpoint, administrators' consent and sign-out, in
// version 2 and, as far as they differ little, in version 1. It owns browser
// sessions, codes, tokens, consents, signing keys, and what has happened to
// people's accounts.
//
// It is as strict as the real one and refuses with its AADSTS numbers, in plain
// words of our own: programs may rely on numbers and OAuth's error codes, not on
// texts (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
//
// Left out on purpose: passwords and second factors, the implicit and hybrid
// flows, device code, on-behalf-of, personal accounts, single-page and public
// clients, ID tokens' encryption. Access tokens are opaque, since a client may
// not look into them.
//
// Everything runs one call at a time, behind a front.Door.
package login
