package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/page"
)

type signedOutPage struct{ Tenant string }

type logoutPage struct {
	Next   string   // where to go on; "": nowhere
	Frames []string // the apps' front-channel logout addresses
}

// serveLogout ends the browser's sessions, or the one of the account that
// logout_hint names. The apps that were used with them are told in hidden frames,
// then the browser goes on to a registered address, or nowhere
// (https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request).
func (l *Login) serveLogout(c *front.Call) front.Reply {
	at, refusal := l.authority(c)
	if refusal != nil {
		return refusal.page(c)
	}
	q := c.URL.Query()
	if c.Method == http.MethodPost {
		form, err := url.ParseQuery(string(c.Body))
		if err != nil {
			return refuse(9002313).about("The form can't be read.").page(c)
		}
		q = form
	}
	ended, left := l.endAccounts(c, q.Get("logout_hint"))
	next := l.afterLogout(c, at, q.Get("post_logout_redirect_uri"))
	if state := q.Get("state"); state != "" && next != "" {
		next = withQuery(next, "state", markup.ReplaceAllString(state, ""))
	}
	rep := l.signedOut(c, at, ended, next)
	if len(left) == 0 {
		rep = rep.With("Set-Cookie", l.cookie("", -1))
	}
	return rep
}

// endAccounts takes accounts of the called cloud off the browser: the one that a
// hint names, else all. It returns those, and the ones that are left.
func (l *Login) endAccounts(c *front.Call, hint string) (ended, left []account) {
	id, b := l.browser(c)
	var here []account
	for _, a := range b.Accounts {
		if t := l.world.Tenant(a.TenantID); t != nil && l.sameCloud(t, c.Cloud) {
			here = append(here, a)
		} else {
			left = append(left, a)
		}
	}
	named := func(a account) bool {
		p := l.world.Tenant(a.TenantID).Person(a.PersonID)
		return p != nil && hint == loginHint(p)
	}
	ended = here
	if i := slices.IndexFunc(here, named); i >= 0 {
		ended = here[i : i+1]
		left = append(append(left, here[:i]...), here[i+1:]...)
	}
	switch {
	case id == "":
	case len(left) == 0:
		l.browsers.Delete(id)
	default:
		l.browsers.Put(id, browser{left, c.Now})
	}
	return ended, left
}

// afterLogout returns where the browser may go: to a redirect URI of one of the
// authority's apps; or "".
func (l *Login) afterLogout(c *front.Call, at authority, uri string) string {
	for i := range l.world.Tenants {
		t := &l.world.Tenants[i]
		for j := range t.Apps {
			a := &t.Apps[j]
			if uri != "" && l.sameCloud(t, c.Cloud) && (at.tenant == t || a.MultiTenant) && a.AllowsRedirect(uri) {
				return uri
			}
		}
	}
	return ""
}

// signedOut tells the apps and sends the browser on.
func (l *Login) signedOut(c *front.Call, at authority, ended []account, next string) front.Reply {
	var data logoutPage
	var origins []string
	for _, who := range ended {
		for _, clientID := range who.Apps {
			a, _ := l.world.App(clientID)
			if a == nil || a.FrontchannelLogoutURL == "" {
				continue
			}
			u, err := url.Parse(a.FrontchannelLogoutURL)
			if err != nil {
				continue
			}
			data.Frames = append(data.Frames, withQuery(a.FrontchannelLogoutURL, "sid", who.SID)) // and no iss
			if origin := u.Scheme + "://" + u.Host; !slices.Contains(origins, origin) {
				origins = append(origins, origin)
			}
		}
	}
	switch {
	case len(data.Frames) > 0:
		data.Next = next
		return page.Render(http.StatusOK, "logout", "Signing you out", data, origins...)
	case next != "":
		return redirect(c, next)
	}
	shown := signedOutPage{}
	if at.tenant != nil {
		shown.Tenant = at.tenant.Name
	}
	return page.Render(http.StatusOK, "signedout", "Signed out", shown)
}

// withQuery adds a parameter to an address.
func withQuery(address, name, value string) string {
	join := "?"
	if strings.Contains(address, "?") {
		join = "&"
	}
	return address + join + name + "=" + url.QueryEscape(value)
}
