package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

// An Integration is what checks of an integration work by.
type Integration struct {
	Name string
	// Operator is the cloud, as the configuration has it.
	Operator string
	Client   *entra.Client
	// Graph is the root of Microsoft Graph.
	Graph string
	// HTTP is how Microsoft is spoken with, certificates checked.
	HTTP *http.Client
	Now  func() time.Time
	// Unresolved: the credentials that the client has are not those of the configuration,
	// which can't be resolved.
	Unresolved bool
}

// checkNames are those of Checks, in their order.
var checkNames = []string{"cloud", "clock", "tenant", "issuer", "graph", "credentials"}

// Blocked are the findings about an integration whose configuration can't be resolved.
func Blocked(integration string) (found []Finding) {
	for _, name := range checkNames {
		f := blocked("configuration").about(integration)
		f.Check = name
		found = append(found, f)
	}
	return found
}

// Checks are those that need nobody to have signed in.
func (i Integration) Checks() []Check {
	login := hostOf(i.Client.Issuer())
	return []Check{
		{Name: "cloud", About: i.Name, How: "reaching " + login, Look: i.cloud},
		{Name: "clock", About: i.Name, How: "comparing clocks with " + login, After: []string{"cloud"}, Look: i.clock},
		{Name: "tenant", About: i.Name, How: "asking " + login + " for the tenant", After: []string{"cloud"}, Look: i.tenant},
		{Name: "issuer", About: i.Name, How: "reading the discovery document of " + login, After: []string{"tenant"}, Look: i.issuer},
		{Name: "graph", About: i.Name, How: "reaching " + hostOf(i.Graph), Look: i.graph},
		{
			Name: "credentials", About: i.Name, How: "trying each credential at " + login, After: []string{"issuer"},
			Timeout: 2 * DefaultTimeout, Look: i.credentials, // one by one
		},
	}
}

// hostOf is the host of an address, as people call it.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

func (i Integration) discovery() string {
	return strings.TrimSuffix(i.Client.Issuer(), "/") + "/.well-known/openid-configuration"
}

// cloud says whether the identity platform can be reached, and its certificate
// believed. Whatever it answers in JSON is its answer.
func (i Integration) cloud(ctx context.Context) []Finding {
	host := hostOf(i.Client.Issuer())
	a, err := ask(ctx, i.HTTP, i.discovery(), i.Now)
	switch {
	case err != nil:
		return []Finding{unanswered(host, err)}
	case a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests:
		return []Finding{Unavailable.Found("%s answers with %d %s", host, a.status, http.StatusText(a.status))}
	case !json.Valid(a.body) && a.status != http.StatusNotFound: // which the next check explains
		return []Finding{Intercepted.Found("what answers as %s is not Microsoft: %d %s, and no JSON", host, a.status, http.StatusText(a.status))}
	}
	return []Finding{Good("%s: %s answers, %s", i.Operator, host, shown(a.tls))}
}

// drift is how far clocks may be apart without a word about it.
const drift = time.Minute

// clock compares ours with that of Microsoft, as its Date header has it (RFC 9110,
// section 6.6.1): cut to a second, and made while the request was under way.
func (i Integration) clock(ctx context.Context) []Finding {
	a, err := ask(ctx, i.HTTP, i.discovery(), i.Now)
	if err != nil {
		return []Finding{unanswered(hostOf(i.Client.Issuer()), err)}
	}
	theirs, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return []Finding{NotKnown("the answer of %s tells no time", hostOf(i.Client.Issuer()))}
	}
	var off time.Duration
	way := "behind"
	switch {
	case theirs.Add(time.Second).Before(a.sent):
		off, way = a.sent.Sub(theirs.Add(time.Second)), "ahead"
	case theirs.After(a.came):
		off = theirs.Sub(a.came)
	}
	off = off.Round(time.Second)
	switch {
	case off > entra.ClockTolerance:
		return []Finding{ClockWrong.Found("this machine's clock is %s %s of Microsoft's, more than the %s that sign-ins bear", off, way, entra.ClockTolerance)}
	case off > drift:
		return []Finding{ClockDrifts.Found("this machine's clock is %s %s of Microsoft's; beyond %s nobody can sign in", off, way, entra.ClockTolerance)}
	}
	return []Finding{Good("right to within %s", max(off, time.Second))}
}

func (i Integration) tenant(ctx context.Context) []Finding {
	_, err := i.Client.Discover(ctx)
	var refused *entra.Error
	switch {
	case err == nil || !errors.As(err, &refused):
		return []Finding{Good("%s is there", i.tenantName())}
	case numbered(refused, otherCloud):
		return []Finding{TenantElsewhere.Found("%s is not in the cloud of operator %s (%s)", i.tenantName(), i.Operator, refused.Reason())}
	case numbered(refused, noTenant), refused.Status == http.StatusNotFound:
		return []Finding{TenantUnknown.Found("Microsoft knows no %s (%s)", i.tenantName(), refused.Reason())}
	case refused.Class == entra.Operator && refused.Err != nil:
		return []Finding{Good("%s is there", i.tenantName())} // what its document says is for the next check
	}
	return []Finding{Unavailable.Found("%s can't be asked for: %s", i.tenantName(), refused.Reason())}
}

// tenantName is the tenant by its id or domain; an issuer that is not Microsoft's stands
// for itself.
func (i Integration) tenantName() string {
	if i.Operator == "custom" {
		return "issuer " + i.Client.Issuer()
	}
	u, err := url.Parse(i.Client.Issuer())
	if err != nil {
		return "tenant"
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return "tenant " + tenant
}

func (i Integration) issuer(ctx context.Context) []Finding {
	issuer, err := i.Client.Discover(ctx)
	var refused *entra.Error
	switch {
	case err == nil:
		return []Finding{Good("%s, as configured", issuer)}
	case errors.As(err, &refused) && refused.Class == entra.Operator && refused.Err != nil:
		return []Finding{IssuerDiffers.Found("%s", bounded(refused.Err.Error()))}
	}
	return []Finding{Unavailable.Found("the discovery document can't be had: %s", plain(err))}
}

// graph says whether Microsoft Graph can be reached: without a token it refuses.
func (i Integration) graph(ctx context.Context) []Finding {
	host := hostOf(i.Graph)
	a, err := ask(ctx, i.HTTP, i.Graph+"/v1.0/me", i.Now)
	switch {
	case err != nil:
		return []Finding{unanswered(host, err)}
	case a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests:
		return []Finding{Unavailable.Found("%s answers with %d %s", host, a.status, http.StatusText(a.status))}
	case a.status != http.StatusUnauthorized || !json.Valid(a.body):
		return []Finding{Intercepted.Found("what answers as %s is not Microsoft Graph: %d %s, where 401 with JSON was expected", host, a.status, http.StatusText(a.status))}
	}
	return []Finding{Good("%s answers, %s", host, shown(a.tls))}
}
