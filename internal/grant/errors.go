package grant

import (
	"errors"
	"fmt"
)

// Errors of Token, wrapped around their cause.
var (
	// ErrNeedsSignIn: no grant, or one that Microsoft no longer honours. Only
	// a new sign-in helps.
	ErrNeedsSignIn = errors.New("needs to sign in with Microsoft again")
	// ErrNeedsAdminConsent: an administrator of the tenant has to consent.
	ErrNeedsAdminConsent = errors.New("an administrator has to consent")
	// ErrIntegrationDown: the operator's configuration is refused (an expired
	// secret, say), the integration is no longer configured, or the keyset lacks
	// the key that the grant is sealed with. No grant is at fault.
	ErrIntegrationDown = errors.New("the integration needs its operator")
	// ErrUnavailable: Microsoft can't be reached or asked for patience; try again.
	ErrUnavailable = errors.New("the sign-in service of Microsoft is not available")
)

// What is told apart in here, too.
var (
	errNone = fmt.Errorf("%w: there is no connection", ErrNeedsSignIn)
	// errChanged: a refresh was overtaken by a sign-in, or the grant may be forgotten.
	errChanged = fmt.Errorf("%w: the connection changed meanwhile", ErrUnavailable)
	errClosed  = fmt.Errorf("%w: the gateway is stopping", ErrUnavailable)
	// errAgain: the grant has changed underneath, or may have: look again.
	errAgain = errors.New("the grant has changed")
	// errUnmarked: the store doesn't say that Microsoft need not be asked again.
	errUnmarked     = errors.New("which could not be kept")
	errUnconfigured = errors.New("the integration is not configured")
	// errDamaged: what lies in the store is no record of a grant, or was changed by
	// somebody else.
	errDamaged = errors.New("damaged")
)
