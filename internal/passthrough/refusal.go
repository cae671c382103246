package passthrough

import (
	"fmt"
	"net/http"
)

// A Refusal is what a caller is told instead of an answer of Graph's.
type Refusal struct {
	Status int
	// Code is one of the booking API's.
	Code   string
	Detail string
	// LoginURL is where the person has to sign in, if that helps.
	LoginURL string
	// Header goes out with it; may be nil.
	Header http.Header
}

// Error is its detail.
func (r *Refusal) Error() string { return r.Detail }

func malformed(format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "malformed", Detail: fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "forbidden", Detail: fmt.Sprintf(format, args...)}
}
