package login

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/page"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A Consent is which scopes an app may have.
type Consent struct {
	TenantID string   `json:"tenant"`
	ClientID string   `json:"client_id"`
	PersonID string   `json:"person,omitempty"` // "": everybody in the tenant
	Scopes   []string `json:"scopes"`
}

func (c Consent) key() string { return c.TenantID + " " + c.ClientID + " " + c.PersonID }

// consent returns what somebody has consented to, or an administrator for
// everybody if personID is "". In the app's own tenant that is what is
// configured, until it is changed.
func (l *Login) consent(t *world.Tenant, a *world.App, personID string) Consent {
	given := Consent{TenantID: t.ID, ClientID: a.ClientID, PersonID: personID}
	if l.consents.Has(given.key()) {
		return l.consents.Get(given.key())
	}
	if _, home := l.world.App(a.ClientID); home == t && personID == "" {
		given.Scopes = a.Scopes
	}
	return given
}

// consented are the scopes that an app may have of somebody.
func (l *Login) consented(t *world.Tenant, a *world.App, p *world.Person) []string {
	scopes := slices.Clone(l.consent(t, a, "").Scopes)
	return union(scopes, l.consent(t, a, p.ID).Scopes)
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

func (l *Login) addConsent(t *world.Tenant, a *world.App, personID string, scopes []string) {
	given := l.consent(t, a, personID)
	given.Scopes = union(slices.Clone(given.Scopes), scopes)
	l.consents.Put(given.key(), given)
}

// mayConsent says why somebody may not consent for themselves, or nil
// (https://learn.microsoft.com/entra/identity/enterprise-apps/application-sign-in-unexpected-user-consent-error).
func mayConsent(t *world.Tenant, a *world.App, p *world.Person) *failure {
	switch {
	case p.Admin, t.UserConsent == world.ConsentAllowed && !a.AssignmentRequired:
		return nil
	case t.ConsentRequests:
		return refuse(90095)
	}
	return refuse(90094)
}

// accept keeps what somebody has consented to.
func (l *Login) accept(req *request, v visitor) *failure {
	if refusal := mayConsent(v.tenant, req.app, v.person); refusal != nil {
		return refusal
	}
	forWhom := v.person.ID
	if v.organization {
		if !v.person.Admin {
			return refuse(90093)
		}
		forWhom = ""
	}
	l.addConsent(v.tenant, req.app, forWhom, req.scopes.all(req.app))
	return nil
}

type consentData struct {
	Tenant, App, Mail string
	Scopes            []string
	// Admin may consent for the organization; Organization: nothing else is asked.
	Admin, Organization bool
}

func (l *Login) consentPage(req *request, v visitor) front.Reply {
	return page.Render(http.StatusOK, "consent", "Permissions requested", consentData{
		v.tenant.Name, req.app.Name, v.person.Mail, req.scopes.all(req.app), v.person.Admin, req.admin,
	})
}

// serveAdminConsent asks an administrator to consent for everybody
// (https://learn.microsoft.com/entra/identity-platform/v2-admin-consent).
func (l *Login) serveAdminConsent(c *front.Call) front.Reply {
	l.sweep(c.Now)
	q := c.URL.Query()
	req, refusal := l.asker(c, q)
	if refusal != nil {
		return refusal.page(c)
	}
	if req.authority.name == common {
		return refuse(9002313).about("Write the tenant, or %s, instead of %s.", organizations, common).page(c)
	}
	req.admin, req.prompt = true, "select_account" // an administrator is to be picked
	if req.scopes, refusal = (scopeReader{req.app, l.graphs(c, req.authority), 70011}).read(q.Get("scope")); refusal == nil && req.scopes.asksNothing() {
		refusal = missing("scope")
	}
	if refusal != nil {
		return l.back(c, req, refusal)
	}
	return l.interact(c, req)
}

// consentForAll asks an administrator, or keeps the consent and goes back.
func (l *Login) consentForAll(c *front.Call, req *request, v visitor) front.Reply {
	if !v.person.Admin {
		return refuse(90094).about("%s is no administrator of %s.", v.person.Mail, v.tenant.Name).page(c)
	}
	if !v.accepted {
		return l.consentPage(req, v)
	}
	scopes := req.scopes.all(req.app)
	l.addConsent(v.tenant, req.app, "", scopes)
	req.authority.tenant = v.tenant
	return l.toApp(c, req, url.Values{"scope": {told(scopes, l.world.Cloud(v.tenant.Cloud).Graph)}})
}

// Consents are all that there are: what is configured, as far as it was not
// changed, and what was consented to since.
func (l *Login) Consents() []Consent {
	var all []Consent
	for i := range l.world.Tenants {
		t := &l.world.Tenants[i]
		for j := range t.Apps {
			if given := l.consent(t, &t.Apps[j], ""); !l.consents.Has(given.key()) {
				all = append(all, given)
			}
		}
	}
	for _, given := range l.consents.All() {
		all = append(all, given)
	}
	slices.SortFunc(all, func(a, b Consent) int { return cmp.Compare(a.key(), b.key()) })
	return all
}

// SetConsent sets which scopes an app has for everybody in a tenant, given by id
// or domain; what people have consented to for themselves stays. Without scopes
// the consent is withdrawn. The error says what doesn't exist.
func (l *Login) SetConsent(tenant, clientID string, scopes []string) error {
	t := l.world.Tenant(tenant)
	if t == nil {
		return fmt.Errorf("there is no tenant %q; give its id or its domain", tenant)
	}
	a, home := l.world.App(clientID)
	if a == nil || home != t && !a.MultiTenant {
		return fmt.Errorf("the tenant %s has no app %q; give a client id", t.Name, clientID)
	}
	r, refusal := scopeReader{a, []string{l.world.Cloud(t.Cloud).Graph}, 70011}.read(strings.Join(scopes, " "))
	if refusal != nil {
		return fmt.Errorf("the scopes can't be consented to: AADSTS%d: %s", refusal.code, refusal.text())
	}
	given := Consent{TenantID: t.ID, ClientID: a.ClientID, Scopes: r.all(a)}
	l.consents.Put(given.key(), given)
	return nil
}
