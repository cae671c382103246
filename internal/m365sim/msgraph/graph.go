package msgraph

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A Graph answers for the mailboxes of all tenants. Its methods may be called
// by calls that the door has let in, but for Close.
type Graph struct {
	world        *world.World
	exchange     *exchange.Exchange
	door         *front.Door
	authenticate func(*front.Call) (Caller, *Unauthenticated)
	userinfo     func(*front.Call) front.Reply
	mux          front.Mux
	usage        usage
	checkIns     *table.Table[checkIn]
	epoch        int // of change tracking: older tokens are void
	news         *news
}

// A Caller is who an access token speaks for.
type Caller struct {
	Tenant *world.Tenant
	App    *world.App
	Person *world.Person // nil: the app alone
	Scopes []string
}

// Options of a Graph.
type Options struct {
	World    *world.World
	Exchange *exchange.Exchange
	Door     *front.Door
	// Authenticate finds out who calls.
	Authenticate func(*front.Call) (Caller, *Unauthenticated)
	// Userinfo answers /oidc/userinfo, which stands on Graph's host.
	Userinfo func(*front.Call) front.Reply
	File     *table.File
	// Client sends change notifications; nil: nobody may subscribe.
	Client *http.Client
	Log    *slog.Logger
}

// New returns a Graph. It has to be closed.
func New(o Options) (*Graph, error) {
	checkIns, err := table.New[checkIn](o.File, "check-ins")
	if err != nil {
		return nil, err
	}
	subscriptions, err := table.New[*subscription](o.File, "subscriptions")
	if err != nil {
		return nil, err
	}
	g := &Graph{
		world: o.World, exchange: o.Exchange, door: o.Door, authenticate: o.Authenticate, userinfo: o.Userinfo,
		checkIns: checkIns, usage: newUsage(o.World.Throttling),
	}
	g.news = newNews(g, subscriptions, o.Client, o.Log)
	g.routes()
	return g, nil
}

// Part is how calls get here.
func (g *Graph) Part() front.Part {
	return front.Part{Serve: g.serve, Pattern: g.mux.Pattern, Refuse: g.refuse, Admit: g.admit}
}

// Serves says whether a path within a cloud is Graph's.
func Serves(path string) bool {
	return strings.HasPrefix(strings.ToLower(path), root+"/") || strings.EqualFold(path, "/oidc/userinfo")
}

// Changed is told of each change of a mailbox.
func (g *Graph) Changed(c exchange.Change) { g.news.changed(c) }

// ForgetSync makes the tokens of change tracking void.
func (g *Graph) ForgetSync() { g.epoch++ }

// Close stops what is sent to subscribers and waits for its end.
func (g *Graph) Close() { g.news.close() }

func (g *Graph) serve(c *front.Call) front.Reply {
	if !isClean(c.URL) { // http.ServeMux would redirect
		return g.noSuchResource(c)
	}
	return g.mux.Serve(c)
}

func (g *Graph) routes() {
	for _, me := range []string{root + "/me", root + "/users/{user}"} {
		g.handle("GET "+me, nil, noMailbox, g.getUser)
		g.handle("GET "+me+"/calendars", needsRead, reads, g.listCalendars)
		g.handle("POST "+me+"/calendars", needsWrite, owns, g.createCalendar)
		g.handle("POST "+me+"/calendar/getSchedule", needsSchedule, owns, g.getSchedule)
		g.handle("POST "+me+"/findMeetingTimes", needsFind, owns, g.findMeetingTimes)
		g.handle("GET "+me+"/calendar/calendarPermissions", needsSchedule, owns, g.listPermissions)
		for _, calendar := range []string{"/calendar", "/calendars/{calendar}"} {
			need := needsRead
			if calendar == "/calendar" {
				need = needsSchedule
			}
			g.handle("GET "+me+calendar, need, looks, g.getCalendar)
			g.handle("PATCH "+me+calendar, needsWrite, owns, g.updateCalendar)
			g.handle("DELETE "+me+calendar, needsWrite, owns, g.deleteCalendar)
		}
		for _, calendar := range []string{"", "/calendar", "/calendars/{calendar}"} {
			g.handle("GET "+me+calendar+"/calendarView", needsRead, looks, g.calendarView)
			g.handle("GET "+me+calendar+"/calendarView/delta", needsRead, reads, g.viewDelta)
			g.handle("GET "+me+calendar+"/events/delta", needsRead, reads, g.eventsDelta)
			g.eventRoutes(me + calendar + "/events")
		}
	}
	g.handle("POST "+root+"/$batch", nil, noMailbox, g.batch)
	g.handle("POST "+root+"/places/{place}/checkIns", needsCheckIn, owns, g.checkIn)
	g.handle("GET "+root+"/places/{place}/checkIns/{event}", needsCheckIn, owns, g.getCheckIn)
	g.subscriptionRoutes()
	g.mux.Handle("GET /oidc/userinfo", func(c *front.Call) front.Reply { return g.userinfo(c) })
	g.mux.Handle(root, g.noSuchResource)
	g.mux.Handle(root+"/", g.noSuchResource)
}

func (g *Graph) eventRoutes(events string) {
	g.handle("GET "+events, needsRead, looks, g.listEvents)
	g.handle("POST "+events, needsWrite, writes, g.createEvent)
	event := events + "/{event}"
	g.handle("GET "+event, needsRead, looks, g.getEvent)
	g.handle("PATCH "+event, needsWrite, writes, g.updateEvent)
	g.handle("DELETE "+event, needsWrite, writes, g.deleteEvent)
	g.handle("GET "+event+"/instances", needsRead, looks, g.instances)
	g.handle("POST "+event+"/cancel", needsWrite, writes, g.cancelEvent)
	g.handle("POST "+event+"/accept", needsWrite, writes, g.respond(exchange.Accepted))
	g.handle("POST "+event+"/tentativelyAccept", needsWrite, writes, g.respond(exchange.Tentative))
	g.handle("POST "+event+"/decline", needsWrite, writes, g.respond(exchange.Declined))
	g.handle("POST "+event+"/forward", needsRead, reads, g.forwardEvent)
	g.handle("POST "+event+"/snoozeReminder", needsWrite, writes, g.snoozeReminder)
	g.handle("POST "+event+"/dismissReminder", needsWrite, writes, g.dismissReminder)
	extensions := event + "/extensions"
	g.handle("GET "+extensions, needsRead, reads, g.listExtensions)
	g.handle("POST "+extensions, needsWrite, writes, g.createExtension)
	g.handle("GET "+extensions+"/{extension}", needsRead, reads, g.getExtension)
	g.handle("PATCH "+extensions+"/{extension}", needsWrite, writes, g.updateExtension)
	g.handle("DELETE "+extensions+"/{extension}", needsWrite, writes, g.deleteExtension)
}

// noSuchResource refuses what no route serves.
func (g *Graph) noSuchResource(c *front.Call) front.Reply {
	if _, why := g.authenticate(c); why != nil {
		return g.unauthenticated(c, why)
	}
	if g.otherMethod(c) {
		return refusal(c, badRequest("Request_BadRequest", "%s", codes["Request_BadRequest"].message))
	}
	segments := strings.Split(strings.TrimPrefix(c.URL.Path, root+"/"), "/")
	if strings.Contains(c.URL.Path, "/events/") { // an id with a slash in it, most of the time
		return refusal(c, badRequest("RequestBroker--ParseUri", "Resource not found for the segment '%s'.", segments[len(segments)-1]))
	}
	return refusal(c, badRequest("BadRequest", "Resource not found for the segment '%s'.", segments[len(segments)-1]))
}

// otherMethod says whether the path is served by another method.
func (g *Graph) otherMethod(c *front.Call) bool {
	return isClean(c.URL) && slices.ContainsFunc([]string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete}, func(method string) bool {
		pattern := g.mux.Pattern(&http.Request{Method: method, URL: c.URL, Host: c.Host})
		return strings.HasPrefix(pattern, method) // noSuchResource has no method
	})
}

// isClean says whether http.ServeMux would leave a path as it is.
func isClean(u *url.URL) bool { return path.Clean(u.EscapedPath()) == u.EscapedPath() }

// encode64 is how claims challenges and tokens of lists are written.
func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
