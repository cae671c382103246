package login

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// redeemCode answers the authorization code grant. A code works once, for the
// app, the endpoint and the redirect URI that it was issued for.
func (l *Login) redeemCode(r tokenRequest) (*tokenAnswer, *failure) {
	value := r.form.Get("code")
	if value == "" {
		return nil, missing("code")
	}
	id := fingerprint(value)
	g := l.codes.Get(id)
	given := r.form.Get("redirect_uri")
	switch {
	case !l.codes.Has(id):
		return nil, refuse(70000).sub("").about("The authorization code is not one of ours.")
	case g.Redeemed:
		return nil, refuse(54005)
	case g.Revoked:
		return nil, refuse(50173)
	case r.Now.After(g.Expires):
		return nil, refuse(70008)
	case g.Authority != r.at.id():
		return nil, refuse(700005).about("It was issued at %q.", g.Authority)
	case g.ClientID != r.app.ClientID:
		return nil, refuse(70000).sub("client_mismatch").about("The authorization code was issued to another client.")
	case given == "":
		return nil, missing("redirect_uri")
	case given != g.RedirectURI:
		return nil, refuse(500112).about("It is %q, and the code was asked with %q.", given, g.RedirectURI)
	}
	if refusal := checkVerifier(g, r.form.Get("code_verifier")); refusal != nil {
		return nil, refusal
	}
	g.Redeemed = true
	l.codes.Put(id, g)
	return l.issue(r, g.grant, g.Nonce, signInClaims(g.grant).and(r.claims))
}

// checkVerifier is RFC 7636 section 4.6.
func checkVerifier(g code, verifier string) *failure {
	made := verifier
	if g.ChallengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		made = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	switch {
	case g.Challenge == "" && verifier == "":
		return nil
	case g.Challenge == "":
		return refuse(50147).about("The code was asked without a code_challenge.")
	case !challengeForm.MatchString(verifier), subtle.ConstantTimeCompare([]byte(made), []byte(g.Challenge)) == 0:
		return refuse(501481)
	}
	return nil
}

// redeemRefresh answers the refresh token grant. The token stays valid: each use
// makes a new one and revokes none
// (https://learn.microsoft.com/entra/identity-platform/refresh-tokens).
func (l *Login) redeemRefresh(r tokenRequest) (*tokenAnswer, *failure) {
	value := r.form.Get("refresh_token")
	if value == "" {
		return nil, missing("refresh_token")
	}
	id := fingerprint(value)
	g := l.refresh.Get(id)
	switch {
	case !l.refresh.Has(id):
		return nil, refuse(70000).about("The refresh token is not one of ours.")
	case g.Revoked:
		return nil, refuse(50173)
	case r.Now.After(g.Expires):
		return nil, refuse(700082)
	case g.ClientID != r.app.ClientID:
		return nil, refuse(70000).sub("client_mismatch").about("The refresh token was issued to another client.")
	case r.at.tenant != nil && r.at.tenant != l.world.Tenant(g.TenantID):
		return nil, refuse(50020).about("The directory is %q.", r.at.tenant.Name)
	}
	if refusal := l.conditionOf(g.PersonID); refusal != nil {
		return nil, refusal
	}
	g.Expires = r.Now.Add(refreshLifetime)
	l.refresh.Put(id, g)
	return l.issue(r, g, "", r.claims)
}

// conditionOf says why somebody's refreshes are refused for the time being. That
// an account is disabled or deleted is told first.
func (l *Login) conditionOf(personID string) *failure {
	now := l.standings.Get(personID)
	if now.Condition == 0 || now.Deleted || now.Disabled {
		return nil
	}
	return refuse(now.Condition)
}
