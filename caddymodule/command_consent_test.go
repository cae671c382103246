package caddymodule

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

// The link is known before there is a secret, in each cloud.
func TestConsentLinks(t *testing.T) {
	t.Setenv("ONES_TEST_CLIENT", "11111111-2222-3333-4444-555555555555")
	config := func(server string) configFlags {
		return configFlags{file: written(t, "Caddyfile", `{
	ones {
		public_url https://ones.contoso.com
		integration contoso {
			server {
				`+server+`
				client_id {env.ONES_TEST_CLIENT}
				client_secret {env.ONES_TEST_MISSING}
			}
		}
	}
}
`)}
	}
	for server, host := range map[string]string{
		"tenant_id contoso.com":                                                                "login.microsoftonline.com/contoso.com",
		"operator 21vianet\ntenant_id contoso.cn":                                              "login.partner.microsoftonline.cn/contoso.cn",
		"operator us_gov_dod\ntenant_id contoso.mil":                                           "login.microsoftonline.us/contoso.mil",
		"tenant_id contoso.com\nscopes profile email":                                          "login.microsoftonline.com/contoso.com",
		"operator custom {\nissuer https://idp.example/t/v2.0\ngraph https://graph.example\n}": "idp.example/t",
	} {
		links, err := consentLinks(config(server), []string{"contoso"})
		if err != nil || len(links) != 1 {
			t.Errorf("%s: %v, %v", server, links, err)
			continue
		}
		u, err := url.Parse(links[0].URL)
		if err != nil {
			t.Fatal(err)
		}
		want := "openid offline_access Calendars.ReadWrite.Shared"
		if strings.Contains(server, "scopes") {
			want += " profile email"
		}
		q := u.Query()
		if u.Host+u.Path != host+"/v2.0/adminconsent" || q.Get("client_id") != "11111111-2222-3333-4444-555555555555" ||
			q.Get("redirect_uri") != "https://ones.contoso.com/.ones/callback" || q.Get("scope") != want || q.Get("state") == "" {
			t.Errorf("%s: %s", server, u)
		}
		var said bytes.Buffer
		if links[0].print(&said, false); said.String() != links[0].URL+"\n" {
			t.Errorf("%s: it prints %s", server, &said)
		}
		if links[0].print(&said, true); !strings.Contains(said.String(), "contoso  https://") {
			t.Errorf("%s: it prints %s", server, &said)
		}
	}
	// An issuer without such a page is an error, after all that there is.
	none := config("operator custom {\nissuer https://idp.example\ngraph https://graph.example\n}")
	if links, err := consentLinks(none, nil); err != nil || links[0].URL != "" {
		t.Errorf("of an issuer without such a page: %v, %v", links, err)
	}
	for _, args := range [][]string{{}, {"--json"}} {
		var said bytes.Buffer
		cmd := consentCommand()
		cmd.SetArgs(append(args, "--config", none.file))
		cmd.SetOut(&said)
		cmd.SilenceErrors = true
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "integration contoso: ") || strings.Contains(said.String(), "page") {
			t.Errorf("%q of an issuer without such a page: %v, it prints %s", args, err, &said)
		}
	}
	for want, server := range map[string]string{"every tenant": "tenant_id common", "tenant_id is missing": ""} {
		if _, err := consentLinks(config(server), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", server, err, want)
		}
	}
	if _, err := consentLinks(config("tenant_id contoso.com"), []string{"fabrikam"}); err == nil || !strings.Contains(err.Error(), "no such integration") {
		t.Errorf("of another integration: %v", err)
	}
}
