package login

import (
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestDiscovery(t *testing.T) {
	r := newRig(t)
	id := r.tenant().ID
	for path, want := range map[string]struct{ issuer, token, userinfo string }{
		"/" + id:                  {"/" + id + "/v2.0", "/" + id + "/oauth2/v2.0/token", "/oidc/userinfo"},
		"/" + strings.ToUpper(id): {"/" + id + "/v2.0", "/" + id + "/oauth2/v2.0/token", "/oidc/userinfo"},
		"/contoso.example":        {"/" + id + "/v2.0", "/" + id + "/oauth2/v2.0/token", "/oidc/userinfo"},
		"/common":                 {"/{tenantid}/v2.0", "/common/oauth2/v2.0/token", "/oidc/userinfo"},
		"/organizations":          {"/{tenantid}/v2.0", "/organizations/oauth2/v2.0/token", "/oidc/userinfo"},
		"/consumers":              {"/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", "/consumers/oauth2/v2.0/token", "/oidc/userinfo"},
		"/legacy/" + id:           {"/" + id + "/v2.0", "/legacy/" + id + "/oauth2/v2.0/token", "/oidc/userinfo"},
		"/21vianet/china.example": {"/21vianet/" + chinaID + "/v2.0", "/21vianet/" + chinaID + "/oauth2/v2.0/token", "/21vianet/oidc/userinfo"},
		"/legacy/21vianet/" + chinaID: {
			"/21vianet/" + chinaID + "/v2.0", "/legacy/21vianet/" + chinaID + "/oauth2/v2.0/token", "/21vianet/oidc/userinfo",
		},
		"/us_gov/dod.example": {"/us_gov/" + dodID + "/v2.0", "/us_gov/" + dodID + "/oauth2/v2.0/token", "/us_gov_dod/oidc/userinfo"},
	} {
		m := r.get(path + "/v2.0/.well-known/openid-configuration").ok(t)
		if m["issuer"] != r.base+want.issuer || m["token_endpoint"] != r.base+want.token || m["userinfo_endpoint"] != r.base+want.userinfo {
			t.Errorf("%s: %v, %v, %v", path, m["issuer"], m["token_endpoint"], m["userinfo_endpoint"])
		}
		for _, name := range []string{"code_challenge_methods_supported", "revocation_endpoint", "introspection_endpoint"} {
			if _, there := m[name]; there {
				t.Errorf("%s: %s is advertised; Entra doesn't", path, name)
			}
		}
	}
	for path, code := range map[string]string{"/other.example": "90002", "/china.example": "90038", "/21vianet/contoso.example": "90038", "/us_gov/china.example": "90038"} {
		r.get(path+"/v2.0/.well-known/openid-configuration").refusal(t, http.StatusBadRequest, "invalid_tenant", code, "")
	}
	r.get("/us_gov_dod/"+dodID+"/v2.0/.well-known/openid-configuration").page(t, http.StatusNotFound, "no such page")
}

// keysAt returns the ids and the issuers of the keys that are published.
func (r *rig) keysAt(path string) (ids, issuers []string) {
	r.t.Helper()
	for _, k := range r.get(path).ok(r.t)["keys"].([]any) {
		member := k.(map[string]any)
		ids = append(ids, member["kid"].(string))
		issuers = append(issuers, member["issuer"].(string))
		der, err := base64.StdEncoding.DecodeString(member["x5c"].([]any)[0].(string))
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := x509.ParseCertificate(der); err != nil || member["x5t"] != member["kid"] {
			r.t.Errorf("%v: %v", member, err)
		}
	}
	return ids, issuers
}

func TestRollKeys(t *testing.T) {
	r := newRig(t, func(c *world.Config) { c.Tenants = c.Tenants[:1] })
	keys, iss := "/"+r.tenant().ID+"/discovery/v2.0/keys", r.base+"/"+r.tenant().ID+"/v2.0"
	roll := func(mode string) []string {
		r.control(func(l *Login, now time.Time) error { return l.RollKeys(mode, now) })
		ids, _ := r.keysAt(keys)
		return ids
	}
	signer := func() string {
		header, _, _ := strings.Cut(r.signIn(alice)["id_token"].(string), ".")
		text, err := base64.RawURLEncoding.DecodeString(header)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first, issuers := r.keysAt(keys)
	if _, template := r.keysAt("/common/discovery/v2.0/keys"); issuers[0] != iss || template[0] != r.base+"/{tenantid}/v2.0" {
		t.Errorf("issuers: %v, %v", issuers, template)
	}
	old := r.signIn(alice)
	if added := roll(RollAdd); len(added) != 2 || added[0] != first[0] || !strings.Contains(signer(), first[0]) {
		t.Errorf("add: %v", added)
	}
	used := roll(RollUse)
	if len(used) != 2 || !strings.Contains(signer(), used[1]) {
		t.Errorf("use: %v", used)
	}
	r.idToken(old, keys, iss, r.app().ClientID) // still verifiable
	if left := roll(RollEmergency); len(left) != 1 || slices.Contains(used, left[0]) || !strings.Contains(signer(), left[0]) {
		t.Errorf("emergency: %v", left)
	}
	if err := r.login.RollKeys("never", begin); err == nil {
		t.Error("an unknown mode")
	}
}

func TestCustomSigningKey(t *testing.T) {
	r := newRig(t, func(c *world.Config) { c.Tenants[0].Apps[0].CustomSigningKey = true })
	id, app := r.tenant().ID, r.app().ClientID
	m := r.get("/" + id + "/v2.0/.well-known/openid-configuration?appid=" + app).ok(t)
	path, own := strings.CutPrefix(m["jwks_uri"].(string), r.base)
	if !own || !strings.HasSuffix(path, "?appid="+app) {
		t.Fatalf("jwks_uri = %v", m["jwks_uri"])
	}
	custom, _ := r.keysAt(path)
	shared, _ := r.keysAt("/" + id + "/discovery/v2.0/keys")
	if slices.Equal(custom, shared) {
		t.Error("the app has no key of its own")
	}
	r.idToken(r.signIn(alice), path, r.base+"/"+id+"/v2.0", app)
}

// A start takes no time: no key is made before it is needed.
func TestKeysAreMadeLate(t *testing.T) {
	r := newRig(t)
	for id := range testKeys() {
		r.login.keys.Delete(id)
	}
	r.get("/common/v2.0/.well-known/openid-configuration").ok(t)
	if r.login.keys.Len() != 0 {
		t.Error("discovery made a key")
	}
}
