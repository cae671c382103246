package login

import (
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// An authority is who is asked: the first segment of the path.
type authority struct {
	name   string        // as called
	tenant *world.Tenant // nil: common, organizations or consumers
}

// Authorities that stand for many tenants
// (https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints).
const (
	common        = "common"
	organizations = "organizations"
	consumers     = "consumers"
)

// personalTenant is the id under which personal accounts appear.
const personalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// tenantTemplate stands for the tenant in issuers of common and organizations.
const tenantTemplate = "{tenantid}"

// authority finds out who is asked.
func (l *Login) authority(c *front.Call) (authority, *failure) {
	name := c.PathValue("tenant")
	if lower := strings.ToLower(name); slices.Contains([]string{common, organizations, consumers}, lower) {
		return authority{name: lower}, nil
	}
	t := l.world.Tenant(name)
	switch {
	case t == nil:
		return authority{}, refuse(90002).about("It is %q.", name)
	case !l.sameCloud(t, c.Cloud):
		return authority{}, refuse(90038).about("It is %q.", name)
	}
	return authority{name: name, tenant: t}, nil
}

// id is the authority in addresses, and what codes remember.
func (a authority) id() string {
	if a.tenant != nil {
		return a.tenant.ID
	}
	return a.name
}

// issuerID is the authority in issuers.
func (a authority) issuerID() string {
	switch {
	case a.tenant != nil:
		return a.tenant.ID
	case a.name == consumers:
		return personalTenant
	}
	return tenantTemplate
}

// tenants are those whose people may sign in.
func (l *Login) tenants(c *front.Call, a authority) []*world.Tenant {
	if a.tenant != nil {
		return []*world.Tenant{a.tenant}
	}
	var all []*world.Tenant
	for i := range l.world.Tenants {
		if t := &l.world.Tenants[i]; a.name != consumers && l.sameCloud(t, c.Cloud) {
			all = append(all, t)
		}
	}
	return all
}

// issuer of a tenant's tokens.
func issuer(at world.Cloud, tenantID string, v version) string {
	if v == v1 {
		return at.STS + "/" + tenantID + "/"
	}
	return at.Login + "/" + tenantID + "/v2.0"
}

// app finds an app by its client id, as the authority sees it.
func (l *Login) app(c *front.Call, at authority, clientID string) (*world.App, *failure) {
	if clientID == "" {
		return nil, missing("client_id")
	}
	a, home := l.world.App(clientID)
	switch {
	case a == nil, !l.sameCloud(home, c.Cloud), at.name == consumers, at.tenant != nil && at.tenant != home && !a.MultiTenant:
		return nil, refuse(700016).about("The app is %q, the directory %q.", clientID, at.name)
	case at.tenant == nil && !a.MultiTenant:
		return nil, refuse(50194).about("The app is %q.", a.ClientID)
	case a.Disabled:
		return nil, refuse(7000112).about("The app is %q.", a.ClientID)
	}
	return a, nil
}

// graphs are the roots of Graph that an authority's scopes may name.
func (l *Login) graphs(c *front.Call, at authority) []string {
	var roots []string
	for _, t := range l.tenants(c, at) {
		if root := l.world.Cloud(t.Cloud).Graph; !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	return roots
}
