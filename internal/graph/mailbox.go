package graph

import (
	"context"
	"strings"
)

// A Mailbox says in whose name a call is made, and which mailbox it reaches.
type Mailbox struct {
	// Key names the person whose token is used, by their id say.
	Key string
	// Target names the mailbox that the call reaches if it is another than the
	// person's own: the address in /users/{address}. All calls to one mailbox share
	// its limit, whoever makes them; a mailbox has to be named in one way for that.
	Target string
	// Token returns an access token, another one than Graph has just refused.
	Token func(ctx context.Context, refused Refused) (string, error)
	// Background calls come after those that somebody is waiting for, and leave
	// one place to them.
	Background bool
}

// charged names the mailbox whose limit a call counts against.
func (mb Mailbox) charged() string {
	if mb.Target != "" {
		return strings.ToLower(mb.Target)
	}
	return mb.Key
}

// Refused is an access token that Graph has just refused; zero: none.
type Refused struct {
	Token string
	// Claims, if any, has to go into the request for the next one
	// (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
	Claims string
}
