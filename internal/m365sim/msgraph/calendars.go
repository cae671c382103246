package msgraph

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// defaultCalendarID is constant, as ids of calendars are.
func defaultCalendarID(m *exchange.Mailbox) string {
	sum := sha256.Sum256([]byte(m.Address()))
	return "AAMkA" + base64.URLEncoding.EncodeToString(append(sum[:], sum[:]...))
}

// shownCalendar is a calendar as the caller may use it
// (https://learn.microsoft.com/graph/api/resources/calendar). "" is the default one.
func (v *call) shownCalendar(id, name string) map[string]any {
	isDefault := id == ""
	if isDefault {
		id, name = defaultCalendarID(v.box), v.box.DefaultName()
	}
	return map[string]any{
		"id": id, "name": name, "color": "auto", "hexColor": "", "changeKey": id[5:25], "isDefaultCalendar": isDefault,
		"canShare": v.role == world.RoleDelegateAll, "canEdit": v.role.AtLeast(world.RoleWrite),
		"canViewPrivateItems": v.role.AtLeast(world.RoleDelegateAll), "isRemovable": !isDefault, "isTallyingResponses": isDefault,
		"allowedOnlineMeetingProviders": []string{"teamsForBusiness"}, "defaultOnlineMeetingProvider": "teamsForBusiness",
		"owner": v.box.Owner,
	}
}

func (g *Graph) getCalendar(v *call) (front.Reply, error) {
	m := v.shownCalendar("", "")
	for _, c := range v.box.Calendars() {
		if c.ID == v.PathValue("calendar") {
			m = v.shownCalendar(c.ID, c.Name)
		}
	}
	m["@odata.context"] = v.context("calendars/$entity")
	return front.JSON(http.StatusOK, m), nil
}

func (g *Graph) listCalendars(v *call) (front.Reply, error) {
	shared := v.shownCalendar("", "")
	q, err := parseQuery(v.URL.Query(), func(name string) bool { _, there := shared[name]; return there })
	if err != nil {
		return front.Reply{}, err
	}
	all := []map[string]any{shared}
	if v.role == world.RoleDelegateAll { // only the default one can be shared here
		for _, c := range v.box.Calendars() {
			all = append(all, v.shownCalendar(c.ID, c.Name))
		}
	}
	all = slices.DeleteFunc(all, func(m map[string]any) bool { return !q.passes(subject{shown: m}) })
	slices.SortStableFunc(all, q.compare)
	return v.page(q, "calendars", len(all), func(i int) map[string]any { q.selected(all[i]); return all[i] }), nil
}

// calendarProperties are what of a calendar can be set; colours are taken and
// not kept.
func (v *call) calendarProperties() (name string, err error) {
	props, err := parseProperties(v.Body)
	if err != nil {
		return "", err
	}
	for property, raw := range props {
		switch property {
		case "name":
			err = readProperty(raw, &name)
		case "color", "hexColor", "isDefaultCalendar", "defaultOnlineMeetingProvider", "allowedOnlineMeetingProviders":
		default:
			err = badRequest("RequestBodyRead", "The property '%s' does not exist on type 'microsoft.graph.calendar'.", property)
		}
		if err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(name), nil
}

func (g *Graph) createCalendar(v *call) (front.Reply, error) {
	name, err := v.calendarProperties()
	if err != nil {
		return front.Reply{}, err
	}
	if name == "" {
		return front.Reply{}, exchange.ErrValidation
	}
	c, err := g.exchange.AddCalendar(v.box, name)
	if err != nil {
		return front.Reply{}, err
	}
	m := v.shownCalendar(c.ID, c.Name)
	m["@odata.context"] = v.context("calendars/$entity")
	return front.JSON(http.StatusCreated, m), nil
}

func (g *Graph) updateCalendar(v *call) (front.Reply, error) {
	name, err := v.calendarProperties()
	if err != nil {
		return front.Reply{}, err
	}
	if name != "" {
		g.exchange.RenameCalendar(v.box, ownCalendar(v), name)
	}
	return g.getCalendar(v)
}

func (g *Graph) deleteCalendar(v *call) (front.Reply, error) {
	id := ownCalendar(v)
	if id == "" {
		return front.Reply{}, badRequest("ErrorInvalidRequest", "Your request can't be completed. The default calendar cannot be deleted.")
	}
	g.exchange.DeleteCalendar(v.box, id, v.Now)
	return front.Reply{Status: http.StatusNoContent}, nil
}

func ownCalendar(v *call) string {
	if v.PathValue("calendar") == defaultCalendarID(v.box) {
		return ""
	}
	return v.PathValue("calendar")
}

// listPermissions tells who may use the calendar
// (https://learn.microsoft.com/graph/api/calendar-list-calendarpermissions).
func (g *Graph) listPermissions(v *call) (front.Reply, error) {
	value, everybody := []any{}, world.RoleFreeBusy
	for _, s := range v.Tenant.Shares(v.box.Address()) {
		if strings.EqualFold(s.With, "default") {
			everybody = s.Role
			continue
		}
		value = append(value, permission(v.Tenant.DisplayName(s.With), s.With, s.Role))
	}
	value = append(value, permission("My Organization", "", everybody))
	return front.JSON(http.StatusOK, map[string]any{"@odata.context": v.context("calendar/calendarPermissions"), "value": value}), nil
}

func permission(name, address string, role world.Role) map[string]any {
	id := "RGVmYXVsdA=="
	if address != "" {
		id = encode64(address)
	}
	m := map[string]any{
		"id": id, "isRemovable": address != "", "isInsideOrganization": true, "role": role,
		"allowedRoles": []world.Role{world.RoleFreeBusy, world.RoleLimitedRead, world.RoleRead, world.RoleWrite},
		"emailAddress": map[string]any{"name": name},
	}
	if address != "" {
		m["emailAddress"] = exchange.Address{Name: name, Address: address}
	}
	return m
}
