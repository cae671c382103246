package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// endpoints is what we need of a discovery document (OpenID Connect Discovery
// 1.0, section 3).
type endpoints struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Keys          string `json:"jwks_uri"`
	EndSession    string `json:"end_session_endpoint"`
}

// pinned is the issuer whose tokens are believed, and the only tenant that it
// stands for; "": it has no tenants.
type pinned struct{ issuer, tenant string }

// pinOf is what an issuer is pinned to if nobody needs to be asked.
func pinOf(issuer string) *pinned {
	tenant := microsoftTenant(issuer)
	if tenant != "" && !guid.MatchString(tenant) {
		return nil // a domain
	}
	return &pinned{issuer, tenant}
}

// findTenant asks which tenant a domain belongs to. Its discovery document tells
// by the issuer, which has the tenant's id in the place of the domain; from then
// on it is that issuer, whatever becomes of the domain.
func (p *Provider) findTenant(ctx context.Context) (*pinned, error) {
	body, err := p.fetchDiscovery(ctx, p.issuer)
	if err != nil {
		return nil, err
	}
	return parseTenant(body, p.issuer)
}

func parseTenant(body []byte, issuer string) (*pinned, error) {
	var ep endpoints
	if err := json.Unmarshal(body, &ep); err != nil {
		return nil, noAnswer(opDiscovery, fmt.Errorf("%s sent no discovery document: %w", issuer, err))
	}
	refused := func(format string, args ...any) (*pinned, error) {
		return nil, &Error{Op: opDiscovery, Class: Operator, Err: fmt.Errorf(format, args...)}
	}
	tenant := microsoftTenant(ep.Issuer)
	if !guid.MatchString(tenant) || ep.Issuer != strings.Replace(issuer, "/"+microsoftTenant(issuer)+"/", "/"+tenant+"/", 1) {
		return refused("%s does not tell to which tenant the domain belongs, but %s; configure the tenant's id", issuer, clean(ep.Issuer))
	}
	if err := CheckTenant(tenant); err != nil {
		return refused("%s: %w", issuer, err)
	}
	return &pinned{ep.Issuer, tenant}, nil
}

func (p *Provider) discover(ctx context.Context) (*endpoints, error) {
	pin, err := p.pin(ctx)
	if err != nil {
		return nil, err
	}
	body, err := p.fetchDiscovery(ctx, pin.issuer)
	if err != nil {
		return nil, err
	}
	return parseEndpoints(body, pin.issuer)
}

func (p *Provider) fetchDiscovery(ctx context.Context, issuer string) ([]byte, error) {
	body, err := p.get(ctx, opDiscovery, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	var refused *Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		refused.Class = Operator // nobody in between: there is no such issuer
	}
	return body, err
}

// parseEndpoints reads the discovery document of an issuer.
func parseEndpoints(body []byte, issuer string) (*endpoints, error) {
	var ep endpoints
	if err := json.Unmarshal(body, &ep); err != nil {
		return nil, noAnswer(opDiscovery, fmt.Errorf("%s sent no discovery document: %w", issuer, err))
	}
	if err := ep.check(issuer); err != nil {
		return nil, &Error{Op: opDiscovery, Class: Operator, Err: err}
	}
	return &ep, nil
}

// check demands that the document speaks for the configured issuer, exactly
// (section 4.3): anybody else's keys would let their people in.
func (ep *endpoints) check(issuer string) error {
	switch {
	case strings.Contains(ep.Issuer, "{tenantid}"):
		return fmt.Errorf("%s stands for every tenant; configure the tenant's own id", issuer)
	case ep.Issuer != issuer:
		return fmt.Errorf("configured is the issuer %s, but its discovery document speaks for %s; its people are others",
			issuer, clean(ep.Issuer))
	}
	for name, endpoint := range map[string]string{
		"authorization_endpoint": ep.Authorization, "token_endpoint": ep.Token, "jwks_uri": ep.Keys,
	} {
		if _, err := checkURL(endpoint); err != nil {
			return fmt.Errorf("the discovery document's %s is of no use: %s", name, clean(err.Error()))
		}
	}
	if ep.EndSession != "" {
		if _, err := checkURL(ep.EndSession); err != nil {
			return fmt.Errorf("the discovery document's end_session_endpoint is of no use: %s", clean(err.Error()))
		}
	}
	return nil
}
