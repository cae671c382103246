package entra

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// A Cloud is one of Microsoft's separate worlds: an app registration and its
// tokens exist in one of them only.
type Cloud struct {
	// Name as the Caddyfile has it.
	Name string
	// Authority and Graph are roots without a path.
	Authority, Graph string
}

// clouds holds all of them. The aliases that some hosts have are left out on
// purpose: issuers never carry them
// (https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud,
// https://learn.microsoft.com/graph/deployments).
var clouds = []Cloud{
	{"microsoft", "https://login.microsoftonline.com", "https://graph.microsoft.com"},
	{"21vianet", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"},
	{"us_gov", "https://login.microsoftonline.us", "https://graph.microsoft.us"},
	{"us_gov_dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
}

// CloudNamed returns the cloud of that name.
func CloudNamed(name string) (Cloud, bool) {
	for _, c := range clouds {
		if c.Name == name {
			return c, true
		}
	}
	return Cloud{}, false
}

// Issuer returns the issuer of a tenant's tokens. The tenant must be given by
// its GUID: discovery by a domain's name announces another issuer.
func (c Cloud) Issuer(tenantID string) string { return c.Authority + "/" + tenantID + "/v2.0" }

// microsoftTenant returns the tenant that a Microsoft issuer belongs to, and
// "" for anybody else's issuer.
func microsoftTenant(issuer string) string {
	for _, c := range clouds {
		if rest, ok := strings.CutPrefix(issuer, c.Authority+"/"); ok {
			tenant, _ := strings.CutSuffix(rest, "/v2.0")
			return tenant
		}
	}
	return ""
}

// CheckIssuer says what is wrong with the address of an issuer; nil: nothing.
// It must be https, or http on loopback, with no query or fragment (OpenID
// Connect Core 1.0, section 2, "iss").
func CheckIssuer(issuer string) error {
	u, err := checkURL(issuer)
	switch {
	case err != nil:
		return err
	case u.RawQuery != "" || u.ForceQuery:
		return fmt.Errorf("%q has a query; write the issuer as discovery announces it", issuer)
	}
	return nil
}

// checkURL accepts addresses to which a secret may be sent.
func checkURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("this is no URL; write it like https://login.microsoftonline.com/TENANT/v2.0")
	case u.User != nil:
		return nil, fmt.Errorf("%q has a user or password in it; leave them out", u.Redacted())
	case u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%q must begin with https:// and a host", s)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%q must be https: secrets would cross the network readable; http is for loopback only", s)
	case u.Fragment != "":
		return nil, fmt.Errorf("%q has a fragment (#); leave it out", s)
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
