package login

import (
	"regexp"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// oidcScopes belong to no resource and are always bare.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// graphScopes are delegated permissions of Graph that an app with calendars may
// come to ask for (https://learn.microsoft.com/graph/permissions-reference).
// Those in apps' registrations are known too.
var graphScopes = []string{
	"Calendars.Read", "Calendars.Read.Shared", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.ReadWrite.Shared",
	"Contacts.Read", "Contacts.Read.Shared", "Contacts.ReadWrite", "Contacts.ReadWrite.Shared",
	"Directory.AccessAsUser.All", "Directory.Read.All", "Directory.ReadWrite.All",
	"Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", "GroupMember.ReadWrite.All",
	"Mail.Read", "Mail.Read.Shared", "Mail.ReadBasic", "Mail.ReadBasic.Shared", "Mail.ReadWrite", "Mail.ReadWrite.Shared",
	"Mail.Send", "Mail.Send.Shared", "MailboxSettings.Read", "MailboxSettings.ReadWrite",
	"OnlineMeetings.Read", "OnlineMeetings.ReadWrite", "People.Read", "People.Read.All", "Place.Read.All", "Place.ReadWrite.All",
	"Presence.Read", "Presence.Read.All", "Tasks.Read", "Tasks.ReadWrite",
	"User.Read", "User.Read.All", "User.ReadBasic.All", "User.ReadWrite", "User.ReadWrite.All", "User.RevokeSessions.All",
}

// defaultScope after a resource means all that is consented for it.
const defaultScope = ".default"

// A scopeRequest is what a scope parameter asks for.
type scopeRequest struct {
	// Named scopes are bare, in the app's spelling or else Microsoft's, each once.
	Named []string
	// Default: all that is consented of Graph.
	Default bool
	// Free scopes need no consent: those that version 1 always gives.
	Free []string
}

// asksNothing says whether there is no scope at all.
func (r scopeRequest) asksNothing() bool { return len(r.Named) == 0 && !r.Default }

// scopeName is how scopes of Graph are written.
var scopeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*$`)

// A scopeReader reads scope parameters
// (https://learn.microsoft.com/entra/identity-platform/scopes-oidc).
type scopeReader struct {
	app    *world.App
	graphs []string // roots of Graph that may stand before a scope
	// invalid is the code of a scope that can't be: 70011, or 28002 at the token
	// endpoint, where only one resource may be named.
	invalid int
}

// read reads a scope parameter. A full name needs the cloud's own Graph before
// it; a bare one means Graph.
func (s scopeReader) read(text string) (scopeRequest, *failure) {
	var r scopeRequest
	var resources, graph []string
	var refusal *failure
	for word := range strings.FieldsSeq(text) {
		resource, name := "", word
		if i := strings.LastIndex(word, "/"); i >= 0 {
			resource, name = strings.ToLower(word[:i]), word[i+1:]
		}
		oidc := slices.IndexFunc(oidcScopes, equalFold(name))
		if oidc < 0 && !slices.Contains(resources, s.canonical(resource)) {
			resources = append(resources, s.canonical(resource))
		}
		spelled, why := s.spell(resource, name)
		switch {
		case why != nil:
			if refusal == nil {
				refusal = why.about("It is %q.", word)
			}
		case spelled == defaultScope:
			r.Default = true
		case !slices.Contains(r.Named, spelled):
			if r.Named = append(r.Named, spelled); oidc < 0 {
				graph = append(graph, spelled)
			}
		}
	}
	switch {
	case len(resources) > 1 && s.invalid == 28002:
		return scopeRequest{}, refuse(700022).about("They are %q.", resources)
	case refusal != nil:
		return scopeRequest{}, refusal
	case r.Default && len(graph) > 0:
		return scopeRequest{}, refuse(s.invalid).about("%s can't be mixed with other scopes of its resource.", defaultScope)
	}
	return r, nil
}

// canonical is one name for all that means Graph.
func (s scopeReader) canonical(resource string) string {
	if resource == "" || slices.ContainsFunc(s.graphs, equalFold(resource)) {
		return "Graph"
	}
	return resource
}

// spell returns a scope as it is written properly.
func (s scopeReader) spell(resource, name string) (string, *failure) {
	if i := slices.IndexFunc(oidcScopes, equalFold(name)); i >= 0 {
		if resource != "" {
			return "", refuse(s.invalid)
		}
		return oidcScopes[i], nil
	}
	switch {
	case s.canonical(resource) == "Graph":
	case strings.Contains(resource, "://"):
		return "", refuse(500011)
	default:
		return "", refuse(s.invalid)
	}
	if strings.EqualFold(name, defaultScope) {
		return defaultScope, nil
	}
	for _, known := range [][]string{s.app.Scopes, graphScopes} {
		if i := slices.IndexFunc(known, equalFold(name)); i >= 0 {
			return known[i], nil
		}
	}
	if !scopeName.MatchString(name) {
		return "", refuse(s.invalid)
	}
	return "", refuse(650053)
}

// resolve returns which scopes a request gets of those that are consented, and
// which of those it asks for are not.
func (r scopeRequest) resolve(consented []string, a *world.App) (scopes, lacking []string) {
	for _, name := range r.Named {
		if slices.Contains(consented, name) {
			scopes = append(scopes, name)
		} else {
			lacking = append(lacking, name)
		}
	}
	if r.Default {
		before := len(scopes)
		for _, name := range consented {
			if !slices.Contains(oidcScopes, name) {
				scopes = append(scopes, name)
			}
		}
		if len(scopes) == before {
			lacking = append(lacking, r.all(a)...)
		}
	}
	for _, name := range r.Free {
		if !slices.Contains(scopes, name) {
			scopes = append(scopes, name)
		}
	}
	return scopes, lacking
}

// all is what is to be consented to: .default means the app's registration.
func (r scopeRequest) all(a *world.App) []string {
	all := slices.Clone(r.Named)
	if r.Default {
		for _, name := range a.Scopes {
			if !slices.Contains(oidcScopes, name) && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// told are scopes as the token endpoint tells them: those of Graph by their full
// names, offline_access not at all.
func told(scopes []string, graph string) string {
	var full []string
	for _, name := range scopes {
		switch {
		case name == "offline_access":
		case slices.Contains(oidcScopes, name):
			full = append(full, name)
		default:
			full = append(full, graph+"/"+name)
		}
	}
	return strings.Join(full, " ")
}
