package graph

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Codes that decide something, here or in what uses this package.
const (
	CodeAccessDenied         = "ErrorAccessDenied"
	CodeItemNotFound         = "ErrorItemNotFound"
	CodeDuplicateTransaction = "ErrorDuplicateTransactionId"
	CodeNoMailbox            = "MailboxNotEnabledForRESTAPI"
	CodeNonExistentMailbox   = "ErrorNonExistentMailbox"
	CodeQuotaExceeded        = "ErrorQuotaExceeded"
	// CodeOccurrenceCrossing: an occurrence can't be moved to, or over, the day of
	// the one before or after it.
	CodeOccurrenceCrossing = "ErrorOccurrenceCrossingBoundary"
	// CodeTimeZone: Exchange doesn't know the time zone.
	CodeTimeZone = "TimeZoneNotSupportedException"
	// CodeIntervalTooBig: getSchedule was asked for more than 62 days.
	CodeIntervalTooBig = "ErrorTimeIntervalTooBig"
)

// conflictCodes say that the event has been changed since it was read. Which
// status they come with is not documented.
var conflictCodes = []string{
	"ErrorIrresolvableConflict", "ErrorChangeKeyRequired", "ErrorChangeKeyRequiredForWriteOperations", "resourceModified",
}

// passingCodes are of faults that pass by themselves, whatever status they come
// with; a mailbox may be on the move for hours.
var passingCodes = []string{
	"ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "ErrorServerBusy", "ErrorInternalServerTransientError",
	"ApplicationThrottled", "TooManyRequests", "activityLimitReached", "ServiceUnavailable", "serviceNotAvailable",
}

// knownCodes says more than whatever wraps it
// (https://learn.microsoft.com/graph/errors,
// https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
// for those of calendars). Names that a wrapping has too, such as UnknownError
// and BadRequest, are not among them.
var knownCodes = bySmallLetters(
	conflictCodes, passingCodes, []string{
		CodeAccessDenied, CodeItemNotFound, CodeDuplicateTransaction, CodeNoMailbox, CodeNonExistentMailbox,
		CodeQuotaExceeded, CodeOccurrenceCrossing, CodeTimeZone, CodeIntervalTooBig,

		"InvalidAuthenticationToken", "Authorization_RequestDenied", "insufficient_claims",
		"ErrorInvalidUser", "ResourceNotFound", "Request_ResourceNotFound",
		"ErrorInvalidRequest", "ErrorInvalidParameter", "ErrorPropertyValidationFailure", "ErrorInvalidIdMalformed",
		"RequestBroker--ParseUri", "ErrorMailboxDataArrayTooBig", "5006", "quotaLimitReached",
		"syncStateNotFound", "syncStateInvalid", "resyncRequired",

		"ErrorCalendarIsNotOrganizer", "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
		"ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "ErrorCalendarInvalidRecurrence", "ErrorCalendarInvalidTimeZone",
		"ErrorCalendarOutOfRange", "ErrorCalendarViewRangeTooBig", "ErrorCalendarMeetingRequestIsOutOfDate",
		"ErrorOccurrenceTimeSpanTooBig", "ErrorCalendarDurationIsTooLong",
		"ErrorCalendarIsOrganizerForAccept", "ErrorCalendarIsOrganizerForDecline", "ErrorCalendarIsOrganizerForTentative",
		"ErrorCalendarIsOrganizerForRemove", "ErrorCalendarIsCancelledForAccept", "ErrorCalendarIsCancelledForDecline",
		"ErrorCalendarIsCancelledForTentative", "ErrorCalendarIsCancelledForRemove", "ErrorCalendarIsDelegatedForAccept",
		"ErrorCalendarIsDelegatedForDecline", "ErrorCalendarIsDelegatedForTentative", "ErrorCalendarIsDelegatedForRemove",
	},
)

// bySmallLetters returns codes by their names in small letters: their case differs
// between Microsoft's pages.
func bySmallLetters(lists ...[]string) map[string]string {
	codes := map[string]string{}
	for _, list := range lists {
		for _, code := range list {
			codes[strings.ToLower(code)] = code
		}
	}
	return codes
}

// IsNotFound says whether err is Graph's 404.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// IsGone says whether err means that an item is not in the mailbox (any more), as
// opposed to a mailbox that is not there. Somebody else's item, which they don't
// share, is told in the same words.
func IsGone(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound && e.Code == CodeItemNotFound
}

// IsConflict says whether err means that an event has been changed since it was
// read: by its ETag (412, RFC 9110, section 13.1.1), or by Exchange's own count.
// Reading it again tells what to do.
func IsConflict(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusPreconditionFailed || slices.Contains(conflictCodes, e.Code))
}

// Transient says whether err may pass by itself: no answer, throttling, too many
// calls, or a fault of the service.
func Transient(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= 500 && e.Status != http.StatusInsufficientStorage ||
			slices.Contains(passingCodes, e.Code)
	}
	var u *UnreachableError
	var b *BusyError
	return errors.As(err, &u) || errors.As(err, &b)
}

// MaybeDone says whether a write that ended in err may have been carried out
// all the same: whoever wants to repeat it has to look first.
func MaybeDone(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Status == http.StatusRequestTimeout || e.Status >= 500
	}
	var u *UnreachableError
	return errors.As(err, &u) && u.Sent
}
