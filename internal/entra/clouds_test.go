package entra

import (
	"strings"
	"testing"
)

func TestClouds(t *testing.T) {
	all := map[string][3]string{
		"microsoft":  {"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0", "https://graph.microsoft.com", "https://portal.azure.com"},
		"21vianet":   {"https://login.partner.microsoftonline.cn/11111111-2222-3333-4444-555555555555/v2.0", "https://microsoftgraph.chinacloudapi.cn", "https://portal.azure.cn"},
		"us_gov":     {"https://login.microsoftonline.us/11111111-2222-3333-4444-555555555555/v2.0", "https://graph.microsoft.us", "https://portal.azure.us"},
		"us_gov_dod": {"https://login.microsoftonline.us/11111111-2222-3333-4444-555555555555/v2.0", "https://dod-graph.microsoft.us", "https://portal.azure.us"},
	}
	for name, want := range all {
		c, ok := CloudNamed(name)
		if got := [3]string{c.Issuer("11111111-2222-3333-4444-555555555555"), c.Graph, c.Portal}; !ok || c.Name != name || got != want {
			t.Errorf("CloudNamed(%q) = %+v, %t: issuer, Graph and portal are %v, want %v", name, c, ok, got, want)
		}
		if err := CheckIssuer(c.Issuer("11111111-2222-3333-4444-555555555555")); err != nil {
			t.Errorf("CheckIssuer of %s: %v", name, err)
		}
	}
	if got := len(clouds); got != len(all) {
		t.Errorf("there are %d clouds, want %d", got, len(all))
	}
	if c, ok := CloudNamed("custom"); ok {
		t.Errorf("CloudNamed(custom) = %+v, want none", c)
	}
}

func TestCheckIssuer(t *testing.T) {
	for _, good := range []string{
		"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0", "https://login.microsoftonline.com/contoso.com/v2.0", "https://idp.example.com", "https://idp.example.com:8443/x/",
		"http://localhost:9090/11111111-2222-3333-4444-555555555555/v2.0", "http://127.0.0.1/T", "http://[::1]:1/T",
	} {
		if err := CheckIssuer(good); err != nil {
			t.Errorf("CheckIssuer(%q) = %v, want nil", good, err)
		}
	}
	for bad, says := range map[string]string{
		"":                                "https://",
		"login.microsoftonline.com/T":     "https://",
		"https://":                        "host",
		"ftp://idp.example.com":           "https://",
		"http://idp.example.com":          "loopback",
		"http://localhost.example.com/T":  "loopback",
		"http://10.0.0.1/T":               "loopback",
		"https://idp.example.com/?tenant": "query",
		"https://idp.example.com/?":       "query",
		"https://idp.example.com/#x":      "fragment",
		"https://user:hunter2@idp.com/":   "user",
		"https://idp.example.com/%zz":     "URL",

		"https://login.microsoftonline.com/common/v2.0":                                "every tenant",
		"https://login.microsoftonline.us/organizations/v2.0":                          "every tenant",
		"https://login.microsoftonline.com/consumers/v2.0":                             "private accounts",
		"https://login.microsoftonline.com/{tenantid}/v2.0":                            "neither",
		"https://login.partner.microsoftonline.cn/contoso.partner.onmschina.cn/x/v2.0": "neither",
	} {
		err := CheckIssuer(bad)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("CheckIssuer(%q) = %v, want an error that says %q", bad, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckIssuer(%q) shows the password: %v", bad, err)
		}
	}
}

func TestCheckTenant(t *testing.T) {
	for _, good := range []string{
		"11111111-2222-3333-4444-555555555555", "ABCDEF01-2222-3333-4444-555555555555", "contoso.onmicrosoft.com", "Contoso.com",
		"contoso.partner.onmschina.cn", "xn--bcher-kva.example", "a-b.example",
	} {
		if err := CheckTenant(good); err != nil {
			t.Errorf("CheckTenant(%q) = %v, want nil", good, err)
		}
	}
	for bad, says := range map[string]string{
		"": "neither", "contoso": "neither", "common": "every tenant", "Organizations": "every tenant", "consumers": "private accounts",
		"9188040D-6c67-4c5b-b112-36a304b66dad": "private accounts", "{tenantid}": "neither", "contoso.com/x": "neither", "..": "neither",
		"contoso..com": "neither", ".com": "neither", "contoso.com.": "neither", "-a.com": "neither", "a.com?": "neither", "10.0.0.1": "neither",
		"11111111222233334444555555555555": "neither", strings.Repeat("a.", 126) + "com": "neither",
	} {
		if err := CheckTenant(bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("CheckTenant(%q) = %v, want an error that says %q", bad, err, says)
		}
	}
}
