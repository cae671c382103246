package login

import (
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/page"
)

// A failure is a refusal by the identity platform.
type failure struct {
	code int // the number after AADSTS
	outcome
	detail string // which one
	claims string // a claims challenge, JSON
}

// refuse returns the failure of a number in codes.
func refuse(code int) *failure {
	f := &failure{code: code, outcome: codes[code]}
	if f.status == 0 {
		f.status = http.StatusBadRequest
	}
	return f
}

// maxDetail bounds what of a request is told back, in bytes.
const maxDetail = 1024

// about adds which one it is.
func (f *failure) about(format string, args ...any) *failure {
	detail := fmt.Sprintf(format, args...)
	f.detail = " " + strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], "")
	return f
}

// as changes what it is in OAuth's terms.
func (f *failure) as(oauth string) *failure {
	f.oauth = oauth
	return f
}

// sub changes the suberror.
func (f *failure) sub(suberror string) *failure {
	f.suberror = suberror
	return f
}

func missing(parameter string) *failure { return refuse(900144).about("It is %q.", parameter) }

func (f *failure) text() string { return f.message + f.detail }

// entraTime is how Entra writes times in errors.
const entraTime = "2006-01-02 15:04:05Z"

func stamp(at time.Time) string { return at.UTC().Format(entraTime) }

func (f *failure) description(trace, correlation string, at time.Time) string {
	return fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", f.code, f.text(), trace, correlation, stamp(at))
}

func (f *failure) uri(c *front.Call) string {
	return fmt.Sprintf("%s/error?code=%d", c.Cloud.Login, f.code)
}

// A tokenError is RFC 6749 section 5.2 with Entra's additions.
type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	Timestamp   string `json:"timestamp"`
	Trace       string `json:"trace_id"`
	Correlation string `json:"correlation_id"`
	URI         string `json:"error_uri"`
	Suberror    string `json:"suberror,omitempty"`
	Claims      string `json:"claims,omitempty"`
}

// json is the refusal as the token endpoint writes it.
func (f *failure) json(c *front.Call) front.Reply {
	correlation := c.CorrelationID()
	rep := front.JSON(f.status, tokenError{
		Error: f.oauth, Description: f.description(c.ID, correlation, c.Now), Codes: []int{f.code}, Timestamp: stamp(c.Now),
		Trace: c.ID, Correlation: correlation, URI: f.uri(c), Suberror: f.suberror, Claims: f.claims,
	}).With("X-Ms-Request-Id", c.ID)
	if strings.EqualFold(c.Header.Get("client-request-id"), correlation) {
		rep = rep.With("Client-Request-Id", correlation)
	}
	return rep
}

type errorPage struct {
	Code                                   int // after AADSTS; 0: there is no such page
	Message, Trace, Correlation, Timestamp string
}

// page shows a refusal that must not go back to the app.
func (f *failure) page(c *front.Call) front.Reply {
	status := f.status
	if status == http.StatusUnauthorized { // of the token endpoint's clients
		status = http.StatusBadRequest
	}
	return page.Render(status, "error", "Sign-in failed", errorPage{f.code, f.text(), c.ID, c.CorrelationID(), stamp(c.Now)})
}

// silently is the failure as prompt=none is told it: the app has to let the
// user sign in, or see a page.
func (f *failure) silently() *failure {
	if (f.class == userActs || f.class == adminActs) && f.oauth != "login_required" {
		f.oauth = "interaction_required"
	}
	return f
}

// number reads a code as faults and control name it: "AADSTS50076" or "50076".
func number(code string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(code), "AADSTS"))
	if err != nil {
		return 0, false
	}
	_, known := codes[n]
	return n, known
}

// KnownCode says whether a fault may give that code without a status.
func (l *Login) KnownCode(code string) bool {
	_, known := number(code)
	return known
}

// refuseFault words what a fault says. What it doesn't say is as usual for its
// code; without a known code it is as usual for its status.
func (l *Login) refuseFault(c *front.Call, fault front.Fault) front.Reply {
	n, known := number(fault.Code)
	usual := n
	switch {
	case known:
	case fault.Claims != "":
		usual = 50076
	case fault.Status == http.StatusTooManyRequests || fault.Status >= http.StatusInternalServerError:
		usual = 90033
	default:
		usual = 90023
	}
	f := refuse(usual)
	if n != 0 {
		f.code = n // also one that we don't know
	}
	if fault.Status != 0 {
		f.status = fault.Status
	}
	if fault.Error != "" {
		f.oauth = fault.Error
	}
	if fault.Suberror != "" {
		f.suberror = fault.Suberror
	}
	if fault.Message != "" {
		f.message = fault.Message
	}
	f.claims = fault.Claims
	if path.Base(c.URL.Path) == "authorize" {
		return f.page(c)
	}
	return f.json(c)
}
