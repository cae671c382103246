package msgraph

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// root is the version of Graph that is simulated.
const root = "/v1.0"

// words are the segments that Graph matches without regard to case.
var words = []string{
	"v1.0", "me", "users", "calendar", "calendars", "calendarView", "calendarPermissions", "delta", "events", "instances", "getSchedule",
	"findMeetingTimes", "cancel", "accept", "tentativelyAccept", "decline", "forward", "snoozeReminder", "dismissReminder",
	"extensions", "places", "checkIns", "subscriptions", "reauthorize", "oidc", "userinfo", "$batch",
}

// collections are the words that a key follows.
var collections = []string{"users", "calendars", "events", "extensions", "places", "checkIns", "subscriptions"}

// keyed is a segment such as users('id'), or a function such as delta().
var keyed = regexp.MustCompile(`^([A-Za-z.$]+)\((?:'(.*)')?\)$`)

// canonical returns the request with its path in one spelling: words as above,
// keys as segments, no namespaces, no empty segments. Graph takes all of these
// forms.
func canonical(r *http.Request) *http.Request {
	raw, isKey := "", false
	for segment := range strings.SplitSeq(r.URL.EscapedPath(), "/") {
		if segment == "" {
			continue
		}
		word, key := splitKey(segment)
		if isKey && word != "delta" {
			raw, isKey = raw+"/"+segment, false
			continue
		}
		raw += "/" + word
		if isKey = slices.Contains(collections, word); key != "" {
			raw, isKey = raw+"/"+key, false
		}
	}
	path, err := url.PathUnescape(raw)
	if err != nil {
		return r // net/http has parsed it before
	}
	clone, u := *r, *r.URL
	clone.URL = &u
	u.Path, u.RawPath = path, raw
	return &clone
}

// splitKey returns the word of a segment, and the key in it, escaped, or "".
func splitKey(segment string) (word, key string) {
	decoded, err := url.PathUnescape(segment)
	if err != nil {
		return segment, "" // net/http has parsed it before
	}
	word = decoded
	if match := keyed.FindStringSubmatch(decoded); match != nil {
		word, key = match[1], url.PathEscape(strings.ReplaceAll(match[2], "''", "'"))
	}
	bare := word
	if after, is := cutPrefixFold(word, "microsoft.graph."); is {
		bare = after
	}
	if i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, bare) }); i >= 0 {
		return words[i], key
	}
	return segment, ""
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
