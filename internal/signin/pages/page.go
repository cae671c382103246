package pages

import "net/http"

// Login is the page that offers the integrations to sign in with.
type Login struct {
	Buttons []Button
}

// A Button starts a sign-in.
type Button struct {
	// Name is the integration's; the button's id is "login-" and the name.
	Name string
	// Label is the operator's text, the same in every language.
	Label string
	// URL is where the button leads.
	URL string
}

// Logout is the page that asks before it signs somebody out.
type Logout struct {
	Name, Email string
	// Action is where the form is posted to.
	Action string
	// FormAction lists the origins, besides our own, that the POST may be
	// redirected to. Chromium applies form-action to redirects as well, and the
	// answer to this form leads to Microsoft's end_session_endpoint.
	FormAction []string
}

// Message is a page that tells what happened, why, and what to do.
type Message struct {
	Kind Kind
	// Detail is a short technical word for whoever helps, "AADSTS65001" say.
	Detail string
	// Reference finds the event in the log: a trace id.
	Reference string
	Actions   []Action
}

// An Action is a link below a message. The first one is the main one.
type Action struct {
	Label Text
	URL   string
}

// A Kind of message.
type Kind int

// The kinds, and when they are meant.
const (
	SignedOut            Kind = iota // after a sign-out
	SignInDeclined                   // the person pressed cancel at Microsoft (access_denied, AADSTS65004)
	NeedsAdminConsent                // the tenant has not granted the permissions (AADSTS65001, 90094)
	WrongAccount                     // another tenant, a guest, or not in an allowed group
	SignInExpired                    // the attempt is too old, used up, or its cookie is missing
	SignInFailed                     // Microsoft's answer could not be used, cause unknown
	ServiceMisconfigured             // Microsoft refuses the app itself (invalid_client, redirect URI)
	MicrosoftUnavailable             // no answer from Microsoft, or a 5xx
	StoreUnavailable                 // the session could not be kept or read
	NotFound                         // no such page under /.ones/
	MethodNotAllowed                 // the page exists, the method doesn't
	CrossSite                        // an unsafe request from another origin
	SignInRequired                   // a navigation by another method than GET, without a session
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
}

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
	numTexts
)
