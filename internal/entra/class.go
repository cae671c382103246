package entra

import (
	"net/http"
	"slices"
)

// A Class says whose an Error is and what helps.
type Class uint8

const (
	// Transient: it passes by itself. Try again after a while; AADSTS50196,
	// Microsoft's throttling of a loop, is one of these.
	Transient Class = iota
	// Operator: the configuration is wrong: an expired secret, a wrong client
	// id. It hits everybody at once and is no grant's fault.
	Operator
	// Admin: an administrator of the tenant has to consent, or to assign the person.
	Admin
	// Person: the person has to sign in once more (multi-factor authentication,
	// Conditional Access). The refresh token may work again by itself: keep it.
	Person
	// Dead: the refresh token will never work again.
	Dead
)

func (c Class) String() string {
	switch c {
	case Operator:
		return "the operator has to correct the configuration"
	case Admin:
		return "an administrator of the tenant has to act"
	case Person:
		return "the person has to sign in again"
	case Dead:
		return "the connection has ended, the person has to sign in again"
	}
	return "it can be tried again later"
}

// classify goes by the error and the suberror first; Microsoft warns that the
// numbers may change
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
func classify(status int, code, suberror string, numbers []int) Class {
	refusedGrant := code == "invalid_grant"
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500,
		code == "temporarily_unavailable", code == "server_error":
		return Transient
	case code == "consent_required", suberror == "consent_required":
		return Admin
	case code == "invalid_client", code == "unauthorized_client":
		return Operator
	case refusedGrant && (suberror == "bad_token" || suberror == "token_expired"):
		return Dead
	case hasAny(numbers, transientNumbers):
		return Transient
	case hasAny(numbers, adminNumbers):
		return Admin
	case refusedGrant && hasAny(numbers, deadNumbers):
		return Dead
	}
	switch code {
	case "invalid_grant", "interaction_required", "login_required", "account_selection_required", "access_denied":
		return Person
	}
	return Operator // invalid_request, invalid_scope and the like: what we send is wrong
}

var (
	// transientNumbers: throttled loop; directory, database or partner service
	// temporarily away.
	transientNumbers = []int{50196, 50033, 50087, 90006, 90012, 90024, 90033, 90055, 90090}
	// adminNumbers: no consent, may not consent, asks for approval, judged
	// risky; not assigned to the app.
	adminNumbers = []int{65001, 90093, 90094, 90095, 900941, 50105}
	// deadNumbers: revoked; expired; unused for 90 days; of a single-page app,
	// after a day. AADSTS70000 is not among them: it is also the answer to a
	// wrong client id, and one mistake there would end everybody's connection.
	deadNumbers = []int{50173, 70008, 700082, 700084}
)

func hasAny(numbers, of []int) bool {
	return slices.ContainsFunc(numbers, func(n int) bool { return slices.Contains(of, n) })
}
