package passthrough

import (
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// maxPath bounds a path, in bytes. Ids of Exchange have about 150.
const maxPath = 4 << 10

// A resource is what a path below /v1.0 names, in one spelling. Graph has many:
// words in any case, keys as segments or in parentheses, functions with or without
// their namespace (https://learn.microsoft.com/graph/use-the-api,
// https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html).
type resource struct {
	// user is the key of /users/{user}; "": /me.
	user string
	// calendar is the key of calendars/{calendar}; "": the path has none.
	calendar string
	// template is what follows /me or /users/{user}, such as "events/{id}/accept";
	// for anything else the whole path.
	template string
	// mailbox: the path begins with /me or /users/{user}.
	mailbox bool
}

// String is the path for the audit log: without ids of events, which would say
// little, and without whose it is, which other fields do.
func (r resource) String() string {
	switch {
	case !r.mailbox:
		return "/" + r.template
	case r.user == "":
		return "/me/" + r.template
	}
	return "/users/{id}/" + r.template
}

// What a word may have around it.
const (
	plain      = iota
	collection // a key may follow, as a segment or in parentheses
	function   // microsoft.graph. before it, and () behind: functions and actions
)

// words are the segments that calendar calls are made of, in lower case.
var words = map[string]struct {
	word string
	kind int
}{
	"me":                  {"me", plain},
	"users":               {"users", collection},
	"calendar":            {"calendar", plain},
	"calendars":           {"calendars", collection},
	"calendargroups":      {"calendarGroups", collection},
	"calendarview":        {"calendarView", plain},
	"calendarpermissions": {"calendarPermissions", collection},
	"events":              {"events", collection},
	"instances":           {"instances", plain},
	"extensions":          {"extensions", collection},
	"delta":               {"delta", function},
	"getschedule":         {"getSchedule", function},
	"findmeetingtimes":    {"findMeetingTimes", function},
	"accept":              {"accept", function},
	"decline":             {"decline", function},
	"tentativelyaccept":   {"tentativelyAccept", function},
	"cancel":              {"cancel", function},
	"forward":             {"forward", function},
	"snoozereminder":      {"snoozeReminder", function},
	"dismissreminder":     {"dismissReminder", function},
	"$count":              {"$count", plain},
	"$batch":              {"$batch", plain},
}

// parse reads an escaped path below /v1.0. It refuses what Graph could read in
// another way than we do, and every word that it doesn't know.
func parse(escaped string) (resource, *Refusal) {
	path, ok := strings.CutPrefix(escaped, "/")
	if !ok || len(path) > maxPath {
		return resource{}, malformed("The path is not one of Graph's, or longer than %d bytes.", maxPath)
	}
	var template []string
	var r resource
	before := "" // the collection whose key may come now
	take := func(key string) bool {
		switch before {
		case "users":
			r.user = key
		case "calendars":
			r.calendar = key
		}
		template = append(template, "{id}")
		return isKey(before, key)
	}
	for raw := range strings.SplitSeq(path, "/") {
		segment, ok := decode(raw)
		if !ok {
			return resource{}, malformed("The path has a segment that could be read in more than one way. Write it without escapes but those that an id needs, and without empty or dotted segments.")
		}
		name, key, form := cut(segment)
		bare, qualified := strings.CutPrefix(strings.ToLower(name), "microsoft.graph.")
		word, known := words[bare]
		switch {
		case known && form == asCall && word.kind != function,
			known && qualified && word.kind != function:
			return resource{}, forbidden("The path has %s in a form that the gateway doesn't know.", word.word)
		case known:
			template = append(template, word.word)
			before = ""
			if word.kind == collection {
				before = word.word
			}
			if form == asKey {
				if !take(key) {
					return resource{}, badKey(word.word)
				}
				before = ""
			}
		case before != "":
			if !take(segment) {
				return resource{}, badKey(before)
			}
			before = ""
		default:
			return resource{}, forbidden("This is not a calendar call that the gateway lets through.")
		}
	}
	switch {
	case template[0] == "me":
		r.mailbox, template = true, template[1:]
	case len(template) > 1 && template[0] == "users" && template[1] == "{id}":
		r.mailbox, template = true, template[2:]
	}
	r.template = strings.Join(template, "/")
	return r, nil
}

func badKey(collection string) *Refusal {
	return malformed("The key after %s can't be one. A user is named by an address or an object id, all else by the id that Graph gave.", collection)
}

// Forms of a segment.
const (
	asWord = iota
	asKey  // events('id')
	asCall // delta()
)

// cut takes a segment apart. What has parentheses in any other form stays whole,
// and is then no word and no key.
func cut(segment string) (name, key string, form int) {
	name, rest, found := strings.Cut(segment, "(")
	switch inner, closed := strings.CutSuffix(rest, ")"); {
	case !found:
		return segment, "", asWord
	case closed && inner == "":
		return name, "", asCall
	case closed && len(inner) > 2 && inner[0] == '\'' && inner[len(inner)-1] == '\'':
		inner = inner[1 : len(inner)-1]
		// A quote in a key is doubled (OData URL conventions, section 4.3.1).
		if key = strings.ReplaceAll(inner, "''", "\x00"); strings.Contains(key, "'") {
			return segment, "", asWord
		}
		return name, strings.ReplaceAll(key, "\x00", "'"), asKey
	}
	return segment, "", asWord
}

// decode unescapes a segment once. ok is false for what is decoded to something
// that a server could treat as more than a name: other separators, a second
// escape, dots, spaces and whatever is not ASCII.
func decode(raw string) (segment string, ok bool) {
	segment, err := url.PathUnescape(raw)
	if err != nil || segment == "" || segment[0] == '.' || segment[len(segment)-1] == '.' || strings.Contains(segment, "..") {
		return "", false
	}
	for i := range len(segment) {
		if c := segment[i]; !isAlphanumeric(c) && strings.IndexByte("-_.~=@+$'()", c) < 0 {
			return "", false
		}
	}
	return segment, true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isKey says whether a key can be one of its collection's. A name of Graph's own,
// which would be more than a key, never can.
func isKey(collection, key string) bool {
	more := "-_=+"
	switch collection {
	case "users":
		if uuid.Validate(key) == nil && len(key) == 36 {
			return true
		}
		if before, after, _ := strings.Cut(key, "@"); before == "" || after == "" || strings.Contains(after, "@") {
			return false
		}
		more = "-_.~+'@="
	case "extensions": // their names are like Com.Contoso.Rooms
		if strings.HasPrefix(strings.ToLower(key), "microsoft.graph.") {
			return false
		}
		more = "-_."
	}
	for i := range len(key) {
		if c := key[i]; !isAlphanumeric(c) && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return key != ""
}
