package entra

import (
	"fmt"
	"strings"
)

// required are the permissions of the ONES manual, and no others: one that the
// tenant has not granted would lock everybody out.
var required = []string{"openid", "offline_access", "Calendars.ReadWrite.Shared"}

// Scopes returns what is asked for: the three permissions of the ONES manual
// and further ones that the tenant has granted. graph is the root of Microsoft
// Graph in this cloud. The error says which one can't be asked for, and why.
func Scopes(graph string, further []string) ([]string, error) {
	scopes := append([]string(nil), required...)
	for _, scope := range further {
		if err := checkScope(graph, scope); err != nil {
			return nil, err
		}
		for i, other := range scopes {
			switch {
			case bare(graph, scope) != bare(graph, other):
			case i < len(required):
				return nil, fmt.Errorf("scope %q is always asked for; leave it out", scope)
			default:
				return nil, fmt.Errorf("scope %q is there twice", scope)
			}
		}
		scopes = append(scopes, scope)
	}
	return scopes, nil
}

// checkScope says why a scope can't be asked for; nil: it can. Together with the
// others it has to belong to one resource, Graph
// (https://learn.microsoft.com/entra/identity-platform/scopes-oidc).
func checkScope(graph, scope string) error {
	name := bare(graph, scope)
	switch {
	case name == "", strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
		return fmt.Errorf("%q is not a scope (RFC 6749, section 3.3)", scope)
	case name == ".default" || strings.HasSuffix(name, "/.default"):
		return fmt.Errorf("scope %q stands for everything that is registered, and can't be mixed with scopes that are named; name the ones that the tenant has granted", scope)
	case strings.Contains(name, "/"):
		return fmt.Errorf("scope %q does not belong to this cloud's Microsoft Graph, %s, whose tokens are all that is asked for; write its name alone, such as User.Read", scope, graph)
	}
	return nil
}

// bare is a scope of Graph as it is compared: Microsoft takes it with and
// without the resource before it, in any case.
func bare(graph, scope string) string {
	name, _ := strings.CutPrefix(strings.ToLower(scope), strings.ToLower(graph)+"/")
	return name
}
