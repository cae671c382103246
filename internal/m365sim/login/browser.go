package login

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// sessionCookie holds the browser's single sign-on.
const sessionCookie = "m365sim_session"

// A browser is who is signed in where.
type browser struct {
	Accounts []account `json:"accounts"`
	Used     time.Time `json:"used"`
}

// An account is somebody who is signed in.
type account struct {
	TenantID string   `json:"tenant"`
	PersonID string   `json:"person"`
	SID      string   `json:"sid"`
	Apps     []string `json:"apps,omitempty"` // client ids of those it was used for
}

// browser returns who is signed in at the caller's browser, and the id of that
// record; "" if there is none.
func (l *Login) browser(c *front.Call) (string, browser) {
	cookie, err := c.Cookie(sessionCookie)
	if err != nil {
		return "", browser{}
	}
	id := fingerprint(cookie.Value)
	b := l.browsers.Get(id)
	if c.Now.Sub(b.Used) > sessionLifetime {
		return "", browser{}
	}
	return id, b
}

// signIn adds somebody to those who are signed in at the browser. It returns the
// id of the browser's record, and a cookie to set unless the browser has one.
func (l *Login) signIn(c *front.Call, t *world.Tenant, p *world.Person) (who account, id, cookie string) {
	id, b := l.browser(c)
	if id == "" {
		value := newToken(32)
		id = fingerprint(value)
		cookie = l.cookie(value, 0)
	}
	who = account{TenantID: t.ID, PersonID: p.ID, SID: uuid.NewString()}
	accounts := slices.Clone(b.Accounts)
	if i := slices.IndexFunc(accounts, who.same); i >= 0 {
		who = accounts[i]
	} else {
		accounts = append(accounts, who)
	}
	l.browsers.Put(id, browser{accounts, c.Now})
	return who, id, cookie
}

func (a account) same(b account) bool { return a.TenantID == b.TenantID && a.PersonID == b.PersonID }

// use notes that an account was used for an app.
func (l *Login) use(now time.Time, id string, who account, a *world.App) {
	b := l.browsers.Get(id)
	accounts := slices.Clone(b.Accounts)
	if i := slices.IndexFunc(accounts, who.same); i >= 0 && !slices.Contains(accounts[i].Apps, a.ClientID) {
		accounts[i].Apps = append(slices.Clone(accounts[i].Apps), a.ClientID)
	}
	l.browsers.Put(id, browser{accounts, now})
}

// cookie sets the session's cookie, or removes it if maxAge is negative.
func (l *Login) cookie(value string, maxAge int) string {
	return (&http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(l.world.Base, "https:"),
	}).String()
}

// endSessions ends somebody's single sign-on in all browsers.
func (l *Login) endSessions(personID string) {
	for id, b := range l.browsers.All() {
		left := slices.DeleteFunc(slices.Clone(b.Accounts), func(a account) bool { return a.PersonID == personID })
		if len(left) < len(b.Accounts) {
			l.browsers.Put(id, browser{left, b.Used})
		}
	}
}

// loginHint is the opaque claim of that name.
func loginHint(p *world.Person) string {
	return "O." + base64.RawURLEncoding.EncodeToString([]byte("1:"+p.ID))
}
