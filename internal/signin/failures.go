package signin

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// codeUsed: Microsoft has given tokens for that code before; the answer was sent
// twice, by a double click or the back button.
const codeUsed = 54005

// signInFailed explains why somebody could not be signed in, by whose it is to mend.
func (s *Site) signInFailed(w http.ResponseWriter, r *http.Request, a attempt, err error) {
	m := pages.Message{Kind: pages.SignInFailed, Actions: a.waysOn(), Time: s.Now()}
	if a.Room != "" { // its page asks for another account in any case
		m.Actions = []pages.Action{{Label: pages.ActionRoom, URL: roomPath(a.Room)}}
	}
	var refused *entra.Error
	if errors.As(err, &refused) {
		m.Kind = sortRefusal(refused)
		m.Reference, m.Correlation = refused.TraceID, refused.CorrelationID
		if len(refused.Codes) > 0 {
			m.Detail = "AADSTS" + strconv.Itoa(refused.Codes[0])
		}
	}
	if m.Kind == pages.AlreadyUsed && a.Room == "" {
		s.superseded(w, r, a, m.Kind)
		return
	}
	if a.Room == "" {
		s.ended(a.Integration, whose(err))
	}
	level := slog.LevelWarn // the person's, or a stranger's doing
	if m.Kind == pages.ServiceMisconfigured {
		level = slog.LevelError
	}
	if m.Reference == "" { // by it the line is found that says why
		m.Reference = newReference()
	}
	s.Log.Log(r.Context(), level, "sign-in failed", "integration", a.Integration, "reference", m.Reference, "error", err)
	if m.Kind == pages.NeedsAdminConsent && s.askConsent(w, r, a, m) {
		return
	}
	s.pages.Message(w, r, m)
}

// newReference leads from a page to a line of the log.
func newReference() string { return rand.Text()[:12] }

// explained are the refusals that have a page of their own, by Microsoft's numbers
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
// They only choose the words.
var explained = []struct {
	codes []int
	kind  pages.Kind
}{
	{[]int{codeUsed}, pages.AlreadyUsed},
	{[]int{70008}, pages.SignInExpired},
	{[]int{50020, 50034, 16000}, pages.WrongAccount}, // not in this tenant
	{[]int{50105}, pages.NotAssigned},
	{[]int{50053}, pages.AccountLocked},
	{[]int{50057}, pages.AccountDisabled},
	{[]int{50055}, pages.PasswordExpired},
	{[]int{53000, 53001, 53002, 700003, 135010}, pages.DeviceNotAllowed},
	{[]int{53003, 530032, 53011, 500212, 500213}, pages.PolicyBlocked},
	{[]int{50074, 50076, 50078, 50079, 50158, 70043}, pages.MoreVerification},
	{[]int{65004}, pages.SignInDeclined},
}

// sortRefusal says which page explains a refusal of Microsoft.
func sortRefusal(e *entra.Error) pages.Kind {
	for _, known := range explained {
		if slices.ContainsFunc(e.Codes, func(code int) bool { return slices.Contains(known.codes, code) }) {
			return known.kind
		}
	}
	switch {
	case e.Class == entra.Transient:
		return pages.MicrosoftUnavailable
	case e.Class == entra.Operator:
		return pages.ServiceMisconfigured
	case e.Class == entra.Admin:
		return pages.NeedsAdminConsent
	case e.Code == "access_denied":
		return pages.SignInDeclined
	}
	return pages.SignInFailed
}

// askConsent shows what an administrator has to agree to, and the link for it. It
// reports whether there is one.
func (s *Site) askConsent(w http.ResponseWriter, r *http.Request, a attempt, m pages.Message) bool {
	i, ok := s.integration(a.Integration)
	if !ok {
		return false
	}
	to := s.consentURL(i)
	if to == "" {
		return false
	}
	page := pages.ConsentHelp{
		AdminURL: to, Detail: m.Detail, Reference: m.Reference, Correlation: m.Correlation, Time: m.Time,
		TryAgainURL: m.Actions[0].URL,
	}
	if len(m.Actions) > 1 { // a room's page asks for an account in any case
		page.OtherAccountURL = m.Actions[1].URL
	}
	page.Application, page.Tenant, page.Permissions = i.Entra.Registration()
	s.pages.ConsentHelp(w, r, page)
	return true
}

// consentPage is what somebody shows to their administrator whose connection lacks
// consent: where people may not consent themselves, Microsoft sends nobody back who
// could be told then.
func (s *Site) consentPage(w http.ResponseWriter, r *http.Request) {
	i, ok := s.integration(r.PathValue("integration"))
	if ok {
		a := s.newAttempt(i, pathAccount)
		ok = s.askConsent(w, r, a, pages.Message{Actions: a.waysOn()})
	}
	if !ok {
		s.refuse(w, r, pages.NotFound, "not_found", "There is no consent to be given for an integration of that name.")
	}
}

// consentURL is where an administrator grants what an integration asks for; "": there
// is no such page.
func (s *Site) consentURL(i Integration) string { return i.ConsentURL(s.url("")) }

// ConsentURL is where an administrator grants what the integration asks for, if browsers
// reach us at publicURL; "": there is no such page.
func (i Integration) ConsentURL(publicURL string) string {
	return i.Entra.AdminConsentURL(publicURL+pathCallback, ConsentState)
}

// waysOn are the links to sign in once more, and with another account.
func (a attempt) waysOn() []pages.Action {
	return []pages.Action{
		{Label: pages.ActionTryAgain, URL: a.startURL(url.Values{})},
		{Label: pages.ActionOtherAccount, URL: a.startURL(url.Values{paramPrompt: {promptSelect}})},
	}
}

// ConsentState goes with an administrator's consent. Whoever gives it has often
// got the link by mail, so there is nothing in their browser to tell it by, and
// nothing follows from it.
const ConsentState = "consent"

// consented is where Microsoft sends an administrator's browser back to. Anybody
// can make up such an address: it is good for a page only, and whether consent
// was given shows at the next sign-in. An error also says "admin_consent".
func (s *Site) consented(w http.ResponseWriter, r *http.Request, query url.Values) {
	m := pages.Message{Kind: pages.ConsentGiven, Actions: []pages.Action{{Label: pages.ActionSignIn, URL: pathLogin}}}
	if query.Has("error") {
		refused := entra.ParseCallbackError(query)
		m.Kind = pages.ConsentRefused
		if len(refused.Codes) > 0 {
			m.Detail = "AADSTS" + strconv.Itoa(refused.Codes[0])
		}
		s.Log.WarnContext(r.Context(), "an administrator has not consented", "error", refused)
	}
	s.pages.Message(w, r, m)
}
