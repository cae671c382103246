package msgraph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
)

// A subject is what a $filter judges: an entity as it is shown, and its extended
// properties, which are not.
type subject struct {
	shown    map[string]any
	extended []exchange.Property
}

// A condition says whether a subject passes a $filter.
type condition func(subject) bool

// Of OData's language these are known: comparisons of a property with a
// literal, startswith, contains, and, or, not, parentheses, and the search for
// an extended property. Graph ignores some of what it doesn't support without a
// word; a simulator had better say so.
var (
	filterToken = regexp.MustCompile(`^\s*('(?:[^']|'')*'|[()]|,|[^\s(),']+)`)
	anyProperty = regexp.MustCompile(`(?i)^\s*singleValueExtendedProperties/any\(\s*(\w+)\s*:\s*(\w+)/id eq '((?:[^']|'')*)'\s+and\s+(\w+)/value eq '((?:[^']|'')*)'\s*\)`)
)

// maxFilter bounds a filter, in bytes.
const maxFilter = 2000

type filterParser struct {
	rest  string
	known func(property string) bool
}

// parseFilter reads a filter; nil: there is none. known says which properties
// there are.
func parseFilter(text string, known func(property string) bool) (condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	p := &filterParser{text, known}
	var c condition
	err := fmt.Errorf("it is longer than %d characters", maxFilter)
	if len(text) <= maxFilter {
		c, err = p.or()
	}
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("%q is not understood", p.rest)
	}
	if err != nil {
		return nil, badRequest("BadRequest", "Invalid filter clause: %v", err)
	}
	return c, nil
}

func (p *filterParser) peek() string {
	if m := filterToken.FindStringSubmatch(p.rest); m != nil {
		return m[1]
	}
	return ""
}

func (p *filterParser) take() string {
	m := filterToken.FindStringSubmatch(p.rest)
	if m == nil {
		return ""
	}
	p.rest = p.rest[len(m[0]):]
	return m[1]
}

func (p *filterParser) expect(token string) error {
	if got := p.take(); got != token {
		return fmt.Errorf("%q stands where %q should", got, token)
	}
	return nil
}

func (p *filterParser) or() (condition, error) {
	return p.joined("or", p.and, func(a, b condition) condition {
		return func(s subject) bool { return a(s) || b(s) }
	})
}

func (p *filterParser) and() (condition, error) {
	return p.joined("and", p.term, func(a, b condition) condition {
		return func(s subject) bool { return a(s) && b(s) }
	})
}

func (p *filterParser) joined(by string, part func() (condition, error), join func(a, b condition) condition) (condition, error) {
	left, err := part()
	for err == nil && p.peek() == by {
		p.take()
		var right condition
		if right, err = part(); err == nil {
			left = join(left, right)
		}
	}
	return left, err
}

func (p *filterParser) term() (condition, error) {
	if m := anyProperty.FindStringSubmatch(p.rest); m != nil {
		p.rest = p.rest[len(m[0]):]
		if m[1] != m[2] || m[1] != m[4] {
			return nil, fmt.Errorf("%q and %q are not the variable %q", m[2], m[4], m[1])
		}
		return hasProperty(unquote(m[3]), unquote(m[5])), nil
	}
	switch word := p.take(); strings.ToLower(word) {
	case "":
		return nil, fmt.Errorf("it ends too early")
	case "(":
		c, err := p.or()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	case "not":
		c, err := p.term()
		if err != nil {
			return nil, err
		}
		return func(s subject) bool { return !c(s) }, nil
	case "startswith", "contains":
		return p.function(strings.ToLower(word))
	default:
		return p.comparison(word)
	}
}

// hasProperty finds an extended property: names are case-sensitive, values not.
func hasProperty(id, value string) condition {
	return func(s subject) bool {
		return slices.ContainsFunc(s.extended, func(p exchange.Property) bool { return p.ID == id && strings.EqualFold(p.Value, value) })
	}
}

func (p *filterParser) function(name string) (condition, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	path := p.take()
	if err := checkPath(path, p.known); err != nil {
		return nil, err
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	literal, err := parseLiteral(path, p.take())
	if err != nil {
		return nil, err
	}
	if literal == nil {
		return nil, fmt.Errorf("%s takes a text", name)
	}
	want := strings.ToLower(*literal)
	holds := strings.HasPrefix
	if name == "contains" {
		holds = strings.Contains
	}
	return func(s subject) bool {
		value, there := property(s.shown, path)
		return there && holds(strings.ToLower(value), want)
	}, p.expect(")")
}

// checkPath says whether a path begins with a property.
func checkPath(path string, known func(property string) bool) error {
	if name, _, _ := strings.Cut(path, "/"); !known(name) {
		return fmt.Errorf("there is no property named %q", name)
	}
	return nil
}

func (p *filterParser) comparison(path string) (condition, error) {
	if err := checkPath(path, p.known); err != nil {
		return nil, err
	}
	op := p.take()
	literal, err := parseLiteral(path, p.take())
	if err != nil {
		return nil, err
	}
	var holds func(n int) bool
	switch op {
	case "eq":
		holds = func(n int) bool { return n == 0 }
	case "ne":
		holds = func(n int) bool { return n != 0 }
	case "gt":
		holds = func(n int) bool { return n > 0 }
	case "ge":
		holds = func(n int) bool { return n >= 0 }
	case "lt":
		holds = func(n int) bool { return n < 0 }
	case "le":
		holds = func(n int) bool { return n <= 0 }
	default:
		return nil, fmt.Errorf("%q is no comparison", op)
	}
	return func(s subject) bool {
		value, there := property(s.shown, path)
		if there && literal != nil {
			return holds(compareValues(value, *literal))
		}
		// null is equal to null only, and no less and no more than anything.
		return op == "eq" && !there && literal == nil || op == "ne" && (there || literal != nil)
	}, nil
}

// compareValues compares two values as times or as numbers, if both are such,
// else as text without regard to case.
func compareValues(a, b string) int {
	if x, err := parseInstant(a); err == nil {
		if y, err := parseInstant(b); err == nil {
			return x.Compare(y)
		}
	}
	if x, err := strconv.Atoi(a); err == nil {
		if y, err := strconv.Atoi(b); err == nil {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

// literalTypes are how values that are not text are written, but for null. Times
// of events are text at Graph (dateTimeTimeZone), those of changes are not.
var literalTypes = map[string]*regexp.Regexp{
	"Edm.Boolean":        regexp.MustCompile(`^(true|false)$`),
	"Edm.Int32":          regexp.MustCompile(`^-?\d+$`),
	"Edm.DateTimeOffset": regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(T[\d:.]+Z?)?$`),
}

// propertyType is the type of a property that is compared.
func propertyType(path string) string {
	switch path {
	case "createdDateTime", "lastModifiedDateTime", "originalStart", "responseStatus/time":
		return "Edm.DateTimeOffset"
	case "reminderMinutesBeforeStart", "capacity", "floorNumber":
		return "Edm.Int32"
	case "isAllDay", "isCancelled", "isDraft", "isOnlineMeeting", "isOrganizer", "isReminderOn",
		"hasAttachments", "allowNewTimeProposals", "hideAttendees", "responseRequested",
		"canEdit", "canShare", "canViewPrivateItems", "isDefaultCalendar", "isRemovable", "isTallyingResponses",
		"isWheelChairAccessible":
		return "Edm.Boolean"
	}
	return "Edm.String"
}

// parseLiteral reads a value of a property's type, as text; nil: null.
func parseLiteral(path, token string) (*string, error) {
	want, got := propertyType(path), ""
	if len(token) >= 2 && token[0] == '\'' {
		got, token = "Edm.String", unquote(token[1:len(token)-1])
	} else if token == "null" {
		return nil, nil
	}
	for name, written := range literalTypes {
		if got == "" && written.MatchString(token) {
			got = name
		}
	}
	switch got {
	case "":
		return nil, fmt.Errorf("%q is no value", token)
	case want:
		return &token, nil
	}
	return nil, fmt.Errorf("%q is of the type %s, and %s of %s", path, want, token, got)
}

func unquote(s string) string { return strings.ReplaceAll(s, "''", "'") }

// property is a property of a rendered item, by a path with slashes, as text;
// false: it is null, or absent.
func property(m map[string]any, path string) (string, bool) {
	name, rest, deeper := strings.Cut(path, "/")
	value := m[name]
	switch {
	case value == nil:
		return "", false
	case !deeper:
		return fmt.Sprint(value), true
	}
	members, is := value.(map[string]any)
	if !is {
		text, _ := json.Marshal(value) // it is about to be sent as JSON
		_ = json.Unmarshal(text, &members)
	}
	return property(members, rest)
}

// An order is one property of an $orderby.
type order struct {
	path       string
	descending bool
}

func parseOrder(text string, known func(property string) bool) ([]order, error) {
	var by []order
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		if err := checkPath(words[0], known); err != nil {
			return nil, badRequest("BadRequest", "Invalid $orderby: %v", err)
		}
		direction := strings.ToLower(strings.Join(words[1:], " "))
		if !slices.Contains([]string{"", "asc", "desc"}, direction) {
			return nil, badRequest("BadRequest", "Syntax error in $orderby '%s'.", text)
		}
		by = append(by, order{words[0], direction == "desc"})
	}
	return by, nil
}

// compare says in which order of the query two entities come; null is the least.
func (q *query) compare(a, b map[string]any) int {
	for _, o := range q.orderBy {
		x, xThere := property(a, o.path)
		y, yThere := property(b, o.path)
		n := compareValues(x, y)
		if xThere != yThere {
			n = 1
			if yThere {
				n = -1
			}
		}
		if o.descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

// passes says whether an entity passes the query's filter.
func (q *query) passes(s subject) bool { return q.filter == nil || q.filter(s) }
