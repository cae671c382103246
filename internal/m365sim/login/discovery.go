package login

import (
	"net/http"
	"net/url"

	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// discovery serves what Entra's document lists: no code_challenge_methods and
// no revocation endpoint, though PKCE works
// (https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc).
func (l *Login) discovery(v version) func(*front.Call) front.Reply {
	return func(c *front.Call) front.Reply {
		at, refusal := l.authority(c)
		if refusal != nil {
			return refusal.json(c)
		}
		graph := c.Cloud.Graph
		if at.tenant != nil {
			graph = l.world.Cloud(at.tenant.Cloud).Graph
		}
		root := c.Root + "/" + at.id()
		keys := root + "/discovery" + v.segment() + "/keys"
		if id := c.URL.Query().Get("appid"); id != "" {
			keys += "?appid=" + url.QueryEscape(id)
		}
		return front.JSON(http.StatusOK, map[string]any{
			"issuer":                                issuer(c.Cloud, at.issuerID(), v),
			"authorization_endpoint":                root + "/oauth2" + v.segment() + "/authorize",
			"token_endpoint":                        root + "/oauth2" + v.segment() + "/token",
			"end_session_endpoint":                  root + "/oauth2" + v.segment() + "/logout",
			"jwks_uri":                              keys,
			"userinfo_endpoint":                     graph + "/oidc/userinfo",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
			"response_modes_supported":              []string{"query", "fragment", "form_post"},
			"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
			"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
			"subject_types_supported":               []string{"pairwise"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"claims_supported": []string{
				"sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
				"aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email",
			},
			"request_uri_parameter_supported": false,
			"http_logout_supported":           true,
			"frontchannel_logout_supported":   true,
			"tenant_region_scope":             "AS",
		}).With("Access-Control-Allow-Origin", "*")
	}
}

// jwks serves the keys that are published. Each is bound to an issuer by a
// member of Entra's own.
func (l *Login) jwks(v version) func(*front.Call) front.Reply {
	return func(c *front.Call) front.Reply {
		at, refusal := l.authority(c)
		if refusal != nil {
			return refusal.json(c)
		}
		owner := l.authorityKeys(c.Cloud)
		if a, _ := l.world.App(c.URL.Query().Get("appid")); a != nil && a.CustomSigningKey {
			owner = a.ClientID
		}
		if _, err := l.signingKey(owner, c.Now); err != nil {
			return l.broken(err).json(c)
		}
		published := []jwk{}
		for _, k := range l.published(owner) {
			public, err := k.jwk(issuer(c.Cloud, at.issuerID(), v))
			if err != nil {
				return l.broken(err).json(c)
			}
			published = append(published, public)
		}
		return front.JSON(http.StatusOK, map[string]any{"keys": published}).With("Access-Control-Allow-Origin", "*")
	}
}

// broken is a failure of the simulator itself.
func (l *Login) broken(err error) *failure {
	l.log.Error("a key can't be used", "error", err)
	f := refuse(90006)
	f.status = http.StatusInternalServerError
	return f.about("m365sim: %v", err)
}
