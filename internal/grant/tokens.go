package grant

import (
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

const (
	// minLeft is how long a token that is given out is good for.
	minLeft = time.Minute
	// renewLeft is how long before its end a token is renewed in the background.
	renewLeft = 5 * time.Minute
	// maxTokens bounds how many access tokens are kept. They take 2 to 3 KB each.
	maxTokens = 100_000
	// sweepInterval is how often at most all of them are looked through.
	sweepInterval = time.Minute
)

type token struct {
	access  string
	expires time.Time
	renew   time.Time // when to renew it in the background
}

// good says whether the token lasts long enough to be given out.
func (t token) good(now time.Time) bool { return t.expires.Sub(now) > minLeft }

// tokens keeps a bounded number of access tokens. It is not for concurrent use.
type tokens struct {
	byOwner map[string]token
	limit   int
	swept   time.Time
}

func (ts *tokens) put(owner string, t entra.Tokens, now time.Time) {
	if _, there := ts.byOwner[owner]; !there && len(ts.byOwner) >= ts.limit {
		ts.makeRoom(now)
	}
	// A token that lives for minutes only is not renewed from its first moment on.
	early := min(renewLeft, t.Expires.Sub(now)/2)
	ts.byOwner[owner] = token{access: t.Access, expires: t.Expires, renew: t.Expires.Add(-early)}
}

func (ts *tokens) drop(owner string) { delete(ts.byOwner, owner) }

// makeRoom drops what has expired, else any token: its owner costs a refresh more.
func (ts *tokens) makeRoom(now time.Time) {
	if now.Sub(ts.swept) >= sweepInterval {
		ts.swept = now
		for owner, t := range ts.byOwner {
			if !t.expires.After(now) {
				delete(ts.byOwner, owner)
			}
		}
	}
	for owner := range ts.byOwner {
		if len(ts.byOwner) < ts.limit {
			return
		}
		delete(ts.byOwner, owner)
	}
}
