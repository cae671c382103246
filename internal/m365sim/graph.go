package m365sim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// graphRoot is the version of Graph that is simulated.
const graphRoot = "/v1.0/"

// A need is the scopes of which one is needed, in either mode of Config.Scopes.
type need struct{ superset, tables []string }

var (
	needsRead = need{
		superset: []string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"},
		tables:   []string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"},
	}
	needsWrite = need{
		superset: []string{"Calendars.ReadWrite", "Calendars.ReadWrite.Shared"},
		tables:   []string{"Calendars.ReadWrite", "Calendars.ReadWrite.Shared"},
	}
	// needsOwnRead is for calls whose documentation does not name the scopes
	// of shared calendars.
	needsOwnRead = need{superset: needsRead.superset, tables: []string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite"}}
	needsUser    = need{superset: []string{"User.Read"}, tables: []string{"User.Read"}}
)

// A graphCall is a call by somebody.
type graphCall struct {
	*call
	tenant *Tenant
	person *Person
	box    *calendarData // nil: no mailbox
	prefer preferences
}

type graphFunc func(*graphCall) (reply, *graphError)

func (s *Server) graphRoutes() {
	handle := func(pattern string, n need, serve graphFunc) {
		s.graph.HandleFunc(pattern, s.handler(s.authorized(n, serve)))
	}
	for _, me := range []string{graphRoot + "me", graphRoot + "users/{user}"} {
		handle("GET "+me, needsUser, s.getUser)
		handle("GET "+me+"/calendar", needsOwnRead, mailbox(s.getCalendar))
		handle("GET "+me+"/calendars", needsRead, mailbox(s.listCalendars))
		handle("GET "+me+"/calendars/{calendar}", needsRead, mailbox(s.getCalendar))
		handle("POST "+me+"/calendar/getSchedule", needsOwnRead, mailbox(s.getSchedule))
		for _, calendar := range []string{"", "/calendar", "/calendars/{calendar}"} {
			handle("GET "+me+calendar+"/calendarView", needsRead, mailbox(s.calendarView))
			handle("GET "+me+calendar+"/events", needsRead, mailbox(s.listEvents))
			handle("POST "+me+calendar+"/events", needsWrite, mailbox(s.createEvent))
			handle("GET "+me+calendar+"/events/{event}", needsRead, mailbox(s.getEvent))
			handle("PATCH "+me+calendar+"/events/{event}", needsWrite, mailbox(s.updateEvent))
			handle("DELETE "+me+calendar+"/events/{event}", needsWrite, mailbox(s.deleteEvent))
			handle("POST "+me+calendar+"/events/{event}/cancel", needsWrite, mailbox(s.cancelEvent))
		}
	}
	s.graph.HandleFunc(graphRoot, s.handler(s.noSuchResource))
}

// graphWords are the segments that Graph matches without regard to case.
var graphWords = []string{
	"me", "users", "calendar", "calendars", "calendarView", "events", "getSchedule", "cancel",
}

// canonical returns the request with the known segments of its path in their
// canonical spelling.
func canonical(r *http.Request) *http.Request {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, segment := range segments {
		segment = strings.TrimPrefix(segment, "microsoft.graph.")
		if j := slices.IndexFunc(graphWords, func(w string) bool { return strings.EqualFold(w, segment) }); j >= 0 {
			segments[i] = graphWords[j]
		}
	}
	raw := strings.Join(segments, "/")
	path, err := url.PathUnescape(raw)
	if err != nil {
		return r // net/http has parsed it before
	}
	clone := new(http.Request)
	*clone = *r
	clone.URL = new(url.URL)
	*clone.URL = *r.URL
	clone.URL.Path, clone.URL.RawPath = path, raw
	return clone
}

// authorized finds out who asks and whether they may.
func (s *Server) authorized(n need, serve graphFunc) func(*call) reply {
	return func(c *call) reply {
		g, refusal := s.graphCaller(c, n)
		if refusal != nil {
			return refusal.reply(c)
		}
		rep, refusal := serve(g)
		if refusal != nil {
			return refusal.reply(c)
		}
		if applied := g.prefer.applied(); applied != "" {
			rep = rep.with("Preference-Applied", applied)
		}
		return rep.graphHeaders(c)
	}
}

func (s *Server) graphCaller(c *call, n need) (*graphCall, *graphError) {
	token, refusal := s.bearer(c)
	if refusal != nil {
		return nil, refusal
	}
	t := s.cfg.tenant(token.TenantID)
	g := &graphCall{call: c, tenant: t, person: t.person(token.Mail)}
	enough := n.superset
	if s.cfg.Scopes == ScopesTables {
		enough = n.tables
	}
	if !slices.ContainsFunc(token.Scopes, func(scope string) bool { return slices.Contains(enough, scope) }) {
		return nil, errAccessDenied
	}
	if user := c.PathValue("user"); user != "" && !strings.EqualFold(user, g.person.Mail) && !strings.EqualFold(user, g.person.ID) {
		if t.hasMailbox(user) {
			return nil, errNotFound // a calendar that is not shared looks like none
		}
		return nil, &graphError{http.StatusNotFound, "ErrorInvalidUser", "The requested user '" + user + "' is invalid."}
	}
	if !g.person.NoMailbox {
		g.box = s.state.calendar(g.person.Mail)
	}
	g.prefer, refusal = parsePrefer(c.Header.Values("Prefer"))
	return g, refusal
}

// mailbox refuses people without a mailbox, and calendars that are not theirs.
func mailbox(serve graphFunc) graphFunc {
	return func(g *graphCall) (reply, *graphError) {
		if g.box == nil {
			return reply{}, errNoMailbox
		}
		if id := g.PathValue("calendar"); id != "" && id != g.calendarID() {
			return reply{}, errNotFound
		}
		return serve(g)
	}
}

// noSuchResource refuses what no route serves.
func (s *Server) noSuchResource(c *call) reply {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		other := &http.Request{Method: method, URL: c.URL, Host: c.Host}
		if _, pattern := s.graph.Handler(other); pattern != graphRoot {
			e := &graphError{http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."}
			return e.reply(c)
		}
	}
	segments := strings.Split(strings.TrimPrefix(c.URL.Path, graphRoot), "/")
	return badRequest("BadRequest", "Resource not found for the segment '%s'.", segments[len(segments)-1]).reply(c)
}

// preferences are what a Prefer header asks for (RFC 7240).
type preferences struct {
	zoneName    string
	zone        *time.Location // nil: UTC
	textBody    bool
	immutableID bool
}

func parsePrefer(headers []string) (preferences, *graphError) {
	var p preferences
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			unquoted := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), `"`), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "outlook.timezone":
				zone, refusal := graphZone(unquoted)
				if refusal != nil {
					return p, refusal
				}
				p.zoneName, p.zone = unquoted, zone
			case "outlook.body-content-type":
				p.textBody = strings.EqualFold(unquoted, "text")
			case "idtype":
				p.immutableID = strings.EqualFold(unquoted, "ImmutableId")
			}
		}
	}
	return p, nil
}

// applied is what of it has been done.
func (p preferences) applied() string {
	var applied []string
	if p.zone != nil {
		applied = append(applied, `outlook.timezone="`+p.zoneName+`"`)
	}
	if p.textBody {
		applied = append(applied, `outlook.body-content-type="text"`)
	}
	if p.immutableID {
		applied = append(applied, `IdType="ImmutableId"`)
	}
	return strings.Join(applied, ", ")
}

// getUser is GET /me, which needs a scope that calendars don't.
func (s *Server) getUser(g *graphCall) (reply, *graphError) {
	return jsonReply(http.StatusOK, map[string]any{
		"@odata.context": s.base + graphRoot + "$metadata#users/$entity",
		"id":             g.person.ID, "displayName": g.person.Name, "mail": g.person.Mail, "userPrincipalName": g.person.Mail,
	}), nil
}
