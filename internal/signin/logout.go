package signin

import (
	"errors"
	"net/http"

	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// logoutPage asks whether to sign out: a link or an image elsewhere must not do it.
func (s *Site) logoutPage(w http.ResponseWriter, r *http.Request) {
	current, ok := s.held(w, r)
	if !ok {
		return
	}
	if current == nil {
		http.Redirect(w, r, pathSignedOut, http.StatusSeeOther)
		return
	}
	page := pages.Logout{Name: current.Person.Name, Email: current.Person.Email, Action: pathLogout}
	page.FormAction = s.logoutOrigins(r, current)
	s.pages.Logout(w, r, page)
}

// logoutOrigins are those that a sign-out may lead to.
func (s *Site) logoutOrigins(r *http.Request, current *session.Session) []string {
	if end, err := s.endSession(r, current); err == nil {
		return []string{end}
	}
	return nil
}

// logout ends the session here first, then at Microsoft (OpenID Connect
// RP-Initiated Logout 1.0).
func (s *Site) logout(w http.ResponseWriter, r *http.Request) {
	if !s.sameOrigin(r) {
		s.refuse(w, r, pages.CrossSite, "forbidden", crossSite)
		return
	}
	current, ok := s.held(w, r)
	if !ok {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if current == nil {
		s.cookies.signedOut(w)
		http.Redirect(w, r, pathSignedOut, http.StatusSeeOther)
		return
	}
	ctx, cancel := lasting(r)
	defer cancel()
	// The record first: a browser without the cookie could not try again.
	if err := s.Sessions.End(ctx, current); err != nil {
		s.storeAway(w, r, err)
		return
	}
	s.Audit.InfoContext(ctx, "signed out", "user", current.Person.ID, "session", current.ID[:12])
	s.signedOutOf(w, r, current)
}

// signedOutOf takes the cookie of a session that has ended, and goes on to end the
// one at Microsoft.
func (s *Site) signedOutOf(w http.ResponseWriter, r *http.Request, current *session.Session) {
	s.cookies.signedOut(w)
	to, err := s.endSession(r, current)
	if err != nil {
		s.Log.WarnContext(r.Context(), "signed out here, but not at Microsoft", "error", err)
		to = pathSignedOut
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Site) endSession(r *http.Request, current *session.Session) (string, error) {
	i, ok := s.integration(current.Person.Integration)
	if !ok {
		return "", errors.New("integration " + current.Person.Integration + " is no longer configured")
	}
	return i.Entra.EndSessionURL(r.Context(), s.url(pathSignedOut), current.LogoutHint)
}

// signedOut is where a sign-out ends. Who is signed in all the same, in another tab
// say, is not told otherwise.
func (s *Site) signedOut(w http.ResponseWriter, r *http.Request) {
	current, ok := s.current(w, r)
	switch {
	case !ok:
		return
	case current != nil:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, pathAccount, http.StatusSeeOther)
		return
	}
	s.pages.Message(w, r, pages.Message{
		Kind:    pages.SignedOut,
		Actions: []pages.Action{{Label: pages.ActionSignIn, URL: pathLogin}},
	})
}

// current returns the session of a request to one of our own pages, nil if
// there is none. When the store can't be asked it answers and returns false.
func (s *Site) current(w http.ResponseWriter, r *http.Request) (*session.Session, bool) {
	current, ok := s.held(w, r)
	if current != nil && !s.knows(r.Context(), current.Person) {
		return nil, true
	}
	return current, ok
}

// held is current, but also the session of somebody whose tenant is not configured
// any more, or can't be told right now: it lets in nobody, but may be used again
// later, so it can be signed out of.
func (s *Site) held(w http.ResponseWriter, r *http.Request) (*session.Session, bool) {
	current, err := s.Sessions.Lookup(r.Context(), s.cookies.sessionValue(r))
	switch {
	case errors.Is(err, session.ErrNone):
		return nil, true
	case err != nil:
		s.storeAway(w, r, err)
		return nil, false
	}
	return current, true
}
