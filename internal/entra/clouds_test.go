package entra

import (
	"strings"
	"testing"
)

func TestClouds(t *testing.T) {
	all := map[string][2]string{
		"microsoft":  {"https://login.microsoftonline.com/T/v2.0", "https://graph.microsoft.com"},
		"21vianet":   {"https://login.partner.microsoftonline.cn/T/v2.0", "https://microsoftgraph.chinacloudapi.cn"},
		"us_gov":     {"https://login.microsoftonline.us/T/v2.0", "https://graph.microsoft.us"},
		"us_gov_dod": {"https://login.microsoftonline.us/T/v2.0", "https://dod-graph.microsoft.us"},
	}
	for name, want := range all {
		c, ok := CloudNamed(name)
		if got := [2]string{c.Issuer("T"), c.Graph}; !ok || c.Name != name || got != want {
			t.Errorf("CloudNamed(%q) = %+v, %t: issuer and Graph are %v, want %v", name, c, ok, got, want)
		}
		if err := CheckIssuer(c.Issuer("T")); err != nil {
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
		"https://login.microsoftonline.com/T/v2.0", "https://idp.example.com", "https://idp.example.com:8443/x/",
		"http://localhost:9090/T/v2.0", "http://127.0.0.1/T", "http://[::1]:1/T",
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
