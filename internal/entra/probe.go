package entra

import (
	"context"
	"errors"
	"net/url"
)

// opProbe is what is being done when a credential is tried by itself.
const opProbe = "trying a credential of the app registration"

// Issuer is what the client is configured with; a domain may stand in it for the
// tenant's id.
func (c *Client) Issuer() string { return c.provider.issuer }

// Discover asks the issuer anew who it is, whatever is known of it, and keeps nothing
// of the answer. The error is an *Error.
func (c *Client) Discover(ctx context.Context) (issuer string, err error) {
	ep, err := c.provider.discover(ctx)
	if err != nil {
		return "", err
	}
	return ep.Issuer, nil
}

// A Probed is what became of a credential that was shown to Microsoft by itself. It
// holds no secret.
type Probed struct {
	CredentialState
	// Err is why it was not taken; nil: it was. It is an *Error.
	Err error
	// LooksLikeID: the secret is a GUID, as the ids of secrets are, and their values
	// are not.
	LooksLikeID bool
}

// Probe asks for a token of the app's own for a resource with each credential by
// itself (client credentials, RFC 6749, section 4.4), and drops it. It changes nothing
// of what is known of the credentials, and needs nobody to have signed in. The error is
// that of discovery.
func (c *Client) Probe(ctx context.Context, resource string) ([]Probed, error) {
	ep, err := c.provider.discover(ctx)
	if err != nil {
		return nil, err
	}
	var all []Probed
	for _, cred := range c.credentials.all {
		form := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {c.cfg.ClientID}, "scope": {resource + "/.default"},
		}
		_, err := c.tokenBy(ctx, opProbe, ep.Token, form, cred)
		all = append(all, Probed{CredentialState: c.credentials.state(cred), Err: err, LooksLikeID: guid.MatchString(cred.Secret)})
	}
	return all, nil
}

// NothingSent says whether err means that a credential could not be used, which was
// found out here, before anything was sent.
func NothingSent(err error) bool { return errors.Is(err, errCredential) }

// ClockTolerance is how far the issuer's clock and ours may be apart: one that is
// further ahead signs tokens which are from the future here, and one that is further
// behind takes none of the assertions that a certificate signs.
const ClockTolerance = clockLeeway
