package grant

import (
	"fmt"
	"testing"
	"time"
)

func TestTokensBounded(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	ts := tokens{byOwner: map[string]token{}, limit: 4}
	put := func(owner string, life time.Duration) {
		ts.put(owner, token{Access: owner, Expires: now.Add(life)}, now)
		if len(ts.byOwner) > ts.limit {
			t.Fatalf("%d tokens are kept, want at most %d", len(ts.byOwner), ts.limit)
		}
		if _, there := ts.byOwner[owner]; !there {
			t.Errorf("the token of %s, just put, is not there", owner)
		}
	}
	put("short-1", time.Minute)
	put("short-2", time.Minute)
	put("long-1", time.Hour)
	put("long-2", time.Hour)
	put("long-2", time.Hour) // replaced: needs no room
	now = now.Add(2 * time.Minute)
	put("long-3", time.Hour)
	for _, owner := range []string{"long-1", "long-2", "long-3"} {
		if _, there := ts.byOwner[owner]; !there {
			t.Errorf("%s went, though others had expired", owner)
		}
	}
	for i := range 20 {
		put(fmt.Sprintf("more-%d", i), time.Hour)
	}
}

// TestTokensExpire: what has expired isn't kept until there are too many.
func TestTokensExpire(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	ts := tokens{byOwner: map[string]token{}, limit: 1000}
	for i := range 100 {
		ts.put(fmt.Sprint(i), token{Expires: now.Add(time.Hour)}, now)
	}
	now = now.Add(time.Hour)
	ts.put("another", token{Expires: now.Add(time.Hour)}, now)
	if n := len(ts.byOwner); n != 1 {
		t.Errorf("%d tokens are kept, want the one that is good", n)
	}
}

// TestRefusedTokenForgotten: a token that Graph has refused is remembered as long as
// the store may have it, no longer.
func TestRefusedTokenForgotten(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	k := New(Config{Now: func() time.Time { return now }})
	defer k.Close()
	c := k.connection("alice")
	c.stale = "refused"
	for _, access := range []string{"refused", "another"} {
		if c.stale != "refused" {
			t.Errorf("it was forgotten before there was another one")
		}
		o := outcome{state: Connected, token: token{Access: access, Issued: now, Expires: now.Add(time.Hour)}}
		k.land("alice", &flight{done: make(chan struct{})}, o)
	}
	if c.stale != "" {
		t.Error("it is still remembered")
	}
}
