package graph

import (
	"context"
	"net/url"
	"strings"
)

// A Mailbox says in whose name a call is made, and which mailbox it reaches.
type Mailbox struct {
	// Key names the person whose token is used, by their id say.
	Key string
	// Target names the mailbox that the call reaches; "": the one in a path below
	// /users, else the person's own. The same as Key: their own, whatever the path is.
	// All calls to one mailbox share its limit, whoever makes them, if they name it in
	// one way, in whatever case: a person's by their id, a room's by its address.
	Target string
	// Token returns an access token, another one than Graph has just refused.
	Token func(ctx context.Context, refused Refused) (string, error)
	// Background calls come after those that somebody is waiting for, and leave
	// one place to them.
	Background bool
}

// charged names the mailbox whose limit a call to a path below /v1.0 counts against.
func (mb Mailbox) charged(path string) string {
	target := mb.Target
	if collection, rest, found := strings.Cut(strings.TrimPrefix(path, "/"), "/"); target == "" && found && strings.EqualFold(collection, "users") {
		owner, _, _ := strings.Cut(rest, "/")
		target, _ = url.PathUnescape(owner)
	}
	if target == "" {
		target = mb.Key
	}
	return strings.ToLower(target)
}

// Refused is an access token that Graph has just refused; zero: none.
type Refused struct {
	Token string
	// Claims, if any, has to go into the request for the next one
	// (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
	Claims string
}
