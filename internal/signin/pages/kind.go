package pages

import "net/http"

// A Kind of message.
type Kind int

// The kinds, and when they are meant. Numbers are those of Microsoft's error
// codes ("AADSTS" and the number).
const (
	SignedOut            Kind = iota // after a sign-out
	SignInDeclined                   // the person pressed cancel at Microsoft (access_denied, 65004)
	NeedsAdminConsent                // the tenant has not granted the permissions (65001, 90094), and no link can be made: else ConsentHelp
	WrongAccount                     // of another tenant, or unknown in this one (50020, 50034, 16000)
	SignInExpired                    // the attempt is too old, used up, or its cookie is missing
	SignInFailed                     // Microsoft's answer could not be used, cause unknown
	ServiceMisconfigured             // Microsoft refuses the app itself (invalid_client, redirect URI)
	MicrosoftUnavailable             // no answer from Microsoft, or a 5xx
	StoreUnavailable                 // the session could not be kept or read
	NotFound                         // no such page under /.ones/
	MethodNotAllowed                 // the page exists, the method doesn't
	CrossSite                        // an unsafe request from another origin
	SignInRequired                   // a navigation by another method than GET, without a session

	GoingInCircles     // sent to sign in three times within a minute
	AlreadyUsed        // the same answer of Microsoft came twice (54005)
	NoCookies          // the browser keeps no cookie of ours
	MoreVerification   // Microsoft wants a second factor, or the sign-in anew (50074, 50076, 50078, 50079, 50158, 70043)
	PasswordExpired    // 50055
	AccountLocked      // 50053
	AccountDisabled    // 50057
	NotAssigned        // the app requires assignment (50105)
	DeviceNotAllowed   // not managed, not compliant, not known (53000, 53001, 53002, 700003)
	PolicyBlocked      // Conditional Access, risk, cross-tenant policy (53003, 530032, 53011, 500212, 500213)
	NotAllowed         // in no group that may enter
	GuestNotAllowed    // a guest of the tenant, and guests may not enter
	GroupsNotTold      // groups decide, and Microsoft left them out of the token (overage)
	NotAdmin           // a page for admins
	RoomAccountRefused // the account neither owns the room's mailbox nor has rights on its calendar
	ConsentGiven       // an administrator came back from granting the permissions
	ConsentRefused     // an administrator came back without
	numKinds
)

// kinds holds what is the same in every language.
var kinds = [numKinds]struct {
	name   string // for data-kind in the page
	status int
	fault  fault
}{
	SignedOut:            {"signed_out", http.StatusOK, faultNobody},
	SignInDeclined:       {"sign_in_declined", http.StatusForbidden, faultPerson},
	NeedsAdminConsent:    {"needs_admin_consent", http.StatusForbidden, faultAdmin},
	WrongAccount:         {"wrong_account", http.StatusForbidden, faultPerson},
	SignInExpired:        {"sign_in_expired", http.StatusBadRequest, faultPerson},
	SignInFailed:         {"sign_in_failed", http.StatusBadGateway, faultOperator},
	ServiceMisconfigured: {"service_misconfigured", http.StatusInternalServerError, faultOperator},
	MicrosoftUnavailable: {"microsoft_unavailable", http.StatusServiceUnavailable, faultMicrosoft},
	StoreUnavailable:     {"store_unavailable", http.StatusServiceUnavailable, faultOperator},
	NotFound:             {"not_found", http.StatusNotFound, faultNobody},
	MethodNotAllowed:     {"method_not_allowed", http.StatusMethodNotAllowed, faultNobody},
	CrossSite:            {"cross_site", http.StatusForbidden, faultNobody},
	SignInRequired:       {"sign_in_required", http.StatusUnauthorized, faultPerson},

	GoingInCircles:     {"going_in_circles", http.StatusBadRequest, faultNobody},
	AlreadyUsed:        {"already_used", http.StatusBadRequest, faultPerson},
	NoCookies:          {"no_cookies", http.StatusBadRequest, faultPerson},
	MoreVerification:   {"more_verification", http.StatusForbidden, faultPerson},
	PasswordExpired:    {"password_expired", http.StatusForbidden, faultPerson},
	AccountLocked:      {"account_locked", http.StatusForbidden, faultAdmin},
	AccountDisabled:    {"account_disabled", http.StatusForbidden, faultAdmin},
	NotAssigned:        {"not_assigned", http.StatusForbidden, faultAdmin},
	DeviceNotAllowed:   {"device_not_allowed", http.StatusForbidden, faultAdmin},
	PolicyBlocked:      {"policy_blocked", http.StatusForbidden, faultAdmin},
	NotAllowed:         {"not_allowed", http.StatusForbidden, faultOperator},
	GuestNotAllowed:    {"guest_not_allowed", http.StatusForbidden, faultOperator},
	GroupsNotTold:      {"groups_not_told", http.StatusForbidden, faultAdmin},
	NotAdmin:           {"not_admin", http.StatusForbidden, faultOperator},
	RoomAccountRefused: {"room_account_refused", http.StatusForbidden, faultPerson},
	ConsentGiven:       {"consent_given", http.StatusOK, faultNobody},
	ConsentRefused:     {"consent_refused", http.StatusForbidden, faultAdmin},
}

// String is its name in logs and in pages' data-kind.
func (k Kind) String() string { return kinds[k].name }

// Status of an answer of that kind.
func (k Kind) Status() int { return kinds[k].status }

// A fault says who can mend something.
type fault int

// Those who can. faultNobody leaves the line out.
const (
	faultNobody   fault = iota // nothing to mend
	faultPerson                // the person who reads the page
	faultAdmin                 // an administrator of their Microsoft 365 tenant
	faultOperator              // whoever runs ONES
	faultMicrosoft
	numFaults
)

// A Text is a phrase of the catalogue, to be said in the reader's language.
type Text int

// The phrases that callers choose from.
const (
	ActionSignIn       Text = iota // begin the sign-in again
	ActionTryAgain                 // the same once more
	ActionOtherAccount             // sign in, choosing another account
	ActionHome                     // to ONES' first page
	ActionAccount                  // to the account page
	ActionRoom                     // back to the page of the room
	ActionAskAdmin                 // to the page that is shown to an administrator
	numTexts
)

// A Notice is a sentence above the login page's buttons: why it is shown.
type Notice int

// The notices. NoNotice leaves the line out.
const (
	NoNotice        Notice = iota
	ConnectionEnded        // the grant is gone: sign in again to go on
	JustSignedOut          // and so not led to Microsoft at once
	numNotices
)

// A Connection is how an account stands with Microsoft 365.
type Connection string

// The connections, as in X-Ones-Connection. NotConnected is of rooms only. What is
// none of these is shown as Unavailable.
const (
	Connected    Connection = "connected"
	NeedsSignIn  Connection = "needs_sign_in"
	NeedsConsent Connection = "needs_admin_consent"
	NoMailbox    Connection = "no_mailbox"
	Unavailable  Connection = "unavailable"
	NotConnected Connection = "not_connected"
)
