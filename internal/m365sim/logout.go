package m365sim

import "net/http"

// serveLogout ends the browser's session. It redirects to registered addresses
// only.
func (s *Server) serveLogout(c *call, t *Tenant) reply {
	if cookie, err := c.Cookie(sessionCookie); err == nil {
		delete(s.state.Sessions, fingerprint(cookie.Value))
	}
	gone := (&http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}).String()
	to := c.URL.Query().Get("post_logout_redirect_uri")
	for _, a := range t.Apps {
		if to != "" && a.allowsRedirect(to) {
			return redirectReply(http.StatusFound, to).with("Set-Cookie", gone)
		}
	}
	return s.page(http.StatusOK, "signedout", pageData{Title: "Signed out", Tenant: t}).with("Set-Cookie", gone)
}
