package m365sim

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/login"
	"github.com/onesgate/onesgate/internal/m365sim/page"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// The page shows so many of each, and says how many more there are; ?q= narrows
// rooms, people, consents and grants.
const (
	shownRooms  = 24
	shownPeople = 50
	shownGrants = 50
	shownCalls  = 50
)

// An overview is the world at a glance.
type overview struct {
	Now     time.Time
	Shift   time.Duration
	Query   string
	Events  int
	Tenants []overviewTenant
	Grants  []login.GrantSummary
	More    int // grants that are not shown
	Faults  []overviewFault
	Calls   []front.Entry
}

type overviewTenant struct {
	*world.Tenant
	Issuer, Graph         string
	Rooms                 []overviewRoom
	People                []*world.Person
	Consents              []overviewConsent
	MoreRooms, MorePeople int
	MoreConsents          int
}

type overviewRoom struct {
	*world.Room
	Rules  *world.Processing
	Switch string // how it answers, if that is not as it was configured
	Today  []overviewEvent
}

type overviewEvent struct{ Start, End, Subject, Organizer, Response string }

// An overviewConsent is what somebody has consented to, or an administrator for
// everybody.
type overviewConsent struct {
	Who, App string
	Scopes   []string
}

// An overviewFault is one that is on: what it does, and for how many calls.
type overviewFault struct{ Match, Effect, Left string }

// serveOverview is GET /.
func (s *Server) serveOverview(c *front.Call) front.Reply {
	o := overview{
		Now: c.Now, Shift: s.door.Shift(0), Query: c.URL.Query().Get("q"), Events: s.exchange.Len(), Calls: s.door.Log().Calls,
	}
	slices.Reverse(o.Calls)
	o.Calls = o.Calls[:min(len(o.Calls), shownCalls)]
	for _, f := range s.door.Faults() {
		o.Faults = append(o.Faults, overviewFault{f.Match, effect(f), left(f)})
	}
	for _, g := range s.login.Grants() {
		if !o.wants(g.Person, g.App) {
			continue
		}
		if len(o.Grants) == shownGrants {
			o.More++
			continue
		}
		o.Grants = append(o.Grants, g)
	}
	for i := range s.world.Tenants {
		o.Tenants = append(o.Tenants, s.overviewTenant(&o, &s.world.Tenants[i]))
	}
	return page.Render(http.StatusOK, "overview", "Simulated Microsoft 365", o)
}

// wants says whether something of these names is asked for.
func (o *overview) wants(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(strings.ToLower(name), strings.ToLower(o.Query)) })
}

func (s *Server) overviewTenant(o *overview, t *world.Tenant) overviewTenant {
	cloud := s.world.Cloud(t.Cloud)
	shown := overviewTenant{Tenant: t, Issuer: cloud.Login + "/" + t.ID + "/v2.0", Graph: cloud.Graph + "/v1.0"}
	for i := range t.Rooms {
		switch r := &t.Rooms[i]; {
		case !o.wants(r.Name, r.Address):
		case len(shown.Rooms) == shownRooms:
			shown.MoreRooms++
		default:
			shown.Rooms = append(shown.Rooms, s.overviewRoom(r, o.Now))
		}
	}
	for i := range t.People {
		switch p := &t.People[i]; {
		case !o.wants(p.Name, p.Mail):
		case len(shown.People) == shownPeople:
			shown.MorePeople++
		default:
			shown.People = append(shown.People, p)
		}
	}
	for _, given := range s.login.Consents() {
		who := "everybody"
		if p := t.Person(given.PersonID); p != nil {
			who = p.Mail
		}
		if a, _ := s.world.App(given.ClientID); a != nil && given.TenantID == t.ID && o.wants(who, a.Name) {
			shown.Consents = append(shown.Consents, overviewConsent{who, a.Name, given.Scopes})
		}
	}
	shown.MoreConsents = max(0, len(shown.Consents)-shownGrants)
	shown.Consents = shown.Consents[:len(shown.Consents)-shown.MoreConsents]
	return shown
}

func (s *Server) overviewRoom(room *world.Room, now time.Time) overviewRoom {
	zone, err := time.LoadLocation(room.TimeZone)
	if err != nil {
		zone = time.UTC // validated
	}
	local := now.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	box := s.exchange.Mailbox(room.Address)
	shown := overviewRoom{Room: room, Rules: room.Rules(), Switch: switched(box)}
	for _, it := range box.View("", midnight, midnight.AddDate(0, 0, 1)) {
		shown.Today = append(shown.Today, overviewEvent{
			Start: it.Start.In(zone).Format(world.ClockTime), End: it.End.In(zone).Format(world.ClockTime),
			Subject: it.Subject, Organizer: it.Organizer.Name, Response: cmp.Or(it.Response, exchange.None),
		})
	}
	return shown
}

// switched says in words how a room answers, as far as that is not as it was
// configured.
func switched(box *exchange.Mailbox) string {
	var does []string
	if delay := box.AnswerDelay(); delay != box.Room().AnswerDelay {
		does = append(does, "answers after "+time.Duration(delay).String())
	}
	if box.Declines() {
		does = append(does, "declines everything")
	}
	return strings.Join(does, ", ")
}

// effect says in words what a fault does.
func effect(f front.Fault) string {
	var does []string
	if f.Delay > 0 {
		does = append(does, "waits "+time.Duration(f.Delay).String())
	}
	switch {
	case f.LostRequest:
		does = append(does, "cuts the connection before anything is done")
	case f.LostReply:
		does = append(does, "carries the call out and cuts the connection")
	case f.Truncate > 0:
		does = append(does, "cuts the answer after "+strconv.Itoa(f.Truncate)+" bytes")
	case f.Status != 0 || f.Code != "":
		words := []string{"answers"}
		if f.Status != 0 {
			words = append(words, strconv.Itoa(f.Status))
		}
		words = append(words, f.Code, f.Error, f.Suberror)
		if f.HTML {
			words = append(words, "as HTML")
		}
		if f.RetryAfter != "" {
			words = append(words, "Retry-After:", f.RetryAfter)
		}
		does = append(does, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
	}
	if f.Contains != "" {
		does = append(does, "if the body has "+strconv.Quote(f.Contains))
	}
	return strings.Join(does, ", ")
}

// left says how many calls a fault still happens to.
func left(f front.Fault) string {
	times := "until cleared"
	if f.Times > 0 {
		times = strconv.Itoa(f.Times)
	}
	if f.After > 0 {
		times += ", after " + strconv.Itoa(f.After) + " more"
	}
	return times
}
