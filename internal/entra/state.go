package entra

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"time"
)

// A CredentialState is how a credential stands. It holds no secret.
type CredentialState struct {
	// Name is the credential's word in the configuration, and which of the app
	// registration's it is, as people count: "client_secret 1".
	Name string
	// About is what there is to say of it: a date, or its file.
	About string
	// Expires is when it ends, of a secret the last second of its date; zero: nothing
	// here can tell.
	Expires time.Time
	// Refused is since when Microsoft has refused it, or it could not be used, and
	// Refusal why the last time; zero: it works, as far as is known.
	Refused time.Time
	Refusal error
	// Worked is when Microsoft last took it; zero: not since this client was made.
	Worked time.Time
	// Problem is what is wrong with its files now. The last good certificate may be
	// in use on.
	Problem error

	id uint64
}

// A Silence is that Microsoft gives no answer: since when, and what came instead.
// Cause nil: it answers, as far as is known.
type Silence struct {
	Since time.Time
	Cause error
}

// chance is how many requests in a row may have no answer where one has had one
// before, until that is taken for a silence.
const chance = 2

// Silence tells whether Microsoft answers what is asked of it for this app
// registration, as of the last time. It asks nothing.
func (c *Client) Silence() Silence {
	if found := c.provider.endpoints.last.Load(); found.value == nil && found.err != nil {
		return Silence{Since: found.failed, Cause: found.err}
	}
	cs := c.credentials
	cs.mu.Lock()
	defer cs.mu.Unlock()
	worked := slices.ContainsFunc(cs.all, func(one *credential) bool { return !one.lastWorked.IsZero() })
	if worked && cs.silent <= chance {
		return Silence{}
	}
	return cs.silence
}

// seed makes an id say nothing of what it was made from.
var seed = maphash.MakeSeed()

func (cs *credentials) state(c *credential) CredentialState {
	s := CredentialState{
		Name: fmt.Sprintf("%s %d", c.kind(), c.number), About: c.String(), id: maphash.Comparable(seed, c.Credential),
	}
	if c.Certificate == "" {
		s.Expires, s.Problem = c.Check()
	} else {
		var last *pair
		if last, s.Problem = c.latest(); last != nil {
			s.Expires = last.certificate.NotAfter
		}
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	s.Refused, s.Refusal, s.Worked = c.refusedSince, c.refusal, c.lastWorked
	return s
}

// DaysLeft is how many whole days are left until the credential ends: of a secret 0
// on the day of its date; less than zero, it has ended. It means nothing where Expires is zero.
func (s CredentialState) DaysLeft(now time.Time) int {
	return int(math.Floor(s.Expires.Sub(now).Hours() / day.Hours()))
}
