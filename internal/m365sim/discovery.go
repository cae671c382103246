package m365sim

import "net/http"

func (s *Server) issuer(t *Tenant) string { return s.base + "/" + t.ID + "/v2.0" }

// discovery lists what Entra's document lists: no code_challenge_methods and no
// revocation endpoint, though PKCE works.
func (s *Server) discovery(_ *call, t *Tenant) reply {
	root := s.base + "/" + t.ID
	return jsonReply(http.StatusOK, map[string]any{
		"issuer":                                s.issuer(t),
		"authorization_endpoint":                root + "/oauth2/v2.0/authorize",
		"token_endpoint":                        root + "/oauth2/v2.0/token",
		"end_session_endpoint":                  root + "/oauth2/v2.0/logout",
		"jwks_uri":                              root + "/discovery/v2.0/keys",
		"userinfo_endpoint":                     s.base + "/oidc/userinfo",
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
	}).with("Access-Control-Allow-Origin", "*")
}

func (s *Server) jwks(_ *call, t *Tenant) reply {
	return jsonReply(http.StatusOK, map[string]any{"keys": []any{s.keys.jwk(s.issuer(t))}})
}
