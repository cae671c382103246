package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
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
	// Message is for developers and not stable. What it quotes, and addresses, are left out
	// of it: it is logged, and a meeting may be private.
	Message string
	// RequestID and ClientRequestID are what Microsoft's support asks for.
	RequestID, ClientRequestID string
	// Diagnostic says which of Microsoft's servers it was: x-ms-ags-diagnostic.
	Diagnostic string
	// RetryAfter is how long Graph wants to be left alone; zero: it didn't say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	s := fmt.Sprintf("Microsoft Graph refused with %d %s", e.Status, e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	for _, more := range []struct{ name, value string }{
		{"request-id", e.RequestID}, {"client-request-id", e.ClientRequestID}, {"x-ms-ags-diagnostic", e.Diagnostic},
	} {
		if more.value != "" {
			s += " [" + more.name + " " + more.value + "]"
		}
	}
	return s
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

// errorBody is the "error" of an answer; the inner ones nest and come in two
// spellings, which encoding/json reads alike.
type errorBody struct {
	Code       string          `json:"code"`
	Message    string          `json:"message"`
	RequestID  string          `json:"request-id"`
	InnerError json.RawMessage `json:"innerError"`
}

// quotation is what a message may have of what was sent: an address, or all from the first
// quotation mark to the last, as there may be others in between.
var quotation = regexp.MustCompile(`(^|[\s(:=])(?:'.*'\B|'.*$)|".*"|".*$|[^\s'"<>(),;:]+@[^\s'"<>(),;]+`)

// maxNesting bounds how deep the code of an error is looked for.
const maxNesting = 16

// parseError reads a refusal; a body that isn't Graph's still makes an Error.
func parseError(res *http.Response, body []byte, now time.Time) *Error {
	e := &Error{
		Status:          res.StatusCode,
		RequestID:       clean(res.Header.Get("request-id")),
		ClientRequestID: clean(res.Request.Header.Get("client-request-id")),
		Diagnostic:      clean(res.Header.Get("x-ms-ags-diagnostic")),
	}
	e.RetryAfter, _ = retryAfter(res.Header.Get("Retry-After"), now)
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error == nil {
		e.Message = "the answer is not one of Graph's errors; is a proxy in between?"
	}
	for n, rest := 0, answer.Error; rest != nil && n < maxNesting; n++ {
		var at errorBody
		_ = json.Unmarshal(rest, &at) // what is not as it should be counts as missing
		rest = at.InnerError
		if code, ok := knownCodes[strings.ToLower(at.Code)]; ok {
			e.Code = code
		} else if e.Code == "" {
			e.Code = clean(at.Code)
		}
		if e.Message == "" {
			e.Message = quotation.ReplaceAllString(clean(at.Message), "$1…")
		}
		if e.RequestID == "" {
			e.RequestID = clean(at.RequestID)
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
