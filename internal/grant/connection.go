package grant

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/store"
)

// State of a grant; the words are those of the header X-Ones-Connection.
type State string

// The states of a grant.
const (
	Connected         State = "connected"
	NeedsSignIn       State = "needs_sign_in"
	NeedsAdminConsent State = "needs_admin_consent"
	NoMailbox         State = "no_mailbox"
	// Unavailable is never stored: the last refresh failed for no fault of the
	// grant's, and the next one may succeed.
	Unavailable State = "unavailable"
)

// Works says that tokens are to be had, if not now then when an outage has passed: no
// sign-in would mend anything.
func (s State) Works() bool { return s == Connected || s == Unavailable }

// A Connection is the live state of one grant. It may be read concurrently.
type Connection struct {
	state atomic.Pointer[State] // nil: not known
	news  atomic.Int64          // how often it became unknown
	kept  atomic.Bool           // somebody may hold on to it

	// Guarded by the Keeper's mu, as are changes of those above.

	// saves counts the sign-ins saved, so that a refresh begun before one of
	// them doesn't overwrite what it brought; saved is the version of the last.
	saves int
	saved store.Version
	// gone counts how often the grant may have been forgotten, so that a sign-in
	// kept before that gives out no token.
	gone int
	// stale is the access token that Graph has refused last: the store may have it.
	stale string
	// failures in a row, the cause of the last one, and until when it is not
	// tried again.
	failures int
	cause    error
	retry    time.Time
}

// State returns the state as known now, without I/O.
func (c *Connection) State() State {
	if s := c.state.Load(); s != nil {
		return *s
	}
	return Unavailable
}

// fails says whether the last refresh has failed for no fault of the grant's.
func (c *Connection) fails() bool {
	s := c.state.Load()
	return s != nil && *s == Unavailable
}

// unknown has the store looked at again.
func (c *Connection) unknown() {
	c.news.Add(1)
	c.state.Store(nil)
}

// is sets the state, unless there were news since.
func (c *Connection) is(s State, news int64) {
	if c.news.Load() == news {
		c.state.Store(&s)
	}
}

// forgotten: the grant may be there no more. What is on its way counts for nothing.
func (c *Connection) forgotten() {
	c.saves++
	c.gone++
	c.unknown()
}

// forgive forgets failures, so that the next try is made at once.
func (c *Connection) forgive() { c.failures, c.cause, c.retry = 0, nil, time.Time{} }

// firstBackoff doubles with each failure up to maxBackoff.
const (
	firstBackoff = time.Second
	maxBackoff   = time.Minute
)

// backOff notes a failure, and for how long not to try again: doubling, and as
// long as Microsoft has asked for.
func (c *Connection) backOff(cause error, now time.Time) {
	wait := min(firstBackoff<<min(c.failures, 10), maxBackoff)
	var refused *entra.Error
	if errors.As(cause, &refused) {
		wait = max(wait, refused.RetryAfter)
	}
	c.failures++
	c.cause, c.retry = cause, now.Add(wait)
}
