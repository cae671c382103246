package signin

import (
	"net/url"
	"path"
	"strings"
	"unicode"
)

// maxReturnTo bounds the path that a sign-in comes back to; it travels in a cookie.
const maxReturnTo = 1024

// returnTo makes a local path with query out of what a link asked for, or "/".
// Browsers take "\" for "/", skip tabs and newlines, and resolve dot segments
// (https://url.spec.whatwg.org/#concept-basic-url-parser), so anything but plain
// printable characters is refused, and so are a second slash at the front and
// "." and "..", encoded or not.
func returnTo(raw string) string {
	if len(raw) > maxReturnTo || !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") {
		return "/"
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return "/"
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	// A decoded path may hide what the raw one did not show.
	if strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) || strings.ContainsFunc(u.Path, unicode.IsControl) {
		return "/"
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "/"
		}
	}
	// Coming back to a step of the sign-in itself would go round in circles.
	plain := path.Clean(u.Path)
	for _, p := range []string{pathLogin, pathLogout, pathCallback, pathRoomCallback, pathSignedOut} {
		if plain == p || strings.HasPrefix(plain, p+"/") {
			return "/"
		}
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
