package signin

import (
	"errors"
	"net/http"

	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// Paths of the account page and of its forms.
const (
	pathAccount    = "/.ones/account"
	pathEnd        = "/.ones/account/end"
	pathEndAll     = "/.ones/account/end-all"
	pathDisconnect = "/.ones/account/disconnect"
)

// maxForm bounds what a form may send, in bytes.
const maxForm = 4 << 10

// signedIn returns the session of a request to a page that needs one. Without it,
// and to a form that was sent from another site, or shown to somebody else, it answers and
// returns nil.
func (s *Site) signedIn(w http.ResponseWriter, r *http.Request) *session.Session {
	current, ok := s.current(w, r)
	if !ok {
		return nil
	}
	w.Header().Set("Cache-Control", "no-store")
	login := s.loginURL("/") // a form can't be gone back to
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if read {
		login = s.loginURL(r.URL.RequestURI())
	}
	switch {
	case current == nil && !navigation(r):
		problem(w, http.StatusUnauthorized, "sign_in_required", "Sign in first.", s.url(login))
	case current == nil && read:
		http.Redirect(w, r, login, http.StatusSeeOther)
	case current == nil:
		s.refuse(w, r, pages.SignInRequired, "sign_in_required", "Sign in first.")
	case !s.sameOrigin(r):
		s.Audit.WarnContext(r.Context(), "cross-site request refused", "user", current.Person.ID, "method", r.Method, "path", r.URL.Path)
		s.refuse(w, r, pages.CrossSite, "forbidden", crossSite)
	default:
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if whose := r.PostFormValue("person"); whose != "" && whose != current.Person.ID {
				// Somebody else has signed in since, in another tab, who was not asked.
				http.Redirect(w, r, pathAccount, http.StatusSeeOther)
				return nil
			}
		}
		return current
	}
	return nil
}

// account shows somebody how they stand, and where they are signed in.
func (g *Gate) account(w http.ResponseWriter, r *http.Request) {
	s := g.site
	current := s.signedIn(w, r)
	if current == nil {
		return
	}
	found, err := s.Sessions.Of(r.Context(), current.Person.ID)
	if err != nil {
		s.storeAway(w, r, err)
		return
	}
	p := current.Person
	page := pages.Account{
		Person: p.ID, Name: p.Name, Email: p.Email, Integration: p.Integration,
		Connection: pages.Connection(s.connection(r.Context(), current)),
		SignInURL:  withReturn(pathLogin+"/"+p.Integration, pathAccount),
		EndAction:  pathEnd, EndAllAction: pathEndAll, DisconnectURL: pathDisconnect, LogoutAction: pathLogout,
		FormAction: s.logoutOrigins(r, current), Zone: s.zoneOf(p.Integration),
	}
	if i, ok := s.integration(p.Integration); ok && s.consentURL(i) != "" {
		page.ConsentURL = pathConsent + i.Name
	}
	for _, other := range found {
		page.Sessions = append(page.Sessions, pages.AccountSession{
			ID: other.ID, Browser: other.Browser, Started: other.Created, Used: other.Used(), Current: other.ID == current.ID,
		})
	}
	if page.Admin, err = g.admin(r.Context(), current); err == nil && page.Admin {
		page.Rooms, err = s.accountRooms(r.Context())
	}
	if err != nil {
		s.storeAway(w, r, err)
		return
	}
	s.pages.Account(w, r, page)
}

// endOne ends one of somebody's own sessions.
func (s *Site) endOne(w http.ResponseWriter, r *http.Request) {
	current := s.signedIn(w, r)
	if current == nil {
		return
	}
	ctx, cancel := lasting(r)
	defer cancel()
	other, err := s.Sessions.ByID(ctx, r.PostFormValue("session"))
	switch {
	case errors.Is(err, session.ErrNone), err == nil && other.Person.ID != current.Person.ID:
		// It is over, or somebody else's: there is nothing to end, and nothing to tell.
	case err != nil:
		s.storeAway(w, r, err)
		return
	default:
		if err := s.Sessions.End(ctx, other); err != nil {
			s.storeAway(w, r, err)
			return
		}
		s.Audit.InfoContext(ctx, "signed out elsewhere", "user", current.Person.ID, "session", other.ID[:12])
		if other.ID == current.ID {
			s.signedOutOf(w, r, current)
			return
		}
	}
	http.Redirect(w, r, pathAccount, http.StatusSeeOther)
}

// endAll ends somebody's other sessions, or all of them.
func (s *Site) endAll(w http.ResponseWriter, r *http.Request) {
	current := s.signedIn(w, r)
	if current == nil {
		return
	}
	but := current
	if r.PostFormValue("which") == "all" {
		but = nil
	}
	ctx, cancel := lasting(r)
	defer cancel()
	n, err := s.Sessions.EndAll(ctx, current.Person.ID, but)
	if n > 0 {
		s.Audit.InfoContext(ctx, "signed out of several browsers", "user", current.Person.ID, "sessions", n, "all", but == nil)
	}
	switch {
	case err != nil:
		s.storeAway(w, r, err)
	case but == nil:
		s.signedOutOf(w, r, current)
	default:
		http.Redirect(w, r, pathAccount, http.StatusSeeOther)
	}
}

// disconnectPage asks before it gives up somebody's connection.
func (s *Site) disconnectPage(w http.ResponseWriter, r *http.Request) {
	current := s.signedIn(w, r)
	if current == nil {
		return
	}
	s.pages.Disconnect(w, r, pages.Disconnect{
		Person: current.Person.ID, Name: current.Person.Name, Email: current.Person.Email, Action: pathDisconnect, BackURL: pathAccount,
		FormAction: s.logoutOrigins(r, current),
	})
}

// disconnect sees somebody off who wants it so.
func (s *Site) disconnect(w http.ResponseWriter, r *http.Request) {
	current := s.signedIn(w, r)
	if current == nil {
		return
	}
	ctx, cancel := lasting(r)
	defer cancel()
	if err := s.Disconnect(ctx, current.Person.ID); err != nil {
		s.storeAway(w, r, err)
		return
	}
	s.signedOutOf(w, r, current)
}
