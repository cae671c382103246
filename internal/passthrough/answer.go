package passthrough

import (
	"encoding/json"
	"net/http"
	"strings"
)

// graphCodes are what Graph's clients know of an error by its status
// (https://learn.microsoft.com/graph/errors).
var graphCodes = map[int]string{
	http.StatusBadRequest:         "BadRequest",
	http.StatusUnauthorized:       "InvalidAuthenticationToken",
	http.StatusForbidden:          "ErrorAccessDenied",
	http.StatusTooManyRequests:    "TooManyRequests",
	http.StatusServiceUnavailable: "serviceNotAvailable",
}

// body is a refusal in the form that Graph's clients read, with the members of a
// problem (RFC 9457) beside: one of Graph's SDKs reads no other type than
// application/json.
func (r *Refusal) body() []byte {
	code := graphCodes[r.Status]
	if code == "" {
		code = strings.ReplaceAll(http.StatusText(r.Status), " ", "")
	}
	answer := map[string]any{
		"title": http.StatusText(r.Status), "status": r.Status, "code": r.Code, "detail": r.Detail,
		"error": map[string]any{"code": code, "message": r.Detail, "innerError": map[string]any{"code": r.Code}},
	}
	if r.LoginURL != "" {
		answer["login_url"] = r.LoginURL
	}
	b, err := json.Marshal(answer)
	if err != nil {
		panic("passthrough: a refusal can't be written: " + err.Error()) // a slip in this package
	}
	return b
}

func (r *Refusal) write(w http.ResponseWriter) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.body())
}
