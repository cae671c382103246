package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/store"
)

// callback is where Microsoft sends the browser back to. It answers with a page
// or a redirect, never with an error to the server around us, whose log would
// print the code.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request) {
	s := g.site
	if query := r.URL.Query(); query.Has("admin_consent") {
		w.Header().Set("Referrer-Policy", "no-referrer")
		s.consented(w, r, query)
		return
	}
	a, code, ok := s.returned(w, r, false)
	if !ok {
		return
	}
	got, ok := s.redeem(w, r, a, code)
	if !ok {
		return
	}
	p, connection, refused := s.admit(r.Context(), got)
	if refused != nil {
		s.turnAway(w, r, a, p, refused)
		return
	}
	if a.Recheck != "" {
		g.rechecked(w, r, a, got, p, connection)
		return
	}
	if err := g.signIn(w, r, got, p, connection); err != nil {
		s.ended(got.Name, NotKept)
		s.storeFailed(w, r, err)
		return
	}
	s.goBack(w, a)
}

var errMixedUp = errors.New("the answer names another issuer than the one that was asked")

// returned reads Microsoft's answer at one of the two callbacks: to which attempt
// it belongs, which is over with that, and the code. An attempt that was begun for
// the other callback is none. It has answered itself if ok is false.
func (s *Site) returned(w http.ResponseWriter, r *http.Request, forRoom bool) (a attempt, code string, ok bool) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	expired := s.expired
	if forRoom {
		expired = s.roomExpired
	}
	query := r.URL.Query()
	state, err := only(query, "state")
	if err != nil {
		expired(w, r, attempt{})
		return a, "", false
	}
	a, err = s.cookies.finish(w, r, s.Seal, state, s.Now())
	if err != nil || forRoom != (a.Room != "") {
		expired(w, r, attempt{})
		return a, "", false
	}
	i, ok := s.integration(a.Integration)
	if !ok {
		expired(w, r, a)
		return a, "", false
	}
	if query.Has("iss") { // RFC 9207: with several issuers, one could pass on another's code
		if iss, err := only(query, "iss"); err != nil || !i.Entra.Answers(r.Context(), iss) {
			s.failed(w, r, a, errMixedUp)
			return a, "", false
		}
	}
	if query.Has("error") {
		if _, err := only(query, "error"); err != nil {
			expired(w, r, a)
			return a, "", false
		}
		s.failed(w, r, a, entra.ParseCallbackError(query))
		return a, "", false
	}
	code, err = only(query, "code")
	if err != nil {
		expired(w, r, a)
		return a, "", false
	}
	return a, code, true
}

// arrived is who has come back from Microsoft, verified.
type arrived struct {
	Integration
	tokens entra.Tokens
	claims entra.Claims
}

// redeem makes a code into tokens and the claims of a verified ID token, and has
// the attempt serve once. It has answered itself if ok is false.
func (s *Site) redeem(w http.ResponseWriter, r *http.Request, a attempt, code string) (got arrived, ok bool) {
	i, ok := s.integration(a.Integration)
	if !ok {
		s.expired(w, r, a)
		return got, false
	}
	tokens, claims, err := i.Entra.Exchange(r.Context(), code, s.authRequest(a))
	if err != nil {
		s.failed(w, r, a, err)
		return got, false
	}
	if strings.Contains(claims.TenantID, ".") {
		// It would make ids that could be taken for those of another tenant.
		s.failed(w, r, a, fmt.Errorf("the issuer's tenant id %q has a dot in it", claims.TenantID))
		return got, false
	}
	if err := s.spend(r.Context(), a); err != nil {
		if errors.Is(err, store.ErrConflict) {
			s.expired(w, r, a)
			return got, false
		}
		if a.Room == "" {
			s.ended(i.Name, NotKept)
		}
		s.storeFailed(w, r, err)
		return got, false
	}
	return arrived{i, tokens, claims}, true
}

// failed answers where Microsoft has refused, or can't be believed.
func (s *Site) failed(w http.ResponseWriter, r *http.Request, a attempt, err error) {
	if a.Recheck != "" {
		s.recheckFailed(w, r, a, err)
		return
	}
	s.signInFailed(w, r, a, err)
}

// person is who has arrived, by their claims alone.
func (got arrived) person() identity.Person {
	tenant := got.claims.TenantID
	if tenant == "" {
		tenant = got.Name // an issuer without tenants: the integration stands for it
	}
	return got.Rules.Person(tenant, got.claims.Subject, got.claims.All)
}

// only returns the single value of a parameter; one that comes twice could be
// read differently by two readers.
func only(query url.Values, name string) (string, error) {
	if v := query[name]; len(v) == 1 && v[0] != "" {
		return v[0], nil
	}
	return "", errors.New("parameter " + name + " must be there once")
}

// spend makes an attempt's state work once. It is remembered only after its
// code has been exchanged, so that a stranger's guesses write nothing.
func (s *Site) spend(ctx context.Context, a attempt) error {
	sum := sha256.Sum256([]byte(a.State))
	_, err := s.Store.Commit(ctx, store.Write{
		Key: "spent-state/" + hex.EncodeToString(sum[:]), Expires: a.Expires.Add(time.Minute), If: store.If(store.Absent),
	})
	return err
}

const (
	// describeTimeout bounds what a sign-in waits for the calendar's owner.
	describeTimeout = 5 * time.Second
	// keepTimeout bounds what goes on without the browser.
	keepTimeout = 10 * time.Second
)

// lasting is for what is to be done even if the browser doesn't wait for it: who
// signs out and closes the window is signed out.
func lasting(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), keepTimeout)
}

// admit says who has arrived, and how their connection stands; or why they may not
// enter.
func (s *Site) admit(ctx context.Context, got arrived) (identity.Person, grant.State, *identity.Refusal) {
	p := got.person()
	if refused := got.Rules.Admit(got.claims.All); refused != nil {
		return p, "", refused
	}
	state := s.describe(ctx, got.Integration, got.tokens, &p)
	if got.tokens.Refresh == "" {
		s.Log.ErrorContext(ctx, "Microsoft gave no refresh token, so nothing can be booked later: is offline_access granted?", "integration", got.Name)
		state = grant.NeedsSignIn
	}
	return p, state, got.Rules.AdmitAddress(p.Mailbox)
}

// signIn makes a verified answer of Microsoft into a person, a grant and a session.
func (g *Gate) signIn(w http.ResponseWriter, r *http.Request, got arrived, p identity.Person, state grant.State) error {
	s, i, claims := g.site, got.Integration, got.claims
	s.warnOfOmittedGroups(i, claims)
	s.warnOfUselessCard(i, claims, p)
	// The code is spent: what it brought is kept even if the person has left.
	ctx, cancel := lasting(r)
	defer cancel()
	if err := s.keep(ctx, got, p, state); err != nil {
		return err
	}
	if err := s.warnOfSharedCard(ctx, p); err != nil {
		return err
	}
	// A new session id at every sign-in; what the browser had before is over.
	if old := s.cookies.sessionValue(r); old != "" {
		if before, err := s.Sessions.Lookup(ctx, old); err == nil {
			if err := s.Sessions.End(ctx, before); err != nil {
				return err
			}
		} else if !errors.Is(err, session.ErrNone) {
			return err
		}
	}
	cookie, started, err := s.Sessions.Start(ctx, session.Opening{
		Person: &p, Life: g.Life, LogoutHint: claims.LoginHint, SID: claims.SessionID, Browser: browserOf(r),
	})
	if err != nil {
		return err
	}
	// Whoever has a session is in the directory, also if they were erased in between.
	if _, err = s.People.Get(ctx, p.ID); errors.Is(err, people.ErrUnknown) {
		err = s.People.SignedIn(ctx, p)
	}
	if err != nil {
		return err
	}
	s.cookies.set(w, s.cookies.session, cookie, g.Life.Max)
	s.cookies.set(w, s.cookies.last, i.Name, lastLife)
	s.cookies.clear(w, s.cookies.out)
	s.cookies.clear(w, s.cookies.challenge)
	s.cookies.countRound(w, r, s.Now())
	// An admin's address is pinned now, not when its rights are first used.
	if _, err := g.admin(ctx, started); err != nil {
		s.Log.ErrorContext(ctx, "it could not be told whether somebody is an admin", "user", p.ID, "error", err)
	}
	s.Audit.InfoContext(ctx, "signed in", "user", p.ID, "integration", i.Name, "session", started.ID[:12], "connection", state)
	s.ended(i.Name, SignedIn)
	s.SignedIn(p.ID)
	return nil
}

// keep keeps who has arrived, and their grant if they still are in the directory then:
// of somebody who is erased right now nothing else would lead to it.
func (s *Site) keep(ctx context.Context, got arrived, p identity.Person, state grant.State) error {
	for {
		if err := s.People.SignedIn(ctx, p); err != nil {
			return err
		}
		stands, err := s.People.Stands(ctx, p.ID)
		if err == nil {
			err = s.Grants.Save(ctx, p.ID, got.Name, got.tokens, state, stands)
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, people.ErrUnknown) {
			return err
		}
	}
}

// describe asks the person's own calendar for their name and address, which an
// ID token of the three permissions doesn't hold, and says how the connection
// stands. An outage keeps what is known from an earlier sign-in.
func (s *Site) describe(ctx context.Context, i Integration, tokens entra.Tokens, p *identity.Person) grant.State {
	// What is known must not be lost with the person's patience, nor with Graph's.
	ctx = context.WithoutCancel(ctx)
	asking, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	owner, err := i.Graph.DefaultCalendarOwner(asking, mailboxOf(p.ID, tokens))
	switch {
	case err == nil:
		if name := identity.Clean(owner.Name); name != "" {
			p.Name = name
		}
		if address := identity.Address(owner.Address); address != "" {
			p.Email, p.Mailbox = address, address
		}
		return grant.Connected
	case graph.IsNotFound(err):
		return grant.NoMailbox
	}
	s.Log.WarnContext(ctx, "the calendar's owner could not be read; name and address come from what is known already",
		"user", p.ID, "integration", i.Name, "error", err)
	looking, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	if before, err := s.People.Get(looking, p.ID); err == nil {
		p.Mailbox = before.Mailbox
		if p.Name == "" {
			p.Name = before.Name
		}
		if p.Email == "" {
			p.Email = before.Email
		}
	}
	passing := graph.Transient(err) || errors.Is(err, context.DeadlineExceeded)
	p.Undescribed = passing && p.Mailbox == ""
	return grant.Connected
}

// expired answers an answer of Microsoft that belongs to no attempt of this
// browser: too late, used already, or not ours. Somebody who is signed in all
// the same (a second tab, the back button) just goes on.
func (s *Site) expired(w http.ResponseWriter, r *http.Request, a attempt) {
	if a.Room != "" {
		s.roomExpired(w, r, a)
		return
	}
	kind := pages.SignInExpired
	if r.URL.Query().Has("state") && !s.cookies.any(r) {
		kind = pages.NoCookies
	}
	s.superseded(w, r, a, kind)
}

// superseded is expired, with another explanation.
func (s *Site) superseded(w http.ResponseWriter, r *http.Request, a attempt, kind pages.Kind) {
	if a.Integration != "" { // else it is a stranger's, or too old to be known
		s.ended(a.Integration, Expired)
	}
	if _, err := s.Sessions.Lookup(r.Context(), s.cookies.sessionValue(r)); err == nil {
		s.goBack(w, a)
		return
	}
	again := s.loginURL(a.ReturnTo)
	if a.Integration != "" {
		again = a.startURL(url.Values{})
	}
	s.tellEnded(w, r, a.Integration, pages.Message{Kind: kind, Actions: []pages.Action{{Label: pages.ActionTryAgain, URL: again}}})
}

// tellEnded shows that a sign-in is over, and logs it: the callback is in no access log. Anybody
// can have it said, so it is no warning.
func (s *Site) tellEnded(w http.ResponseWriter, r *http.Request, integration string, m pages.Message) {
	m.Reference = newReference()
	s.Log.InfoContext(r.Context(), "sign-in failed", "integration", integration, "reference", m.Reference, "reason", m.Kind.String())
	s.pages.Message(w, r, m)
}

func (s *Site) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.ErrorContext(r.Context(), "a sign-in could not be kept", "error", err)
	s.pages.Message(w, r, pages.Message{
		Kind:    pages.StoreUnavailable,
		Actions: []pages.Action{{Label: pages.ActionTryAgain, URL: s.loginURL("/")}},
	})
}
