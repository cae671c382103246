package m365sim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An entraError is a refusal by the identity platform
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
type entraError struct {
	status   int    // of the token endpoint
	oauth    string // RFC 6749 section 5.2
	code     int    // the number after AADSTS
	suberror string
	message  string
}

func (e *entraError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.code, e.message) }

func refused(oauth string, code int, format string, args ...any) *entraError {
	return &entraError{status: http.StatusBadRequest, oauth: oauth, code: code, message: fmt.Sprintf(format, args...)}
}

// of adds a suberror.
func (e *entraError) of(suberror string) *entraError {
	e.suberror = suberror
	return e
}

func invalidRequest(code int, format string, args ...any) *entraError {
	return refused("invalid_request", code, format, args...)
}

func invalidGrant(code int, format string, args ...any) *entraError {
	return refused("invalid_grant", code, format, args...)
}

func invalidClient(code int, format string, args ...any) *entraError {
	e := refused("invalid_client", code, format, args...)
	e.status = http.StatusUnauthorized
	return e
}

func missingParameter(name string) *entraError {
	return invalidRequest(900144, "The request body must contain the following parameter: '%s'.", name)
}

func tenantNotFound(name string) *entraError {
	return refused("invalid_tenant", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", name)
}

func appNotFound(clientID string, t *Tenant) *entraError {
	return refused("unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", clientID, t.Name)
}

// entraTime is how Entra writes times in errors.
const entraTime = "2006-01-02 15:04:05Z"

// entraJSON is the refusal as the token endpoint writes it.
func (s *Server) entraJSON(c *call, e *entraError) reply {
	correlation, at := c.correlationID(), c.now.UTC().Format(entraTime)
	body := map[string]any{
		"error":             e.oauth,
		"error_description": e.description(c.id, correlation, c.now),
		"error_codes":       []int{e.code},
		"timestamp":         at,
		"trace_id":          c.id,
		"correlation_id":    correlation,
		"error_uri":         s.errorURI(e),
	}
	if e.suberror != "" {
		body["suberror"] = e.suberror
	}
	rep := jsonReply(e.status, body).with("X-Ms-Request-Id", c.id)
	if c.Header.Get("client-request-id") == correlation {
		rep = rep.with("Client-Request-Id", correlation)
	}
	return rep
}

func (e *entraError) description(trace, correlation string, at time.Time) string {
	return fmt.Sprintf("%s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", e.Error(), trace, correlation, at.UTC().Format(entraTime))
}

func (s *Server) errorURI(e *entraError) string {
	return fmt.Sprintf("%s/error?code=%d", s.base, e.code)
}

// entraRedirect takes the refusal back to the app (RFC 6749 section 4.1.2.1).
func (s *Server) entraRedirect(c *call, redirectURI, state string, e *entraError) reply {
	q := url.Values{
		"error":             {e.oauth},
		"error_description": {e.description(c.id, c.correlationID(), c.now)},
		"error_uri":         {s.errorURI(e)},
	}
	if e.suberror != "" {
		q.Set("error_subcode", e.suberror)
	}
	return backToApp(c, redirectURI, state, q)
}

// backToApp redirects to a validated redirect URI. The state is echoed if there
// was one.
func backToApp(c *call, redirectURI, state string, q url.Values) reply {
	if state != "" {
		q.Set("state", state)
	}
	join := "?"
	if strings.Contains(redirectURI, "?") {
		join = "&"
	}
	status := http.StatusFound
	if c.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	return redirectReply(status, redirectURI+join+q.Encode())
}
