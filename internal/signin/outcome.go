package signin

import (
	"errors"

	"github.com/onesgate/onesgate/internal/entra"
)

// An Outcome is how a sign-in of a person has ended, for whoever counts them. One that is
// never finished has none.
type Outcome string

// Outcomes of sign-ins.
const (
	SignedIn       Outcome = "signed_in"
	ConnectedAgain Outcome = "connected_again" // without a word, as their grant had died
	NotAllowed     Outcome = "not_allowed"     // by our rules: a guest, or not in a group
	Expired        Outcome = "expired"         // too late, or sent twice
	NotKept        Outcome = "not_kept"        // our store was away
	Unverified     Outcome = "unverified"      // what has come back can't be believed
	// Microsoft has refused, and it is to be mended by:
	PersonsPart   Outcome = "person"
	AdminsPart    Outcome = "admin"
	OperatorsPart Outcome = "operator"
	Transient     Outcome = "transient" // nobody: it passes
)

// Outcomes are all of them.
var Outcomes = []Outcome{
	SignedIn, ConnectedAgain, NotAllowed, Expired, NotKept, Unverified, PersonsPart, AdminsPart, OperatorsPart, Transient,
}

// ended tells how a sign-in has ended.
func (s *Site) ended(integration string, o Outcome) {
	if s.Observe != nil {
		s.Observe(integration, o)
	}
}

// whose sorts the error of a sign-in.
func whose(err error) Outcome {
	var refused *entra.Error
	switch {
	case !errors.As(err, &refused):
		return Unverified
	case refused.Class == entra.Operator:
		return OperatorsPart
	case refused.Class == entra.Admin:
		return AdminsPart
	case refused.Class == entra.Transient:
		return Transient
	}
	return PersonsPart
}
