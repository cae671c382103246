package msgraph

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// A usual answer of Graph for a code.
type usual struct {
	status  int
	message string
}

// codes are Graph's errors (https://learn.microsoft.com/graph/errors). What is
// refused with a message of its own says here only its status.
var codes = map[string]usual{
	"ApplicationThrottled":              {429, "Application is over its MailboxConcurrency limit."},
	"TooManyRequests":                   {429, "Too many requests."},
	"activityLimitReached":              {429, "The app or user has been throttled."},
	"Authorization_RequestDenied":       {403, "Insufficient privileges to complete the operation."},
	"BadRequest":                        {400, "The request is malformed or incorrect."},
	"Conflict":                          {409, "The request conflicts with something that exists."},
	"ErrorAccessDenied":                 {403, exchange.ErrAccessDenied.Message},
	"ErrorCalendarInvalidRecurrence":    {400, "The recurrence pattern or range is not valid."},
	"ErrorDuplicateTransactionId":       {409, exchange.ErrTransaction.Message},
	"ErrorFolderExists":                 {409, "A folder with the specified name already exists."},
	"ErrorInternalServerError":          {500, "An internal server error occurred. The operation failed."},
	"ErrorInternalServerTransientError": {500, "Cannot query rows in a table."},
	"ErrorInvalidIdMalformed":           {400, exchange.ErrMalformedID.Message},
	"ErrorInvalidParameter":             {400, "The parameter is invalid."},
	"ErrorInvalidRecipients":            {400, "At least one recipient isn't valid."},
	"ErrorInvalidRequest":               {400, "Your request can't be completed."},
	"ErrorInvalidTimeInterval":          {400, "The end time must be later than the start time."},
	"ErrorInvalidUrlQuery":              {400, "The query isn't valid."},
	"ErrorInvalidUser":                  {404, "The requested user is invalid."},
	"ErrorIrresolvableConflict":         {412, "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item."},
	"ErrorItemNotFound":                 {404, exchange.ErrNotFound.Message},
	"ErrorMailboxDataArrayTooBig":       {400, "There are too many target users in the EmailAddress array."},
	"ErrorMailboxMoveInProgress":        {503, "The mailbox is being moved. Please try again later."},
	"ErrorMailboxStoreUnavailable":      {503, "The mailbox database is temporarily unavailable."},
	"ErrorNonExistentMailbox":           {404, "The SMTP address has no mailbox associated with it."},
	"ErrorOccurrenceCrossingBoundary":   {400, exchange.ErrBoundary.Message},
	"ErrorOccurrenceTimeSpanTooBig":     {400, "The event is longer than the time between two of its occurrences."},
	"ErrorPropertyValidationFailure":    {400, exchange.ErrValidation.Message},
	"ErrorQuotaExceeded":                {507, "The mailbox has exceeded its storage quota."},
	"ErrorServerBusy":                   {503, "The server cannot service this request right now. Try again later."},
	"ErrorTimeIntervalTooBig":           {400, "The requested time duration is too long."},
	"ExtensionError":                    {400, "Operation: Create; Exception: [Status Code: BadRequest; Reason: Bad Request]"},
	"InvalidAuthenticationToken":        {401, "Access token has expired or is not yet valid."},
	"InternalServerError":               {500, "An internal server error occurred."},
	"MailboxNotEnabledForRESTAPI":       {404, "The mailbox is either inactive, soft-deleted, or is hosted on-premise."},
	"RequestBodyRead":                   {400, "The request's body can't be read."},
	"RequestBroker--ParseUri":           {400, "The request's address can't be read."},
	"Request_BadRequest":                {405, "Specified HTTP method is not allowed for the request target."},
	"Request_ResourceNotFound":          {404, "The resource does not exist or one of its queried reference-property objects is not present."},
	"ResourceNotFound":                  {404, "The resource could not be discovered."},
	"ServiceUnavailable":                {503, "The service is temporarily unavailable."},
	"SyncStateNotFound":                 {410, "The sync state generation is not found; begin a full synchronization."},
	"TimeZoneNotSupportedException":     {400, "A valid TimeZone value must be specified."},
	"UnknownError":                      {500, ""},
	"ValidationError":                   {400, "The subscription's validation request failed."},
	"generalException":                  {500, "An unspecified error has occurred."},
	"resyncRequired":                    {410, "The sync token is too old; begin a full synchronization."},
	"serviceNotAvailable":               {503, "The service is not available."},
}

// KnownCode says whether a code has a usual status.
func KnownCode(code string) bool { _, known := codes[code]; return known }

// status of a refusal.
func status(e *exchange.Refusal) int { return cmp.Or(codes[e.Code].status, http.StatusBadRequest) }

// badRequest and its like are refusals with a message of their own.
var badRequest = exchange.Refuse

// refusal answers with an error.
func refusal(c *front.Call, err error) front.Reply {
	e := &exchange.Refusal{Code: "InternalServerError", Message: codes["InternalServerError"].message}
	errors.As(err, &e)
	return errorReply(c, status(e), e.Code, e.Message)
}

// errorReply writes an error as Graph does.
func errorReply(c *front.Call, status int, code, message string) front.Reply {
	inner := map[string]any{
		"date": c.Now.UTC().Format("2006-01-02T15:04:05"), "request-id": c.ID, "client-request-id": clientRequestID(c),
	}
	return graphHeaders(c, front.JSON(status, map[string]any{
		"error": map[string]any{"code": code, "message": message, "innerError": inner},
	}))
}

// An Unauthenticated is why a token is refused. Claims, if not "", is a claims
// challenge (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
type Unauthenticated struct{ Message, Claims string }

func (g *Graph) unauthenticated(c *front.Call, why *Unauthenticated) front.Reply {
	return errorReply(c, http.StatusUnauthorized, "InvalidAuthenticationToken", why.Message).
		With("Www-Authenticate", challenge(c, why.Claims))
}

// challenge names Graph itself by its client id.
func challenge(c *front.Call, claims string) string {
	header := fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`, c.Cloud.Login)
	if claims != "" {
		header += fmt.Sprintf(`, errorDescription="Continuous access evaluation resulted in challenge", error="insufficient_claims", claims="%s"`, encode64(claims))
	}
	return header
}

// refuse words a fault as Graph would.
func (g *Graph) refuse(c *front.Call, f front.Fault) front.Reply {
	u := codes[f.Code]
	status := cmp.Or(f.Status, u.status, http.StatusInternalServerError)
	code := cmp.Or(f.Code, strings.ReplaceAll(http.StatusText(status), " ", ""))
	rep := errorReply(c, status, code, cmp.Or(f.Message, u.message, http.StatusText(status)))
	if status == http.StatusUnauthorized {
		rep = rep.With("Www-Authenticate", challenge(c, f.Claims))
	}
	return rep
}

// clientRequestID is the caller's name for the request, else ours, as Graph does.
func clientRequestID(c *front.Call) string { return cmp.Or(c.Header.Get("client-request-id"), c.ID) }

func graphHeaders(c *front.Call, r front.Reply) front.Reply {
	return r.With("Request-Id", c.ID).With("Client-Request-Id", clientRequestID(c)).
		With("X-Ms-Ags-Diagnostic", `{"ServerInfo":{"DataCenter":"m365sim","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"m365sim"}}`)
}
