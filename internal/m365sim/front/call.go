package front

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A Call is one request, with its body read.
type Call struct {
	*http.Request // its path begins after the cloud's
	Body          []byte
	Now           time.Time
	ID            string // request-id of Graph, trace id of Entra
	Cloud         world.Cloud
	// Root is where the cloud was called: its own root, or an alias of it.
	Root string
}

// CorrelationID is the caller's name for the request if it is a GUID, else a
// new one.
func (c *Call) CorrelationID() string {
	for _, id := range []string{c.Header.Get("client-request-id"), c.URL.Query().Get("client-request-id")} {
		if world.GUID.MatchString(id) {
			return strings.ToLower(id)
		}
	}
	return uuid.NewString()
}
