package passthrough

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/identity"
)

const (
	get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

	aliceOID  = "5ec2e710-1111-4000-8000-000000000001"
	boardroom = "boardroom@contoso.example"
)

var alice = &identity.Person{
	ID: "t.alice", TenantID: "t", Integration: "contoso", ObjectID: aliceOID,
	Mailbox: "Alice.O'Chan@contoso.example", Email: "alice.claimed@contoso.example",
}

var bob = &identity.Person{ID: "t.bob", TenantID: "t", Integration: "contoso", Mailbox: "bob@contoso.example"}

func isRoom(address string) bool { return strings.EqualFold(address, boardroom) }

// What passes, in every spelling that Graph knows.
func TestCallsThatPass(t *testing.T) {
	for _, tt := range []struct {
		method, path, query string
		template            string
		access              access
		target              string
	}{
		{get, "/me/events", "", "events", reads, ""},
		{get, "/ME/Events", "$top=5&$select=subject,start&$orderby=start/dateTime", "events", reads, ""},
		{get, "/me/calendar/events", "", "calendar/events", reads, ""},
		{get, "/me/calendar/calendarView", "startDateTime=2026-12-01T00:00:00Z&endDateTime=2026-12-02T00:00:00Z", "calendar/calendarView", reads, ""},
		{get, "/me/calendarView/delta", "$deltatoken=abc", "calendarView/delta", reads, ""},
		{get, "/me/calendarView/delta()", "%24skiptoken=abc", "calendarView/delta", reads, ""},
		{get, "/me/calendarView/microsoft.graph.delta()", "", "calendarView/delta", reads, ""},
		{get, "/me/calendarView/Microsoft.Graph.Delta", "", "calendarView/delta", reads, ""},
		{get, "/me/events/$count", "", "events/$count", reads, ""},
		{get, "/me/events/AAMk-_x=", "", "events/{id}", reads, ""},
		{get, "/me/events/AAMk-_x%3D", "", "events/{id}", reads, ""},
		{get, "/me/events('AAMk-_x=')", "", "events/{id}", reads, ""},
		{get, "/me/events(%27AAMk-_x%3D%27)", "", "events/{id}", reads, ""},
		{get, "/me/events/AAMk/instances", "startDateTime=a&endDateTime=b", "events/{id}/instances", reads, ""},
		{get, "/me/events/AAMk/calendar", "", "events/{id}/calendar", reads, ""},
		{get, "/me/events/AAMk", "$expand=singleValueExtendedProperties($filter=id%20eq%20'String%20{x}%20Name%20Y')", "events/{id}", reads, ""},
		{get, "/me/events", "expand=extensions,instances($select=id;$top=3)", "events", reads, ""},
		{post, "/me/events", "", "events", creates, ""},
		{post, "/me/calendars/AAMk/events", "", "calendars/{id}/events", creates, ""},
		{post, "/me/calendarGroups/AA/calendars/BB/events", "", "calendarGroups/{id}/calendars/{id}/events", creates, ""},
		{post, "/me/calendargroups('AA')/calendars('BB')/events", "", "calendarGroups/{id}/calendars/{id}/events", creates, ""},
		{patch, "/me/events/AAMk", "", "events/{id}", writes, ""},
		{del, "/me/events/AAMk", "", "events/{id}", writes, ""},
		{post, "/me/events/AAMk/accept", "", "events/{id}/accept", writes, ""},
		{post, "/me/events/AAMk/microsoft.graph.tentativelyAccept", "", "events/{id}/tentativelyAccept", writes, ""},
		{post, "/me/events('AAMk')/microsoft.graph.cancel()", "", "events/{id}/cancel", writes, ""},
		{post, "/me/events/AAMk/forward", "", "events/{id}/forward", writes, ""},
		{post, "/me/events/AAMk/dismissReminder", "", "events/{id}/dismissReminder", writes, ""},
		{post, "/me/events/AAMk/extensions", "", "events/{id}/extensions", writes, ""},
		{patch, "/me/events/AAMk/extensions/Com.Contoso.Rooms", "", "events/{id}/extensions/{id}", writes, ""},
		{get, "/me/calendar", "", "calendar", reads, ""},
		{patch, "/me/calendar", "", "calendar", writes, ""},
		{get, "/me/calendars", "", "calendars", reads, ""},
		{post, "/me/calendars", "", "calendars", writes, ""},
		{del, "/me/calendars/AAMk", "", "calendars/{id}", writes, ""},
		{get, "/me/calendar/calendarPermissions", "", "calendar/calendarPermissions", reads, ""},
		{post, "/me/calendar/getSchedule", "", "calendar/getSchedule", reads, ""},
		{post, "/me/calendar/microsoft.graph.getSchedule", "", "calendar/getSchedule", reads, ""},
		{post, "/me/findMeetingTimes", "", "findMeetingTimes", asks, ""},

		{post, "/users/alice.o'chan@contoso.example/events", "", "events", creates, ""},
		{post, "/users/ALICE.O'CHAN@CONTOSO.EXAMPLE/events", "", "events", creates, ""},
		{post, "/users('alice.o''chan@contoso.example')/events", "", "events", creates, ""},
		{post, "/users/alice.o%27chan%40contoso.example/events", "", "events", creates, ""},
		{del, "/users/" + aliceOID + "/events/AAMk", "", "events/{id}", writes, ""},
		{post, "/Users('" + strings.ToUpper(aliceOID) + "')/calendar/events", "", "calendar/events", creates, ""},

		{get, "/users/bob@contoso.example/calendar", "", "calendar", reads, "bob@contoso.example"},
		{get, "/users/bob@contoso.example/events", "", "events", reads, "bob@contoso.example"},
		{get, "/users/" + boardroom + "/calendar/calendarView", "startDateTime=a&endDateTime=b", "calendar/calendarView", reads, boardroom},
		{post, "/users/" + boardroom + "/calendar/getSchedule", "", "calendar/getSchedule", reads, boardroom},
	} {
		d, no := decide(alice, isRoom, tt.method, tt.path, tt.query)
		if no != nil {
			t.Errorf("%s %s?%s: refused: %v", tt.method, tt.path, tt.query, no)
			continue
		}
		if d.template != tt.template || d.access != tt.access || d.target != cmp.Or(tt.target, alice.ID) {
			t.Errorf("%s %s: %s, access %d, of %q; want %s, %d, %q", tt.method, tt.path, d.template, d.access, d.target, tt.template, tt.access, cmp.Or(tt.target, alice.ID))
		}
	}
}

// What doesn't, and how it was tried.
func TestCallsThatDoNotPass(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, query string
		status                    int
	}{
		{"mail", get, "/me/messages", "", 403},
		{"mail, in another case", get, "/ME/Messages", "", 403},
		{"sending mail", post, "/me/sendMail", "", 403},
		{"files", get, "/me/drive/root/children", "", 403},
		{"the profile", get, "/me", "", 403},
		{"the profile, with a slash", get, "/me/", "", 400},
		{"all users", get, "/users", "", 403},
		{"somebody's profile", get, "/users/bob@contoso.example", "", 403},
		{"groups' calendars", get, "/groups/" + aliceOID + "/calendar/events", "", 403},
		{"places", get, "/places/microsoft.graph.room", "", 403},
		{"a subscription", post, "/subscriptions", "", 403},
		{"a search", post, "/search/query", "", 403},
		{"the mailbox's settings", get, "/me/mailboxSettings", "", 403},
		{"contacts", get, "/me/contacts", "", 403},
		{"the manager's calendar", get, "/me/manager/calendar", "", 403},
		{"people", get, "/me/people", "", 403},
		{"attachments", get, "/me/events/AAMk/attachments", "", 403},
		{"an upload", post, "/me/events/AAMk/attachments/createUploadSession", "", 403},
		{"who else may look", post, "/me/calendar/calendarPermissions", "", 403},
		{"who else may look, changed", patch, "/me/calendar/calendarPermissions/x", "", 403},
		{"a whole calendar, for ever", post, "/me/calendars/AAMk/permanentDelete", "", 403},
		{"another method", http.MethodPut, "/me/events/AAMk", "", 403},
		{"a lower-case method", "post", "/me/events", "", 403},
		{"options", http.MethodOptions, "/me/events", "", 403},
		{"a method of its own", "MOVE", "/me/events/AAMk", "", 403},
		{"deleting all", del, "/me/events", "", 403},
		{"an unknown function", post, "/me/events/AAMk/microsoft.graph.copy", "", 403},
		{"an unknown name space", post, "/me/events/AAMk/graph.accept", "", 403},
		{"a name space twice", post, "/me/events/AAMk/microsoft.graph.microsoft.graph.accept", "", 403},
		{"a type cast", get, "/me/microsoft.graph.user/events", "", 403},
		{"a qualified collection", get, "/me/microsoft.graph.events", "", 403},
		{"a function with arguments", get, "/me/reminderView(startDateTime='a',endDateTime='b')", "", 400},
		{"a called collection", get, "/me/events()", "", 403},
		{"the value alone", get, "/me/events/AAMk/subject/$value", "", 403},
		{"a reference", get, "/me/events/AAMk/calendar/$ref", "", 403},
		{"an event's calendar, deeper", post, "/me/events/AAMk/calendar/events", "", 403},
		{"a batch", post, "/$batch", "", 403}, // not here
		{"me within users", get, "/users/me/events", "", 403},
		{"users within me", get, "/me/users/bob@contoso.example/events", "", 403},
		{"me twice", get, "/me/me/events", "", 403},
		{"somebody twice", post, "/users/alice.o'chan@contoso.example/users/bob@contoso.example/events", "", 403},
		{"two keys", post, "/users('alice.o''chan@contoso.example')('bob@contoso.example')/events", "", 403},
		{"two keys, the second as a segment", post, "/users('alice.o''chan@contoso.example')/bob@contoso.example/events", "", 403},
		{"a key with a quote of its own", post, "/users('alice.o'chan@contoso.example')/events", "", 403},
		{"an alternate key", post, "/users(mail='bob@contoso.example')/events", "", 403},
		{"a key without quotes", post, "/users(bob)/events", "", 403},

		{"somebody else's event", patch, "/users/bob@contoso.example/events/AAMk", "", 403},
		{"an event for somebody else", post, "/users/bob@contoso.example/calendar/events", "", 403},
		{"somebody else's answer", post, "/users('bob@contoso.example')/events('AAMk')/accept", "", 403},
		{"times for somebody else", post, "/users/bob@contoso.example/findMeetingTimes", "", 403},
		{"an address that only a claim has told", post, "/users/alice.claimed@contoso.example/events", "", 403},
		{"the id that only we know", post, "/users/t.alice/events", "", 400},
		{"no address", get, "/users/bob/events", "", 400},
		{"two signs", get, "/users/bob@contoso.example@evil.example/events", "", 400},
		{"a room", post, "/users/" + boardroom + "/events", "", 403},
		{"a room, escaped", post, "/users/boardroom%40contoso.example/calendar/events", "", 403},
		{"a room, in capitals", post, "/USERS('BOARDROOM@CONTOSO.EXAMPLE')/CALENDAR/EVENTS", "", 403},
		{"a room's calendar by its id", post, "/users/" + boardroom + "/calendars/AAMk/events", "", 403},

		{"no mailbox", get, "/events", "", 403},
		{"nobody's event", post, "/calendars/AAMk/events", "", 403},
		{"nobody's schedule", post, "/calendar/getSchedule", "", 403},
		{"two dots within", get, "/users/bob..b@contoso.example/events", "", 400},
		{"a dot at the front", get, "/me/.events", "", 400},
		{"a key of what has none", get, "/me('x')/events", "", 403},
		{"a key of one calendar", post, "/me/calendar('x')/events", "", 403},

		{"up", get, "/me/events/../messages", "", 400},
		{"up, escaped", get, "/me/events/%2e%2e/messages", "", 400},
		{"up, half escaped", get, "/me/events/.%2E/messages", "", 400},
		{"up, escaped twice", get, "/me/events/%252e%252e/messages", "", 400},
		{"up, with a parameter", get, "/me/events/..;/messages", "", 400},
		{"up, with a space", get, "/me/events/..%20/messages", "", 400},
		{"here", get, "/me/./events", "", 400},
		{"three dots", get, "/me/.../events", "", 400},
		{"a dot at the end", get, "/me/events.", "", 400},
		{"a dot at the end, escaped", get, "/me/events%2e", "", 400},
		{"a space at the end", get, "/me/events%20", "", 400},
		{"a slash at the end", get, "/me/events/", "", 400},
		{"two slashes", get, "/me//events", "", 400},
		{"two slashes first", get, "//me/events", "", 400},
		{"no slash first", get, "me/events", "", 400},
		{"nothing", get, "", "", 400},
		{"only a slash", get, "/", "", 400},
		{"an escaped slash", get, "/me%2Fevents", "", 400},
		{"an escaped slash in a key", get, "/me/events/x%2F..%2F..%2Fmessages", "", 400},
		{"an escaped slash, twice", get, "/me/events/x%252Fmessages", "", 400},
		{"a backslash", get, `/me/events/x\..\..\messages`, "", 400},
		{"an escaped backslash", get, "/me/events/x%5c..%5cmessages", "", 400},
		{"a parameter", get, "/me;x=y/events", "", 400},
		{"an escaped parameter", get, "/me/events%3bx", "", 400},
		{"a query in the path", get, "/me/events%3F$expand=attachments", "", 400},
		{"a fragment", get, "/me/events%23x", "", 400},
		{"a null byte", get, "/me/events%00", "", 400},
		{"a line", get, "/me/events%0d%0aX:y", "", 400},
		{"an overlong slash", get, "/me/events/x%c0%afmessages", "", 400},
		{"an overlong dot", get, "/me/events/%c0%ae%c0%ae/messages", "", 400},
		{"a wide slash", get, "/me/events/x%ef%bc%8fmessages", "", 400},
		{"a Kelvin sign", get, "/me/%E2%84%AAey", "", 400},
		{"a dotless i", get, "/me/f%C4%B1ndMeetingTimes", "", 400},
		{"IIS's own escape", get, "/me/%u0065vents", "", 400},
		{"a broken escape", get, "/me/events/%zz", "", 400},
		{"a colon", get, "/me/events/x:/messages:", "", 400},
		{"an asterisk", get, "/me/events/*", "", 400},
		{"a comma", get, "/me/events/a,b", "", 400},
		{"a word as a key", get, "/me/events/events", "", 403},
		{"a function as a key", get, "/me/events('delta')/messages", "", 403},
		{"a name space as a key", get, "/me/events/microsoft.graph.foo", "", 400},
		{"a name space as an extension", patch, "/me/events/x/extensions/microsoft.graph.openTypeExtension", "", 400},
		{"too long", get, "/me/events/" + strings.Repeat("x", maxPath), "", 400},

		{"expanding attachments", get, "/me/events", "$expand=attachments", 403},
		{"expanding attachments, too", get, "/me/events", "$expand=extensions,attachments", 403},
		{"expanding all", get, "/me/events", "$expand=*", 403},
		{"expanding without the sign", get, "/me/events", "expand=attachments", 403},
		{"expanding, escaped", get, "/me/events", "%24%65xpand=attachments", 403},
		{"expanding in capitals", get, "/me/events", "$EXPAND=Attachments", 403},
		{"expanding twice", get, "/me/events", "$expand=extensions&$expand=attachments", 403},
		{"expanding deeper", get, "/me/events", "$expand=calendar($expand=events)", 403},
		{"expanding deeper, without the sign", get, "/me/events", "$expand=calendar(expand=events)", 403},
		{"expanding levels", get, "/me/events", "$expand=instances($levels=max)", 403},
		{"expanding a path", get, "/me/events", "$expand=calendar/events", 403},
		{"expanding a reference", get, "/me/events", "$expand=calendar/$ref", 403},
		{"an open parenthesis", get, "/me/events", "$expand=extensions($filter=id%20eq%20'x'", 403},
		{"something behind", get, "/me/events", "$expand=extensions()attachments", 403},
		{"an unknown option", get, "/me/events", "$apply=aggregate(x)", 403},
		{"an alias", get, "/me/events", "@x=1", 403},
		{"an unknown name", get, "/me/events", "token=x", 403},
		{"a line in the query", get, "/me/events", "$top=1\r\nX: y", 400},
		{"a fragment in the query", get, "/me/events", "$top=1#x", 400},
		{"a broken escape in the query", get, "/me/events", "%zz=1", 400},
		{"a query too long", get, "/me/events", "$skiptoken=" + strings.Repeat("x", maxQuery), 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, no := decide(alice, isRoom, tt.method, tt.path, tt.query)
			if no == nil {
				t.Fatalf("%s %s?%s passes as %s", tt.method, tt.path, tt.query, d)
			}
			if no.Status != tt.status {
				t.Errorf("%s %s?%s: %d %s, want %d", tt.method, tt.path, tt.query, no.Status, no.Detail, tt.status)
			}
		})
	}
}

// Whose own mailbox is a room's writes into it no more than others do.
func TestWhoeverSignsInAsARoom(t *testing.T) {
	for _, p := range []*identity.Person{{ID: "t.room", Mailbox: boardroom}, {ID: "t.room", Email: "Boardroom@contoso.example"}} {
		if _, no := decide(p, isRoom, post, "/me/events", ""); no == nil {
			t.Errorf("%+v writes into a room's calendar", p)
		}
		if _, no := decide(p, isRoom, get, "/me/events", ""); no != nil {
			t.Errorf("%+v can't read: %v", p, no)
		}
	}
	// Of whom neither is known, nobody else's address is.
	if _, no := decide(&identity.Person{ID: "t.x"}, isRoom, post, "/users/bob@contoso.example/events", ""); no == nil {
		t.Error("a person without a mailbox is everybody")
	}
}

// asGraphMight reads a path as the most obliging server could: decoding again and
// again, resolving dots, taking backslashes for slashes, dropping parameters. It
// shares nothing with parse.
func asGraphMight(path string) []string {
	for range 4 {
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
	}
	path = strings.ToLower(strings.ReplaceAll(path, `\`, "/"))
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	var out []string
	for s := range strings.SplitSeq(path, "/") {
		s, _, _ = strings.Cut(s, ";")
		if strings.Trim(s, ". ") == "" {
			if strings.HasPrefix(s, "..") && len(out) > 0 {
				out = out[:len(out)-1]
			}
			continue
		}
		s = strings.TrimPrefix(strings.TrimRight(s, ". "), "microsoft.graph.")
		name, key, _ := strings.Cut(s, "(")
		out = append(out, name)
		if key = strings.Trim(strings.TrimRight(key, ")"), "'"); key != "" {
			out = append(out, strings.ReplaceAll(key, "''", "'"))
		}
	}
	return out
}

var (
	keyed   = []string{"calendars", "calendargroups", "events", "extensions", "calendarpermissions"}
	unkeyed = []string{
		"calendar", "calendarview", "instances", "delta", "$count", "getschedule", "findmeetingtimes",
		"accept", "decline", "tentativelyaccept", "cancel", "forward", "snoozereminder", "dismissreminder",
	}
)

// isCalendar says whether the rest of a path stays with calendars.
func isCalendar(rest []string) bool {
	for i := 0; i < len(rest); i++ {
		switch {
		case slices.Contains(unkeyed, rest[i]):
		case slices.Contains(keyed, rest[i]):
			if i+1 < len(rest) && !slices.Contains(unkeyed, rest[i+1]) {
				i++
			}
		default:
			return false
		}
	}
	return len(rest) > 0
}

// Whatever passes names a calendar, and for writing the person's own, however it is
// read.
func FuzzDecide(f *testing.F) {
	for _, path := range []string{
		"/me/events", "/users/bob@contoso.example/events", "/users('alice.o''chan@contoso.example')/events('x')/accept",
		"/me/events/..%2f..%2fmessages", "/me/calendars/x/events/delta()", "/users/" + aliceOID + "/calendar/microsoft.graph.getSchedule",
		"/me/events/%252e%252e/x", "/me/calendarGroups/a/calendars/b", "/me;/events", `/me\events`, "/users/" + boardroom + "/events",
	} {
		for i := range 4 {
			f.Add(i, path, "$expand=extensions($filter=id eq 'x')&$top=1")
		}
	}
	f.Fuzz(func(t *testing.T, m int, path, query string) {
		method := []string{get, post, patch, del}[uint(m)%4]
		d, no := decide(alice, isRoom, method, path, query)
		if no != nil {
			return
		}
		u := &url.URL{RawPath: path}
		var err error
		if u.Path, err = url.PathUnescape(path); err != nil || u.EscapedPath() != path {
			t.Errorf("%q passes, and would be sent as %q", path, u.EscapedPath())
		}
		seen := asGraphMight(path)
		own := seen[0] == "me"
		rest := seen[1:]
		if seen[0] == "users" && len(seen) > 1 {
			own = seen[1] == aliceOID || seen[1] == strings.ToLower(alice.Mailbox)
			rest = seen[2:]
		} else if !own {
			t.Fatalf("%s %q passes: %q", method, path, seen)
		}
		if !isCalendar(rest) {
			t.Errorf("%s %q passes, and is no calendar: %q", method, path, rest)
		}
		if !own && (method == patch || method == del || method == post && rest[len(rest)-1] != "getschedule") {
			t.Errorf("%s %q passes, and is somebody else's", method, path)
		}
		if own != (d.target == alice.ID) {
			t.Errorf("%q is charged to %q", path, d.target)
		}
		if bad := expands(query); bad != "" {
			t.Errorf("%q passes, and expands %q", query, bad)
		}
	})
}

var (
	quotedText  = regexp.MustCompile(`'[^']*'`)
	parentheses = regexp.MustCompile(`\([^()]*\)`)
)

// expands returns what a query expands that is not a calendar's; "": nothing.
func expands(query string) string {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		if strings.TrimPrefix(strings.ToLower(name), "$") != "expand" {
			continue
		}
		value = quotedText.ReplaceAllString(strings.ToLower(value), "")
		if strings.Contains(value, "expand=") {
			return value
		}
		for parentheses.MatchString(value) {
			value = parentheses.ReplaceAllString(value, "")
		}
		for item := range strings.SplitSeq(value, ",") {
			if !slices.Contains(expandable, strings.TrimSpace(item)) {
				return value
			}
		}
	}
	return ""
}
