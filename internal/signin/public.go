package signin

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Public is the set of paths that are always anonymous.
type Public struct {
	exact    map[string]bool
	prefixes []string // each ends in "/"
}

// ParsePublic reads patterns: an exact path, or "/prefix/*".
func ParsePublic(patterns []string) (Public, error) {
	p := Public{exact: map[string]bool{}}
	for i, pattern := range patterns {
		base, isPrefix := strings.CutSuffix(pattern, "*")
		switch {
		case isPrefix && (base == "" || base == "/"):
			return Public{}, fmt.Errorf("public path %q would open everything; leave ones_auth out instead", pattern)
		case !strings.HasPrefix(base, "/"):
			return Public{}, fmt.Errorf("public path %q must begin with /", pattern)
		case strings.Contains(base, "*"):
			return Public{}, fmt.Errorf("public path %q: a * stands only at the end, as in /display/*", pattern)
		case !clean(base):
			return Public{}, fmt.Errorf("public path %q is not in its plain form: no //, no dot segments, no escapes", pattern)
		case isPrefix && !strings.HasSuffix(base, "/"):
			return Public{}, fmt.Errorf("public path %q must end in /*: it would also open paths that only begin alike", pattern)
		case strings.HasPrefix(base+"/", pathPrefix):
			return Public{}, fmt.Errorf("public path %q is below %s, where ones_auth itself answers and decides; leave it out", pattern, pathPrefix)
		case slices.Contains(patterns[:i], pattern):
			return Public{}, fmt.Errorf("public path %q is there twice", pattern)
		case isPrefix:
			p.prefixes = append(p.prefixes, base)
		default:
			p.exact[base] = true
		}
	}
	return p, nil
}

// Match says whether u is public. A path that could be read in two ways never
// is: ONES might read it in the other.
func (p Public) Match(u *url.URL) bool {
	if len(p.exact) == 0 && len(p.prefixes) == 0 {
		return false
	}
	if u.RawPath != "" && u.RawPath != u.Path && ambiguous(u.RawPath) || !clean(u.Path) {
		return false
	}
	if p.exact[u.Path] {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(u.Path, prefix) {
			return true
		}
	}
	return false
}

// clean says whether a decoded path is in its only possible form.
func clean(p string) bool {
	if !utf8.ValidString(p) || strings.ContainsAny(p, "\\;#?%") || strings.ContainsFunc(p, unicode.IsControl) {
		return false
	}
	cleaned := path.Clean(p)
	return p == cleaned || p == cleaned+"/"
}

// ambiguous says whether an encoded path hides what a server may or may not decode.
func ambiguous(raw string) bool {
	raw = strings.ToLower(raw)
	for _, hidden := range []string{"%2e", "%2f", "%5c", "%00", "%25", "%3b"} {
		if strings.Contains(raw, hidden) {
			return true
		}
	}
	return false
}
