package signin

import (
	"net/http"
	"net/url"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// turnAway tells somebody whom Microsoft has signed in why they may not enter.
// Nothing new is kept of them, and the sessions that they still had are over.
func (s *Site) turnAway(w http.ResponseWriter, r *http.Request, a attempt, p identity.Person, why *identity.Refusal) {
	reference := newReference()
	s.Audit.WarnContext(r.Context(), "sign-in refused", "user", p.ID, "integration", a.Integration, "reason", why.Reason, "why", why, "reference", reference)
	s.ended(a.Integration, NotAllowed)
	current, ok := s.current(w, r)
	if !ok {
		return
	}
	ctx, cancel := lasting(r)
	defer cancel()
	ended, err := s.Sessions.EndAll(ctx, p.ID, nil)
	if err != nil {
		if current != nil {
			s.cookies.clear(w, s.cookies.checked)
		}
		s.storeFailed(w, r, err)
		return
	}
	if ended > 0 {
		s.Audit.InfoContext(ctx, "signed out everywhere, as they may not enter any more", "user", p.ID, "sessions", ended)
	}
	switch {
	case current == nil:
	case current.Person.ID == p.ID:
		s.cookies.clear(w, s.cookies.session)
	case current.ID == a.Recheck:
		s.endForAnother(w, r, a, current, p)
		return
	}
	s.pages.Message(w, r, pages.Message{
		Kind:   refusalPage(why.Reason),
		Detail: string(why.Reason), Reference: reference, Time: s.Now(),
		Actions: []pages.Action{{Label: pages.ActionOtherAccount, URL: a.startURL(url.Values{paramPrompt: {promptSelect}})}},
	})
}

// refusalPage says which page explains why somebody may not enter.
func refusalPage(r identity.Reason) pages.Kind {
	switch r {
	case identity.Guest:
		return pages.GuestNotAllowed
	case identity.GroupsNotTold:
		return pages.GroupsNotTold
	}
	return pages.NotAllowed
}

// warnOfOmittedGroups tells the operator, once for each integration, that the
// ONES groups of somebody are not complete.
func (s *Site) warnOfOmittedGroups(i Integration, claims entra.Claims) {
	if !i.Rules.MapsGroups() || !identity.GroupsOmitted(claims.All) {
		return
	}
	if _, told := s.groupsOmitted.LoadOrStore(i.Name, true); !told {
		s.Log.Warn("somebody is in more groups than an ID token can hold, so none of them is mapped to a group of ONES, for them and for others like them: in Azure, have only groups assigned to the application emitted, or map app roles",
			"integration", i.Name)
	}
}
