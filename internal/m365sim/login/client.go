package login

import (
	"net/url"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// assertionType is the client_assertion_type of a JWT (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate finds the app and checks its credential: a secret in the body or
// by HTTP Basic (RFC 6749 section 2.3.1), or an assertion.
func (l *Login) authenticate(c *front.Call, at authority, form url.Values) (*world.App, *failure) {
	id, value, refusal := clientOf(c, form)
	if refusal != nil {
		return nil, refusal
	}
	a, refusal := l.app(c, at, id)
	if refusal != nil {
		return nil, refusal
	}
	if origin := c.Header.Get("Origin"); origin != "" {
		return nil, refuse(9002326).about("It is %q.", origin)
	}
	switch {
	case form.Has("client_assertion") && value != "":
		return nil, refuse(9002313).about("The client authenticates in two ways.")
	case form.Has("client_assertion") && form.Get("client_assertion_type") != assertionType:
		return nil, refuse(9002313).about("The client_assertion_type has to be %s.", assertionType)
	case form.Has("client_assertion"):
		return a, l.checkAssertion(c, at, a, form.Get("client_assertion"))
	case value == "":
		return nil, refuse(7000218)
	}
	return a, l.checkSecret(c.Now, a, value)
}

// clientOf returns the client id and the secret that a request gives.
func clientOf(c *front.Call, form url.Values) (id, value string, refusal *failure) {
	id, value = form.Get("client_id"), form.Get("client_secret")
	user, password, basic := c.BasicAuth()
	if !basic {
		return id, value, nil
	}
	if value != "" {
		return "", "", refuse(9002313).about("The client authenticates in two ways.")
	}
	name, err1 := url.QueryUnescape(user)
	value, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil || id != "" && !strings.EqualFold(id, name) {
		return "", "", refuse(9002313).about("The Authorization header can't be read, or names another client than the body.")
	}
	return name, value, nil
}

// A secret of an app, without its value.
type secret struct {
	ID          string    `json:"id,omitempty"`
	Fingerprint string    `json:"fingerprint"`
	Expires     time.Time `json:"expires,omitzero"`
}

// secretsOf are the configured ones until they are replaced.
func (l *Login) secretsOf(a *world.App) []secret {
	if l.secrets.Has(a.ClientID) {
		return l.secrets.Get(a.ClientID)
	}
	return withoutValues(a.Secrets)
}

func withoutValues(secrets []world.Secret) []secret {
	kept := []secret{}
	for _, s := range secrets {
		kept = append(kept, secret{s.ID, fingerprint(s.Value), s.Expires})
	}
	return kept
}

func (l *Login) checkSecret(now time.Time, a *world.App, value string) *failure {
	given := fingerprint(value)
	for _, s := range l.secretsOf(a) {
		if s.Fingerprint != given {
			continue
		}
		if !s.Expires.IsZero() && !now.Before(s.Expires) {
			return refuse(7000222).about("The app is %q.", a.ClientID)
		}
		return nil
	}
	return refuse(7000215).about("The app is %q.", a.ClientID)
}
