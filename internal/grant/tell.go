package grant

// A Kind of Event.
type Kind string

// What Tell is told.
const (
	// Lost: Microsoft no longer honours somebody's grant. It is told once, by the
	// instance that has found it out; the owner has to sign in again, or an
	// administrator has to consent (State).
	Lost Kind = "grant_lost"
	// Refused: Microsoft refuses an integration itself, or has given it no answer
	// several times (Err says which). It is told once, by each instance, until Mended.
	Refused Kind = "integration_refused"
	// Mended: an integration that was refused works again.
	Mended Kind = "integration_mended"
)

// An Event is something that the operator wants to know at once.
type Event struct {
	Kind        Kind
	Integration string
	// Owner and State of the grant that is Lost.
	Owner string
	State State
	// Err is why.
	Err error
}
