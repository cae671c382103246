package exchange

import "fmt"

// A Refusal is what Exchange objects to, by the code that Graph passes on
// (https://learn.microsoft.com/graph/errors).
type Refusal struct{ Code, Message string }

func (e *Refusal) Error() string { return e.Code + ": " + e.Message }

// Refuse returns a refusal.
func Refuse(code, format string, args ...any) *Refusal {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// Refusals without a number or a name in them.
var (
	ErrNotFound     = Refuse("ErrorItemNotFound", "The specified object was not found in the store.")
	ErrAccessDenied = Refuse("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
	ErrValidation   = Refuse("ErrorPropertyValidationFailure", "At least one property failed validation.")
	ErrMalformedID  = Refuse("ErrorInvalidIdMalformed", "Id is malformed.")
	ErrNotOrganizer = Refuse("ErrorInvalidRequest", "Your request can't be completed. You need to be an organizer to cancel a meeting.")
	ErrOrganizer    = Refuse("ErrorInvalidRequest", "Your request can't be completed. You can't respond to this meeting because you're the meeting organizer.")
	ErrBoundary     = Refuse("ErrorOccurrenceCrossingBoundary", "Modified occurrence is crossing or overlapping adjacent occurrence.")
	ErrTransaction  = Refuse("ErrorDuplicateTransactionId", "Your request can't be completed. The TransactionId specified in the request has already been used to create a different event.")
)
