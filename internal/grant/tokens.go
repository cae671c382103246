package grant

import (
	"maps"
	"time"
)

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

// put keeps a token, and drops those that have expired from time to time: most of
// the people who had one may not come back today.
func (ts *tokens) put(owner string, t token, now time.Time) {
	if now.Sub(ts.swept) >= sweepInterval {
		ts.swept = now
		maps.DeleteFunc(ts.byOwner, func(_ string, t token) bool { return !t.Expires.After(now) })
	}
	if _, there := ts.byOwner[owner]; !there {
		ts.makeRoom()
	}
	ts.byOwner[owner] = t
}

func (ts *tokens) drop(owner string) { delete(ts.byOwner, owner) }

// makeRoom drops any token where there are too many: its owner costs a look into
// the store.
func (ts *tokens) makeRoom() {
	for owner := range ts.byOwner {
		if len(ts.byOwner) < ts.limit {
			return
		}
		delete(ts.byOwner, owner)
	}
}
