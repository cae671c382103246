package entra

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// A Cloud is one of Microsoft's separate worlds: an app registration and its
// tokens exist in one of them only.
type Cloud struct {
	// Name as the Caddyfile has it.
	Name string
	// Authority and Graph are roots without a path.
	Authority, Graph string
	// Portal is where an operator registers the app.
	Portal string
	// CLI is its name for "az cloud set", and Exchange that for Connect-ExchangeOnline
	// -ExchangeEnvironmentName.
	CLI, Exchange string
}

// clouds holds all of them. The aliases that some hosts have are left out on
// purpose: issuers never carry them
// (https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud,
// https://learn.microsoft.com/graph/deployments,
// https://learn.microsoft.com/powershell/module/exchangepowershell/connect-exchangeonline,
// https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli).
var clouds = []Cloud{
	{"microsoft", "https://login.microsoftonline.com", "https://graph.microsoft.com", "https://portal.azure.com", "AzureCloud", "O365Default"},
	{"21vianet", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn", "https://portal.azure.cn", "AzureChinaCloud", "O365China"},
	{"us_gov", "https://login.microsoftonline.us", "https://graph.microsoft.us", "https://portal.azure.us", "AzureUSGovernment", "O365USGovGCCHigh"},
	{"us_gov_dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "https://portal.azure.us", "AzureUSGovernment", "O365USGovDoD"},
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

// CloudNames returns the names of all clouds.
func CloudNames() (names []string) {
	for _, c := range clouds {
		names = append(names, c.Name)
	}
	return names
}

// Issuer returns the issuer of a tenant's tokens. The tenant must have passed
// CheckTenant.
func (c Cloud) Issuer(tenant string) string {
	return c.Authority + "/" + strings.ToLower(tenant) + "/v2.0"
}

// microsoftTenant returns the tenant that a Microsoft issuer names, and "" for
// anybody else's issuer.
func microsoftTenant(issuer string) string {
	for _, c := range clouds {
		if rest, ok := strings.CutPrefix(issuer, c.Authority+"/"); ok {
			tenant, _ := strings.CutSuffix(rest, "/v2.0")
			return tenant
		}
	}
	return ""
}

// personalAccounts is the tenant of everybody's private accounts.
const personalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad"

var (
	guid   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	domain = regexp.MustCompile(`^([0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]*$`)
)

// CheckTenant says what is wrong with the name of a Microsoft tenant; nil:
// nothing. It must be the tenant's id or one of its verified domains.
func CheckTenant(tenant string) error {
	if err := CheckOneTenant(tenant); err != nil {
		return err
	}
	if guid.MatchString(tenant) || len(tenant) <= 253 && domain.MatchString(tenant) {
		return nil
	}
	return fmt.Errorf("%q is neither the id of a tenant (a GUID) nor one of its domains, such as contoso.onmicrosoft.com", tenant)
}

// CheckOneTenant says that a name is one of those that Microsoft has for many tenants at
// once; nil: it is none of them.
func CheckOneTenant(tenant string) error {
	switch strings.ToLower(tenant) {
	case "common", "organizations":
		return fmt.Errorf("%q stands for every tenant there is, whose people could all come in; write the id or a domain of one", tenant)
	case "consumers", personalAccounts:
		return fmt.Errorf("%q stands for people's private accounts, which have no rooms; write the id or a domain of an organisation's tenant", tenant)
	}
	return nil
}

// CheckIssuer says what is wrong with the address of an issuer; nil: nothing.
// It must be https, or http on loopback, with no query or fragment (OpenID
// Connect Core 1.0, section 2, "iss"), and one of Microsoft's has to be that of
// one tenant.
func CheckIssuer(issuer string) error {
	u, err := checkURL(issuer)
	switch {
	case err != nil:
		return err
	case u.RawQuery != "" || u.ForceQuery:
		return fmt.Errorf("%q has a query; write the issuer as discovery announces it", issuer)
	}
	if tenant := microsoftTenant(issuer); tenant != "" {
		return CheckTenant(tenant)
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
