package m365sim

import (
	"slices"
	"strings"
)

// oidcScopes belong to no resource and are always bare.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// parseScopes reads a scope parameter. Scopes of Graph may have its root before
// them; they come back bare, in the app's spelling, each once. A scope of
// another resource or one that was not granted is refused.
func (s *Server) parseScopes(a *App, text string) ([]string, *entraError) {
	var scopes, missing []string
	for _, word := range strings.Fields(text) {
		name := word
		if after, is := strings.CutPrefix(strings.ToLower(word), strings.ToLower(s.base)+"/"); is {
			name = word[len(word)-len(after):]
			if slices.Contains(oidcScopes, strings.ToLower(name)) {
				return nil, badScope(word)
			}
		}
		if strings.ContainsAny(name, "/:") || strings.HasPrefix(name, ".") || name == "" {
			return nil, badScope(word)
		}
		i := slices.IndexFunc(a.Scopes, func(g string) bool { return strings.EqualFold(g, name) })
		switch {
		case i < 0:
			missing = append(missing, word)
		case !slices.Contains(scopes, a.Scopes[i]):
			scopes = append(scopes, a.Scopes[i])
		}
	}
	if len(missing) > 0 {
		return nil, invalidGrant(65001, "The user or administrator has not consented to use the application with ID '%s' named '%s' (scope %s). Send an interactive authorization request for this user and resource.",
			a.ClientID, a.Name, strings.Join(missing, " ")).of("consent_required")
	}
	return scopes, nil
}

func badScope(word string) *entraError {
	return refused("invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", word)
}

// answeredScopes are the scopes of an access token as the token endpoint tells
// them: those of Graph by their full names, offline_access not at all.
func (s *Server) answeredScopes(scopes []string) string {
	var told []string
	for _, name := range scopes {
		switch {
		case name == "offline_access":
		case slices.Contains(oidcScopes, name):
			told = append(told, name)
		default:
			told = append(told, s.base+"/"+name)
		}
	}
	return strings.Join(told, " ")
}
