package entra

import (
	"fmt"
	"slices"
	"strings"
)

// required are the permissions of the ONES manual, and no others: one that the
// tenant has not granted would lock everybody out.
var required = []string{"openid", "offline_access", "Calendars.ReadWrite.Shared"}

// delegated are permissions of Microsoft Graph that a person can give, those which a
// gateway of rooms may come to need; there are more, and Microsoft adds to them
// (https://learn.microsoft.com/graph/permissions-reference).
var delegated = []string{
	"openid", "offline_access", "profile", "email",
	"Calendars.Read", "Calendars.Read.Shared", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.ReadWrite.Shared",
	"Contacts.Read", "Directory.Read.All", "Group.Read.All", "GroupMember.Read.All", "Mail.Send",
	"MailboxSettings.Read", "MailboxSettings.ReadWrite", "OnlineMeetings.Read", "OnlineMeetings.ReadWrite", "People.Read",
	"Place.Read.All", "Place.ReadWrite.All", "Presence.Read", "Presence.Read.All",
	"User.Read", "User.Read.All", "User.ReadBasic.All",
}

// application are permissions that only an app can be given, for itself: asked for in a
// person's name, there is no such scope (AADSTS650053).
var application = []string{
	"Application.ReadWrite.OwnedBy", "Calendars.ReadBasic.All", "full_access_as_app", "Mail.ReadBasic.All",
	"OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All", "Presence.ReadWrite.All",
}

// DelegatedScopes returns the scopes of Microsoft Graph that KnownScope knows.
func DelegatedScopes() []string { return slices.Clone(delegated) }

// KnownScope says whether a scope is known to be one of Microsoft Graph. One that is
// not may all the same be.
func KnownScope(scope string) bool {
	return slices.ContainsFunc(delegated, func(known string) bool {
		return strings.EqualFold(known, scope[strings.LastIndexByte(scope, '/')+1:])
	})
}

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
	case slices.ContainsFunc(application, func(a string) bool { return strings.EqualFold(a, name) }):
		return fmt.Errorf("scope %q is a permission of applications, which nobody can be asked for in their name; name a delegated one, such as Calendars.Read", scope)
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
