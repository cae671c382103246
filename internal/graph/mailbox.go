package graph

import (
	"context"
	"sync"
)

// A Mailbox says in whose name a call is made.
type Mailbox struct {
	// Key names the mailbox, a person's id say; calls of one key share its limit.
	Key string
	// Token returns an access token, another one than Graph has just refused.
	Token func(ctx context.Context, refused Refused) (string, error)
	// Background calls leave one place to those that somebody is waiting for.
	Background bool
}

// Refused is an access token that Graph has just refused; zero: none.
type Refused struct {
	Token string
	// Claims, if any, has to go into the request for the next one
	// (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
	Claims string
}

// Exchange Online serves at most four requests at once per app and mailbox
// (https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits).
const (
	mailboxLimit    = 4
	backgroundLimit = mailboxLimit - 1
)

// gates hold the calls per mailbox. A gate exists only while somebody is at it,
// so that their number is bounded by that of running calls.
type gates struct {
	mu   sync.Mutex
	open map[string]*gate
}

// A gate's channels queue in order of arrival.
type gate struct {
	all, background chan struct{}
	users           int
}

// enter waits for a place at the mailbox's gate; leave must be called once if
// err is nil. err is that of the context.
func (g *gates) enter(ctx context.Context, mb Mailbox) (leave func(), err error) {
	g.mu.Lock()
	at := g.open[mb.Key]
	if at == nil {
		at = &gate{all: make(chan struct{}, mailboxLimit), background: make(chan struct{}, backgroundLimit)}
		g.open[mb.Key] = at
	}
	at.users++
	g.mu.Unlock()

	places := []chan struct{}{at.all}
	if mb.Background {
		places = []chan struct{}{at.background, at.all}
	}
	for i, place := range places {
		select {
		case place <- struct{}{}:
		case <-ctx.Done():
			g.leave(mb.Key, at, places[:i])
			return nil, ctx.Err()
		}
	}
	return func() { g.leave(mb.Key, at, places) }, nil
}

func (g *gates) leave(key string, at *gate, places []chan struct{}) {
	for _, place := range places {
		<-place
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if at.users--; at.users == 0 {
		delete(g.open, key)
	}
}
