package entra

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What was being done when an Error happened.
const (
	opDiscovery = "discovery"
	opKeys      = "fetching the signing keys"
	opSignIn    = "sign-in"
	opExchange  = "redeeming the sign-in code"
	opRefresh   = "refreshing the connection"
)

// An Error is a refusal by Microsoft's identity platform, or the lack of an
// answer. It never holds a token or a secret.
type Error struct {
	// Op is what was being done, in words.
	Op string
	// Status of HTTP; 0 if no answer came, or it came through the browser.
	Status int
	// Code and Suberror are what Microsoft wants programs to go by
	// (RFC 6749, 5.2: "error"); Description is for people who read logs. What looks
	// like a mail address is taken out of it, but Microsoft may name somebody in
	// another way.
	Code, Suberror, Description string
	// Codes are the numbers of AADSTS messages. They may change.
	Codes []int
	// TraceID and CorrelationID are what Microsoft's support asks for; RequestID
	// is what we have called the request, and finds it too. Each is a GUID or empty.
	TraceID, CorrelationID, RequestID string
	// Claims, if any, is a JSON object that has to go into the next sign-in for it
	// to succeed: what Microsoft demands, or the challenge that was to be met.
	Claims string
	// Class says whose it is.
	Class Class
	// RetryAfter is how long Microsoft wants to be left alone; 0: it didn't say.
	RetryAfter time.Duration
	// Err is the cause when there is no refusal.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Err != nil {
		b.WriteString(" failed: " + clean(e.Err.Error()))
	} else {
		b.WriteString(" was refused")
		if e.Status != 0 {
			fmt.Fprintf(&b, " with %d", e.Status)
		}
		for _, s := range []string{e.Code, e.Suberror} {
			if s != "" {
				b.WriteString(" " + s)
			}
		}
		if e.Description != "" {
			b.WriteString(": " + e.Description)
		}
	}
	if e.TraceID != "" {
		b.WriteString(" (trace id " + e.TraceID + ")")
	}
	// Microsoft usually takes our id for its correlation id.
	if e.CorrelationID != "" && e.CorrelationID != e.RequestID {
		b.WriteString(" (correlation id " + e.CorrelationID + ")")
	}
	if e.RequestID != "" {
		b.WriteString(" (request id " + e.RequestID + ")")
	}
	b.WriteString("; " + e.Class.String())
	return b.String()
}

var codeWord = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// Reason tells the error in words that are Microsoft's codes and ours: nothing in
// them names a person, as a description may.
func (e *Error) Reason() string {
	var words []string
	for _, s := range []string{e.Code, e.Suberror} {
		if codeWord.MatchString(s) {
			words = append(words, s)
		}
	}
	for _, n := range e.Codes {
		words = append(words, fmt.Sprintf("AADSTS%d", n))
	}
	switch {
	case len(words) > 0:
	case errors.Is(e.Err, errCredential):
		words = append(words, errCredential.Error())
	default:
		words = append(words, "no answer of Microsoft's")
	}
	return strings.Join(words, " ") + "; " + e.Class.String()
}

// Unwrap returns the cause, so that a cancelled context can be told.
func (e *Error) Unwrap() error { return e.Err }

// noAnswer is an Error for an answer that didn't come or makes no sense.
func noAnswer(op string, err error) *Error { return &Error{Op: op, Class: Transient, Err: err} }

const (
	// maxText bounds a text that came from outside, in bytes.
	maxText = 512
	// maxCodes bounds how many numbers of one error are kept.
	maxCodes = 8
	// maxRetryAfter bounds how long a Retry-After is obeyed.
	maxRetryAfter = time.Hour
)

// refusal reads an error answer (RFC 6749, section 5.2, with Microsoft's
// additions). What isn't one comes from something in between, and passes. An
// issuer may quote what it was sent: the secrets are taken out.
func refusal(op string, status int, wait time.Duration, body []byte, secrets ...string) *Error {
	e := &Error{Op: op, Status: status, RetryAfter: wait}
	var a struct {
		Error         string          `json:"error"`
		Suberror      string          `json:"suberror"`
		Description   string          `json:"error_description"`
		Codes         json.RawMessage `json:"error_codes"`
		TraceID       string          `json:"trace_id"`
		CorrelationID string          `json:"correlation_id"`
		Claims        json.RawMessage `json:"claims"`
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Error == "" {
		e.Err = fmt.Errorf("it was answered with %d %s, which is no answer of Microsoft's; is a proxy in between?", status, http.StatusText(status))
		return e
	}
	for _, secret := range secrets {
		if secret != "" { // before anything is cut off: half a secret is one too
			a.Description = strings.ReplaceAll(a.Description, secret, "REDACTED")
		}
	}
	e.Code, e.Suberror, e.Description = clean(a.Error), clean(a.Suberror), firstLine(a.Description)
	e.TraceID, e.CorrelationID = idIn(a.TraceID), idIn(a.CorrelationID)
	e.identify(a.Description)
	var claims string // JSON in a string
	if json.Unmarshal(a.Claims, &claims) == nil {
		e.Claims = challengeIn(claims)
	}
	if json.Unmarshal(a.Codes, &e.Codes) != nil || len(e.Codes) == 0 {
		e.Codes = codesIn(a.Description)
	}
	e.Codes = e.Codes[:min(len(e.Codes), maxCodes)]
	e.Class = classify(status, e.Code, e.Suberror, e.Codes, e.Claims != "")
	return e
}

// ParseCallbackError reads an error that the browser brought back from
// Microsoft (RFC 6749, section 4.1.2.1). Whoever can make a browser follow a
// link can make it up: it is good for a page and a log line only.
func ParseCallbackError(q url.Values) *Error {
	e := &Error{
		Op:          opSignIn,
		Code:        clean(q.Get("error")),
		Suberror:    clean(cmp.Or(q.Get("suberror"), q.Get("error_subcode"))),
		Description: firstLine(q.Get("error_description")),
		Codes:       codesIn(q.Get("error_description")),
	}
	e.identify(q.Get("error_description"))
	e.Class = classify(0, e.Code, e.Suberror, e.Codes, false)
	return e
}

var (
	traceLine       = regexp.MustCompile(`(?i)\bTrace ID: *([0-9a-f-]{36})`)
	correlationLine = regexp.MustCompile(`(?i)\bCorrelation ID: *([0-9a-f-]{36})`)
)

// identify takes from a description the ids that were not told apart from it.
func (e *Error) identify(description string) {
	if m := traceLine.FindStringSubmatch(description); m != nil && e.TraceID == "" {
		e.TraceID = idIn(m[1])
	}
	if m := correlationLine.FindStringSubmatch(description); m != nil && e.CorrelationID == "" {
		e.CorrelationID = idIn(m[1])
	}
}

// idIn returns an id as Microsoft writes them, and "" for anything else: people
// are asked to pass it on.
func idIn(s string) string {
	if !guid.MatchString(s) {
		return ""
	}
	return strings.ToLower(s)
}

var aadsts = regexp.MustCompile(`^AADSTS(\d{4,9})\b`)

// codesIn returns the number that Microsoft's descriptions begin with.
func codesIn(description string) []int {
	m := aadsts.FindStringSubmatch(description)
	if m == nil {
		return nil
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return nil
	}
	return []int{n}
}

// firstLine leaves out what Microsoft writes below its message: trace id,
// correlation id and time; and the address of whom the message is about.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return clean(address.ReplaceAllString(line, "…@…")) // before anything is cut off, or half an address stays
}

// address is what looks like a mail address or a user principal name. It takes in
// too much rather than too little: RFC 5321 allows nearly all that prints.
var address = regexp.MustCompile(`[^\s"'<>(),;:@\[\]]+@[^\s"'<>(),;:@\[\]]+`)

// clean makes a text from outside fit for a log line.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s))
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	seconds, err := strconv.ParseInt(value, 10, 64)
	wait := time.Duration(min(seconds, int64(maxRetryAfter/time.Second))) * time.Second
	if errors.Is(err, strconv.ErrSyntax) {
		at, err := http.ParseTime(value)
		if err != nil {
			return 0
		}
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
