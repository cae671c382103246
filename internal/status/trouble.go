package status

import (
	"errors"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
)

// Trouble tells since when an integration does not work, as this gateway knows, and
// why: Microsoft gives no tokens for grants, or has refused each credential, or does
// not answer, which may have been at a sign-in. nil: it works, or was not asked.
func Trouble(standing grant.Standing, credentials []entra.CredentialState, silence entra.Silence) (since time.Time, cause error) {
	if standing.Problem != nil {
		return standing.Since, standing.Problem
	}
	for _, c := range credentials {
		if c.Refused.IsZero() {
			return silence.Since, silence.Cause
		}
		if cause = c.Refusal; c.Refused.After(since) {
			since = c.Refused
		}
	}
	return since, cause
}

// Works says whether an integration with that trouble works; nil: it isn't known.
func Works(cause error, credentials []entra.CredentialState) *bool {
	worked := func(c entra.CredentialState) bool { return !c.Worked.IsZero() }
	if cause == nil && !slices.ContainsFunc(credentials, worked) {
		return nil
	}
	return new(cause == nil)
}

// Reason tells an error to programs of the operator's. What Microsoft writes for
// people may name somebody; the log has that.
func Reason(err error) string {
	var refused *entra.Error
	if errors.As(err, &refused) {
		return refused.Reason()
	}
	for _, known := range []error{grant.ErrIntegrationDown, grant.ErrNeedsSignIn, grant.ErrNeedsAdminConsent, grant.ErrUnavailable} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the log says why"
}
