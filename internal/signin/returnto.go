package signin

import (
	"net/url"
	"strings"
)

// maxReturnTo bounds the path that a sign-in comes back to; it travels in a cookie.
const maxReturnTo = 1024

// returnTo makes a local path with query out of what a link asked for, or "/".
// Browsers take "\" for "/" and skip tabs and newlines, so anything but plain
// printable characters is refused, and so is a second slash at the front.
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
	if strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\\r\n\t\x00") {
		return "/"
	}
	// Coming back to a step of the sign-in itself would go round in circles.
	for _, p := range []string{pathLogin, pathLogout, pathCallback, pathSignedOut} {
		if u.Path == p || strings.HasPrefix(u.Path, p+"/") {
			return "/"
		}
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
