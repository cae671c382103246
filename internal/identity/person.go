package identity

import (
	"context"
	"net/http"
	"slices"
)

// A Person is somebody who has signed in, as ONES is to know them. A Person is
// never changed once made; a new sign-in makes a new one.
type Person struct {
	// ID is "<tenant>.<sub>": stable while the app registration lives, and
	// never given to somebody else (OpenID Connect Core, section 2: sub).
	ID string `json:"id"`
	// ObjectID is the claim "oid", by which the directory's administrators find
	// the person; Microsoft tells it only with the scope profile. It names nobody
	// here: with the scope, everybody would become somebody else.
	ObjectID string `json:"object_id,omitempty"`
	// TenantID is the directory the person signed in to.
	TenantID string `json:"tenant_id"`
	// Integration is the name of the integration they came through.
	Integration string `json:"integration"`
	// Email is the person's address, for display. It may change, and where it
	// comes from a claim nobody has verified it.
	Email string `json:"email,omitempty"`
	// Mailbox is the address of the calendar that the person's own grant opens;
	// only by this one are they found. Empty without a mailbox.
	Mailbox string `json:"mailbox,omitempty"`
	// Undescribed: their calendar, which tells name and address, could not be
	// asked at the sign-in, and nothing was known from before.
	Undescribed bool `json:"undescribed,omitempty"`
	// Name is for display.
	Name string `json:"name,omitempty"`
	// Groups are the ONES groups, default and mapped ones.
	Groups []string `json:"groups,omitempty"`
	// DefaultGroups are those to be applied once, when ONES adds the person.
	DefaultGroups []string `json:"default_groups,omitempty"`
	// Roles are the app roles that the directory has given them, without a
	// mapping; at most 32 of 128 bytes.
	Roles []string `json:"roles,omitempty"`
	// CardNumber comes from the directory, if it has one.
	CardNumber string `json:"card_number,omitempty"`
}

// PersonID joins a tenant and a subject to the id of a person.
func PersonID(tenant, subject string) string { return tenant + "." + subject }

type contextKey struct{}

// NewContext returns a context that carries the signed-in person.
func NewContext(ctx context.Context, p *Person) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext returns the signed-in person; nil: anonymous.
func FromContext(ctx context.Context) *Person {
	p, _ := ctx.Value(contextKey{}).(*Person)
	return p
}

type actAsKey struct{}

// WithActAs keeps what Strip has deleted of a request's Ones-Act-As: a service behind the
// gate means it, and a signed-in person who tries is to be told.
func WithActAs(ctx context.Context, values []string) context.Context {
	return context.WithValue(ctx, actAsKey{}, values)
}

// ActAs returns what a request says in Ones-Act-As, as often as it says so, whether it has
// come straight here or through the gate.
func ActAs(r *http.Request) []string {
	kept, _ := r.Context().Value(actAsKey{}).([]string)
	return append(slices.Clone(kept), r.Header.Values(HeaderActAs)...)
}
