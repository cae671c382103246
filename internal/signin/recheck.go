package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/store"
)

// recheckEvery is how often a session whose grant is dead is checked at most.
const recheckEvery = time.Hour

// dead says whether somebody's grant has died.
func dead(state string) bool { return state == string(grant.NeedsSignIn) }

// recheck asks Microsoft without a word (prompt=none) about somebody whose grant
// has died, when they go to a page: most get a new grant and notice nothing. So it
// does about somebody whose name and address could not be read at the sign-in. It
// reports whether it has answered.
func (s *Site) recheck(w http.ResponseWriter, r *http.Request, current *session.Session, state, back string) bool {
	// A page that is fetched ahead ("prefetch", "prefetch;prerender") can't go to
	// another site, and nobody looks at it yet.
	ahead := r.Header.Get("Sec-Purpose") != ""
	lost := back != "/" && returnTo(back) == "/" // nobody could be led back there: it is too long, say
	nameless := current.Person.Undescribed && state == string(grant.Connected)
	if !dead(state) && !nameless || r.Method != http.MethodGet || !navigation(r) || ahead || lost ||
		s.cookies.value(r, s.cookies.checked) == current.ID[:12] {
		return false
	}
	i, ok := s.integration(current.Person.Integration)
	if !ok {
		return false
	}
	a := s.newAttempt(i, back)
	a.Recheck = current.ID
	// The browser remembers it, lest another gateway lead it away again at once.
	s.cookies.set(w, s.cookies.checked, current.ID[:12], recheckEvery)
	asked := entra.AuthRequest{Prompt: "none", LoginHint: current.LogoutHint, Claims: s.challenge(r.Context(), current.Person.ID)}
	err := s.toMicrosoft(w, r, i, a, asked)
	if err != nil { // then the page, as if nothing were the matter
		s.Log.WarnContext(r.Context(), "a dead grant could not be checked", "user", current.Person.ID, "error", err)
		return false
	}
	return true
}

// rechecked goes on after a check that has brought tokens. They have to be of the
// person whose session it is: in the browser somebody else may be signed in with
// Microsoft by now. The session stays what it is, unless it gets a name.
func (g *Gate) rechecked(w http.ResponseWriter, r *http.Request, a attempt, got arrived, p identity.Person, state grant.State) {
	s := g.site
	current, ok := s.recheckedSession(w, r, a)
	if !ok {
		return
	}
	if p.ID != current.Person.ID {
		s.endForAnother(w, r, a, current, p)
		return
	}
	// As with a sign-in, what the code has brought is kept.
	ctx, cancel := lasting(r)
	defer cancel()
	switch err := s.saveRechecked(ctx, current, got.Integration, got.tokens, state); {
	case errors.Is(err, session.ErrNone): // they have disconnected meanwhile, or signed out
		s.goBack(w, a)
		return
	case err != nil:
		s.storeFailed(w, r, err)
		return
	}
	if current.Person.Undescribed && !p.Undescribed { // another session, which knows
		if err := g.signIn(w, r, got, p, state); err != nil {
			s.storeFailed(w, r, err)
			return
		}
		s.goBack(w, a)
		return
	}
	s.Audit.InfoContext(ctx, "connected again", "user", p.ID, "integration", got.Name, "connection", state)
	s.ended(got.Name, ConnectedAgain)
	s.SignedIn(p.ID)
	s.goBack(w, a)
}

// saveRechecked keeps the grant that a check has brought, if the session still lives
// in the moment in which it is kept.
func (s *Site) saveRechecked(ctx context.Context, current *session.Session, i Integration, tokens entra.Tokens, state grant.State) error {
	for {
		lives, err := s.Sessions.Lives(ctx, current)
		if err != nil {
			return err
		}
		err = s.Grants.Save(ctx, current.Person.ID, i.Name, tokens, state, lives)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// recheckFailed goes on after a check that Microsoft has refused: who has to sign
// in there has to sign in here, too, since the account may have been closed, or
// taken from whoever uses this browser. Where nobody is at fault, the page it was.
func (s *Site) recheckFailed(w http.ResponseWriter, r *http.Request, a attempt, cause error) {
	current, ok := s.recheckedSession(w, r, a)
	if !ok {
		return
	}
	var refused *entra.Error
	ends := errors.As(cause, &refused) && (refused.Class == entra.Person || refused.Class == entra.Dead)
	// A code that was used before says nothing of the person: the answer was sent twice.
	if ends && sortRefusal(refused) != pages.AlreadyUsed && dead(s.connection(r.Context(), current)) {
		s.carryOver(w, r, current)
		s.endRechecked(w, r, a, current)
		return
	}
	s.Log.WarnContext(r.Context(), "a dead grant could not be checked", "user", current.Person.ID, "error", cause)
	s.goBack(w, a)
}

// recheckedSession returns the session that a check was made for, if it is still
// this browser's; else there is nothing to do but to go on.
func (s *Site) recheckedSession(w http.ResponseWriter, r *http.Request, a attempt) (*session.Session, bool) {
	current, ok := s.current(w, r)
	switch {
	case !ok:
		return nil, false
	case current == nil || current.ID != a.Recheck:
		s.goBack(w, a)
		return nil, false
	}
	return current, true
}

// endForAnother ends a session that was checked in a browser in which somebody else
// is signed in with Microsoft, unless only a name was asked for.
func (s *Site) endForAnother(w http.ResponseWriter, r *http.Request, a attempt, current *session.Session, other identity.Person) {
	if !dead(s.connection(r.Context(), current)) {
		s.goBack(w, a)
		return
	}
	s.Audit.WarnContext(r.Context(), "the browser is signed in with Microsoft as somebody else", "user", current.Person.ID, "other", other.ID)
	s.endRechecked(w, r, a, current)
}

func (s *Site) endRechecked(w http.ResponseWriter, r *http.Request, a attempt, current *session.Session) {
	ctx, cancel := lasting(r)
	defer cancel()
	if err := s.Sessions.End(ctx, current); err != nil {
		s.cookies.clear(w, s.cookies.checked)
		s.storeFailed(w, r, err)
		return
	}
	s.cookies.clear(w, s.cookies.session)
	s.Audit.InfoContext(ctx, "signed out, as Microsoft wants a new sign-in", "user", current.Person.ID, "session", current.ID[:12])
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, pathLogin+"?"+url.Values{"return_to": {returnTo(a.ReturnTo)}, paramWhy: {whyEnded}}.Encode(), http.StatusSeeOther)
}

// goBack leads to where a sign-in was to lead.
func (s *Site) goBack(w http.ResponseWriter, a attempt) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", returnTo(a.ReturnTo)) // http.Redirect would make one slash of two
	w.WriteHeader(http.StatusSeeOther)
}
