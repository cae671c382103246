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

// classify goes by the status, the error and the suberror, and where those say
// nothing by the numbers, of which Microsoft warns that they may change
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
// claims says that the refusal carries a challenge.
//
// invalid_grant is never the operator's: it is the grant that is refused (RFC
// 6749, section 5.2), and one grant says nothing of the others.
func classify(status int, code, suberror string, numbers []int, claims bool) Class {
	refusedGrant := code == "invalid_grant"
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500,
		code == "temporarily_unavailable", code == "server_error":
		return Transient
	case hasAny(numbers, transientNumbers):
		return Transient // before any word: throttling looks like the end of a grant, and patience harms none
	case code == "invalid_client":
		return Operator
	case claims:
		return Person
	case code == "consent_required", suberror == "consent_required":
		return Admin
	case refusedGrant && slices.Contains(deadSuberrors, suberror):
		return Dead
	case slices.Contains(personSuberrors, suberror):
		return Person
	case hasAny(numbers, adminNumbers):
		return Admin
	case refusedGrant && hasAny(numbers, deadNumbers):
		return Dead
	case slices.Contains(personCodes, code), hasAny(numbers, personNumbers):
		return Person
	}
	return Operator // invalid_request, invalid_scope and the like: what we send is wrong
}

var (
	// personCodes are of one person, whatever else is said.
	personCodes = []string{"invalid_grant", "interaction_required", "login_required", "account_selection_required", "access_denied"}
	// deadSuberrors tell to delete the refresh token.
	deadSuberrors = []string{"bad_token", "token_expired"}
	// personSuberrors: what to do is done in a sign-in; is done elsewhere, as
	// enrolling a device is; can't be done now, which a sign-in explains; a new
	// password; a policy for apps on phones; a token of another client id, which may
	// come back; a device that has not shown who it is.
	personSuberrors = []string{
		"basic_action", "additional_action", "message_only", "user_password_expired",
		"protection_policy_required", "client_mismatch", "device_authentication_failed",
	}

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
	// personNumbers are about one account, device or sign-in, so that they must
	// not stop an integration for everybody, whatever error they come with.
	personNumbers = []int{
		16000, 16001, 50020, 50034, 50053, 50055, 50057, 50058, 50072, 50074, 50076, 50078, 50079, 50085, 50089, 50097,
		50125, 50126, 50132, 50133, 50140, 50158, 50173, 50199, 53000, 53001, 53002, 53003, 53011, 530032, 54005,
		65004, 70000, 70008, 70043, 135010, 500212, 500213, 700003, 700020, 700082, 700084,
	}
)

func hasAny(numbers, of []int) bool {
	return slices.ContainsFunc(numbers, func(n int) bool { return slices.Contains(of, n) })
}
