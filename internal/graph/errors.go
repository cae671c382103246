package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// An Error is a refusal by Graph.
type Error struct {
	Status int
	// Code is the deepest one that we know, else the outermost
	// (https://learn.microsoft.com/graph/errors: innererror).
	Code string
	// Message is for developers and not stable; it may quote what was sent.
	Message string
	// RequestID and ClientRequestID are what Microsoft's support asks for.
	RequestID, ClientRequestID string
	// RetryAfter is how long Graph wants to be left alone; zero: it didn't say.
	RetryAfter time.Duration

	claims string // of a challenge, which the next access token has to meet
}

func (e *Error) Error() string {
	s := fmt.Sprintf("Microsoft Graph refused with %d %s", e.Status, e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.RequestID != "" {
		s += " (request-id " + e.RequestID + ")"
	}
	return s
}

// IsNotFound says whether err is Graph's 404.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// Transient says whether err may pass by itself: no answer, throttling, too many
// calls, or a fault of the service.
func Transient(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= 500
	}
	var u *UnreachableError
	var b *BusyError
	return errors.As(err, &u) || errors.As(err, &b)
}

// RetryAfter returns how long Graph, or the limit of calls to a mailbox, wants to
// be left alone after err; zero: nobody said.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	var b *BusyError
	if errors.As(err, &b) {
		return b.RetryAfter
	}
	return 0
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

// An UnreachableError says that no (whole) answer came.
type UnreachableError struct {
	// Sent says that the request may have reached Graph. false: surely not.
	Sent bool
	Err  error
}

func (e *UnreachableError) Error() string {
	if e.Sent {
		return "Microsoft Graph did not answer, what was asked may have been done: " + e.Err.Error()
	}
	return "Microsoft Graph could not be reached: " + e.Err.Error()
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Codes that decide something in this program or say more than their wrapping.
const (
	CodeAccessDenied         = "ErrorAccessDenied"
	CodeItemNotFound         = "ErrorItemNotFound"
	CodeDuplicateTransaction = "ErrorDuplicateTransactionId"
	CodeNoMailbox            = "MailboxNotEnabledForRESTAPI"
	CodeNonExistentMailbox   = "ErrorNonExistentMailbox"
	CodeQuotaExceeded        = "ErrorQuotaExceeded"
)

var knownCodes = map[string]bool{
	CodeAccessDenied: true, CodeItemNotFound: true, CodeDuplicateTransaction: true, CodeNoMailbox: true,
	CodeNonExistentMailbox: true, CodeQuotaExceeded: true,
}

// errorBody is the "error" of an answer; the inner ones nest and come in two
// spellings, which encoding/json reads alike.
type errorBody struct {
	Code       string     `json:"code"`
	Message    string     `json:"message"`
	RequestID  string     `json:"request-id"`
	InnerError *errorBody `json:"innerError"`
}

// parseError reads a refusal; a body that isn't Graph's still makes an Error.
func parseError(res *http.Response, body []byte, now time.Time) *Error {
	e := &Error{
		Status:          res.StatusCode,
		RequestID:       clean(res.Header.Get("request-id")),
		ClientRequestID: res.Request.Header.Get("client-request-id"),
	}
	e.RetryAfter, _ = retryAfter(res.Header.Get("Retry-After"), now)
	if res.StatusCode == http.StatusUnauthorized {
		e.claims = claimsIn(res.Header.Values("WWW-Authenticate"))
	}
	var answer struct {
		Error errorBody `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		e.Message = "the answer is not one of Graph's errors; is a proxy in between?"
	}
	e.Code = clean(answer.Error.Code)
	if e.Message == "" {
		e.Message = clean(answer.Error.Message)
	}
	for inner := answer.Error.InnerError; inner != nil; inner = inner.InnerError {
		if knownCodes[inner.Code] {
			e.Code = inner.Code
		}
		if e.RequestID == "" {
			e.RequestID = clean(inner.RequestID)
		}
	}
	if e.Code == "" {
		e.Code = strings.ReplaceAll(http.StatusText(res.StatusCode), " ", "")
	}
	return e
}

// maxErrorText bounds what of an answer ends up in an error, in bytes.
const maxErrorText = 512

func clean(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
}
