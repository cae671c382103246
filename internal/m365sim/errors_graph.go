package m365sim

import (
	"fmt"
	"net/http"
)

// A graphError is a refusal by Microsoft Graph
// (https://learn.microsoft.com/graph/errors).
type graphError struct {
	status        int
	code, message string
}

func (e *graphError) Error() string { return e.code + ": " + e.message }

func badRequest(code, format string, args ...any) *graphError {
	return &graphError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

var (
	errAccessDenied = &graphError{http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again."}
	errNotFound     = &graphError{http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store."}
	errNoMailbox    = &graphError{http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise."}
	errValidation   = &graphError{http.StatusBadRequest, "ErrorPropertyValidationFailure", "At least one property failed validation."}
)

func unauthorized(message string) *graphError {
	return &graphError{http.StatusUnauthorized, "InvalidAuthenticationToken", message}
}

func (e *graphError) reply(c *call) reply {
	inner := map[string]any{
		"date":              c.now.UTC().Format("2006-01-02T15:04:05"),
		"request-id":        c.id,
		"client-request-id": c.clientRequestID(),
	}
	rep := jsonReply(e.status, map[string]any{
		"error": map[string]any{"code": e.code, "message": e.message, "innerError": inner},
	})
	if e.status == http.StatusUnauthorized {
		rep = rep.with("Www-Authenticate",
			`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`)
	}
	return rep.graphHeaders(c)
}

// clientRequestID is the caller's name for the request, else ours, as Graph does.
func (c *call) clientRequestID() string {
	if id := c.Header.Get("client-request-id"); guid.MatchString(id) {
		return id
	}
	return c.id
}

func (r reply) graphHeaders(c *call) reply {
	return r.with("Request-Id", c.id).with("Client-Request-Id", c.clientRequestID())
}
