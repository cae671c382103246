package setup

import (
	"regexp"
	"strings"
)

var bare = regexp.MustCompile(`^[A-Za-z0-9@._:/|+*=-]+$`)

// word writes a token of a Caddyfile that is s, which has passed plain, and quotes it
// only where that is needed.
func word(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return text(s)
}

// text writes a quoted token of a Caddyfile. Between backticks nothing has a meaning,
// while a backslash at the end would take the place of a quotation mark.
func text(s string) string {
	if strings.ContainsAny(s, `"\`) {
		return "`" + s + "`"
	}
	return `"` + s + `"`
}

// shell writes a word of a POSIX shell that is s.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
