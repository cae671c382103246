package grant

import "time"

const (
	// minLeft is how long a token that is given out is good for.
	minLeft = time.Minute
	// maxTokens bounds how many access tokens are kept in memory. They take 2 to
	// 3 KB each.
	maxTokens = 100_000
	// sweepInterval is how often at most all of them are looked through.
	sweepInterval = time.Minute
)

// tokens keeps a bounded number of access tokens. It is not for concurrent use.
type tokens struct {
	byOwner map[string]token
	limit   int
	swept   time.Time
}

func (ts *tokens) put(owner string, t token, now time.Time) {
	if _, there := ts.byOwner[owner]; !there && len(ts.byOwner) >= ts.limit {
		ts.makeRoom(now)
	}
	ts.byOwner[owner] = t
}

func (ts *tokens) drop(owner string) { delete(ts.byOwner, owner) }

// makeRoom drops what has expired, else any token: its owner costs a look into
// the store.
func (ts *tokens) makeRoom(now time.Time) {
	if now.Sub(ts.swept) >= sweepInterval {
		ts.swept = now
		for owner, t := range ts.byOwner {
			if !t.Expires.After(now) {
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
