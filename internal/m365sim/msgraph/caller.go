package msgraph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A need is the delegated permissions of which a call needs one. more are those
// that Config.Scopes "superset" adds: the documentation's tables don't list
// Calendars.ReadWrite.Shared for most calls, though its description covers them.
//
// "tables" doesn't follow the tables for events and views of one's own: by the
// letter nothing would be left to simulate.
type need struct{ tables, more []string }

var (
	needsRead  = &need{tables: []string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"}}
	needsWrite = &need{tables: []string{"Calendars.ReadWrite", "Calendars.ReadWrite.Shared"}}
	// needsSchedule is getSchedule's, and GET /me/calendar's.
	needsSchedule = &need{
		tables: []string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite"},
		more:   []string{"Calendars.Read.Shared", "Calendars.ReadWrite.Shared"},
	}
	// needsFind: the one table that lists shared scopes, and no others.
	needsFind         = &need{tables: []string{"Calendars.Read.Shared", "Calendars.ReadWrite.Shared"}}
	needsCheckIn      = &need{tables: []string{"Calendars.ReadWrite"}, more: []string{"Calendars.ReadWrite.Shared"}}
	needsSubscription = &need{
		tables: []string{"Calendars.Read", "Calendars.ReadBasic"},
		more:   []string{"Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"},
	}
)

// met says whether one of the scopes is enough.
func (n *need) met(scopes []string, mode string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool {
		return slices.Contains(n.tables, s) || mode == world.ScopesSuperset && slices.Contains(n.more, s)
	})
}

// An access is what a call does with a mailbox, by the role that somebody else's
// needs for it.
type access struct {
	role world.Role // "": one's own only
	none bool       // no mailbox is looked at
}

var (
	noMailbox = access{none: true}
	owns      = access{}
	looks     = access{role: world.RoleLimitedRead}
	reads     = access{role: world.RoleRead}
	writes    = access{role: world.RoleWrite}
)

// A call is a call by somebody.
type call struct {
	*front.Call
	Caller
	box    *exchange.Mailbox // whose mailbox it is about
	role   world.Role        // the caller's, on it
	prefer preferences
}

// handle registers who serves a pattern, for callers who may.
func (g *Graph) handle(pattern string, n *need, a access, serve func(*call) (front.Reply, error)) {
	g.mux.Handle(pattern, func(c *front.Call) front.Reply {
		who, why := g.authenticate(c)
		if why != nil {
			return g.unauthenticated(c, why)
		}
		v := &call{Call: c, Caller: who}
		rep, err := g.serveAs(v, n, a, serve)
		if err != nil {
			return refusal(c, err)
		}
		if applied := v.prefer.applied(); applied != "" {
			rep = rep.With("Preference-Applied", applied)
		}
		return graphHeaders(c, rep)
	})
}

func (g *Graph) serveAs(v *call, n *need, a access, serve func(*call) (front.Reply, error)) (front.Reply, error) {
	if v.Person == nil {
		return front.Reply{}, badRequest("BadRequest", "/me request is only valid with delegated authentication flow.")
	}
	if n != nil && !n.met(v.Scopes, g.world.Scopes) {
		return front.Reply{}, exchange.ErrAccessDenied
	}
	if err := g.findMailbox(v, a); err != nil {
		return front.Reply{}, err
	}
	var err error
	if v.prefer, err = parsePrefer(v.Header.Values("Prefer")); err != nil {
		return front.Reply{}, err
	}
	v.prefer = v.prefer.of(v.Pattern)
	return serve(v)
}

var (
	errDirectory = exchange.Refuse("Authorization_RequestDenied", "%s", codes["Authorization_RequestDenied"].message)
	errNoMailbox = exchange.Refuse("MailboxNotEnabledForRESTAPI", "%s", codes["MailboxNotEnabledForRESTAPI"].message)
	errStale     = exchange.Refuse("ErrorIrresolvableConflict", "%s", codes["ErrorIrresolvableConflict"].message)
)

// findMailbox finds whose mailbox a call is about, and whether the caller may.
func (g *Graph) findMailbox(v *call, a access) error {
	name := v.PathValue("user")
	if name == "" || strings.EqualFold(name, v.Person.ID) || strings.EqualFold(name, v.Person.Mail) {
		v.box, v.role = g.exchange.Mailbox(v.Person.Mail), world.RoleDelegateAll
		if v.box == nil && !a.none {
			return errNoMailbox
		}
		return v.checkCalendar()
	}
	address := v.Tenant.Mailbox(name)
	switch {
	case v.Tenant.Person(name) != nil && address == "":
		return errNoMailbox
	case address == "":
		return badRequest("ErrorInvalidUser", "The requested user '%s' is invalid.", name)
	case a.none:
		return errDirectory
	case a.role == "" || !v.reachesOthers(a.role):
		return exchange.ErrAccessDenied
	}
	v.box, v.role = g.exchange.Mailbox(address), v.Tenant.RoleOn(v.Person, address)
	switch {
	case !v.role.AtLeast(world.RoleLimitedRead) && v.box.IsRoom():
		return exchange.ErrNotFound // as was seen of a room that isn't shared
	case !v.role.AtLeast(a.role):
		return exchange.ErrAccessDenied
	}
	return v.checkCalendar()
}

// reachesOthers says whether the token is good for what others share
// (https://learn.microsoft.com/graph/outlook-get-shared-events-calendars).
func (v *call) reachesOthers(role world.Role) bool {
	return slices.Contains(v.Scopes, "Calendars.ReadWrite.Shared") ||
		role != world.RoleWrite && slices.Contains(v.Scopes, "Calendars.Read.Shared")
}

// calendar is the calendar that a path names: "" the default one, whose view is
// also the mailbox's, "*" all.
func (v *call) calendar() string {
	id := v.PathValue("calendar")
	switch {
	case id == defaultCalendarID(v.box):
		return ""
	case id != "":
		return id
	case strings.Contains(v.Pattern, "/calendar/"), strings.Contains(v.Pattern, "/calendarView"):
		return ""
	}
	return "*"
}

func (v *call) checkCalendar() error {
	id := v.PathValue("calendar")
	if id == "" || v.box == nil || id == defaultCalendarID(v.box) {
		return nil
	}
	if v.role == world.RoleDelegateAll {
		for _, c := range v.box.Calendars() {
			if c.ID == id {
				return nil
			}
		}
	}
	return exchange.ErrNotFound
}

// item finds the event of the path.
func (v *call) item() (exchange.Item, error) {
	it, err := v.box.Find(v.PathValue("event"))
	if err != nil {
		return it, err
	}
	if !it.In(v.calendar()) {
		return it, exchange.ErrNotFound
	}
	return it, nil
}

// sees says whether the caller sees all of an item: not only when it is, and
// maybe its subject and place.
func (v *call) sees(it exchange.Item) bool {
	return v.role.AtLeast(world.RoleDelegateAll) || v.role.AtLeast(world.RoleRead) && !it.Private()
}

// openItem finds the event of the path, all of which has to be seen.
func (v *call) openItem() (exchange.Item, error) {
	it, err := v.item()
	if err == nil && !v.sees(it) {
		err = exchange.ErrAccessDenied
	}
	return it, err
}

// itemToChange finds the event of the path and checks If-Match.
func (v *call) itemToChange() (exchange.Item, error) {
	it, err := v.openItem()
	if err != nil {
		return it, err
	}
	if tag := v.Header.Get("If-Match"); tag != "" && tag != "*" && tag != it.ETag() {
		return it, errStale
	}
	return it, nil
}

// getUser is GET /me, which needs a scope that calendars don't: the directory
// answers it.
func (g *Graph) getUser(v *call) (front.Reply, error) {
	if !slices.Contains(v.Scopes, "User.Read") {
		return front.Reply{}, errDirectory
	}
	return front.JSON(http.StatusOK, map[string]any{
		"@odata.context": v.Cloud.Graph + root + "/$metadata#users/$entity",
		"id":             v.Person.ID, "displayName": v.Person.Name, "mail": v.Person.Mail, "userPrincipalName": v.Person.Mail,
		"businessPhones": []string{}, "givenName": nil, "jobTitle": nil, "mobilePhone": nil, "officeLocation": nil,
		"preferredLanguage": nil, "surname": nil,
	}), nil
}
