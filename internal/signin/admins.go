package signin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
)

// Admins are the people who may do what not everybody may. The zero value names
// nobody.
type Admins struct {
	ids, roles, addresses map[string]bool // by the integration, "/", and what names them there
}

// ParseAdmins reads who is an admin: INTEGRATION/USER-ID, INTEGRATION/role:NAME or
// INTEGRATION/ADDRESS.
func ParseAdmins(words []string, integrations []Integration) (Admins, error) {
	a := Admins{ids: map[string]bool{}, roles: map[string]bool{}, addresses: map[string]bool{}}
	for i, word := range words {
		fail := func(format string, args ...any) (Admins, error) {
			return Admins{}, fmt.Errorf("admins: %q %w", word, fmt.Errorf(format, args...))
		}
		name, who, cut := strings.Cut(word, "/")
		if !cut || name == "" || who == "" {
			return fail("must be INTEGRATION/USER-ID, INTEGRATION/role:NAME or INTEGRATION/ADDRESS, such as contoso/role:Ones.Admin or contoso/alice@contoso.com")
		}
		if !slices.ContainsFunc(integrations, func(i Integration) bool { return i.Name == name }) {
			var names []string
			for _, i := range integrations {
				names = append(names, i.Name)
			}
			return fail("names the integration %s, which is not configured; write one of: %s", name, strings.Join(names, ", "))
		}
		if slices.Contains(words[:i], word) {
			return fail("is there twice")
		}
		tenant, subject, isID := strings.Cut(who, ".")
		role, isRole := strings.CutPrefix(who, "role:")
		local, domain, isAddress := strings.Cut(who, "@")
		switch {
		case isRole && role == "":
			return fail("names no role; write its value, such as %s/role:Ones.Admin", name)
		case isRole:
			a.roles[name+"/"+role] = true
		case isAddress && (local == "" || domain == "" || strings.ContainsAny(who, " \t<>,;/")):
			return fail("has no address of a mailbox; write one such as %s/alice@contoso.com", name)
		case isAddress:
			a.addresses[name+"/"+identity.FoldCase(who)] = true
		case !isID || tenant == "" || subject == "":
			return fail("is neither a user id, as /.ones/me shows it, nor role:NAME, nor an address with an @")
		default:
			a.ids[name+"/"+who] = true
		}
	}
	return a, nil
}

// admin says whether somebody is one of the gate's admins. Roles are those that
// they had when they signed in; an address counts if their own calendar has told
// it, and for one person only. With an error nobody is an admin.
func (g *Gate) admin(ctx context.Context, current *session.Session) (bool, error) {
	p := current.Person
	within := p.Integration + "/"
	named := func(role string) bool { return g.Admins.roles[within+role] }
	if g.Admins.ids[within+p.ID] || slices.ContainsFunc(p.Roles, named) {
		return true, nil
	}
	address := within + identity.FoldCase(p.Mailbox)
	if p.Mailbox == "" || !g.Admins.addresses[address] {
		return false, nil
	}
	holder, fresh, err := g.site.People.Pin(ctx, address, p.ID)
	switch {
	case err != nil:
		return false, fmt.Errorf("ask whose the admin's address %s is: %w", address, err)
	case fresh:
		g.site.Audit.InfoContext(ctx, "an admin's address is pinned to its owner", "admin", address, "user", p.ID)
	case holder != p.ID:
		g.site.Audit.WarnContext(ctx, "an admin's address belongs to somebody else now, who is no admin; name the admin by user id", "admin", address, "user", p.ID, "pinned", holder)
	}
	return holder == p.ID, nil
}

// Named says whether an admin is named by an address: the integration, "/", and the
// address, without case.
func (a Admins) Named(address string) bool { return a.addresses[address] }
