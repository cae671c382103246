package identity

// Bounds of what is kept of app roles.
const (
	maxRoles = 32
	maxRole  = 128 // bytes
)

// roles are the app roles that a token names, as far as they are kept.
func roles(claims map[string]any) []string {
	var kept []string
	for _, role := range list(claims["roles"]) {
		if len(kept) < maxRoles && role != "" && len(role) <= maxRole && Clean(role) == role {
			kept = append(kept, role)
		}
	}
	return kept
}
