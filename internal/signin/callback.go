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
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/store"
)

// callback is where Microsoft sends the browser back to. It answers with a page
// or a redirect, never with an error to the server around us, whose log would
// print the code.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request) {
	s := g.site
	w.Header().Set("Referrer-Policy", "no-referrer")
	query := r.URL.Query()
	if query.Has("admin_consent") {
		s.consented(w, r, query)
		return
	}
	state, err := only(query, "state")
	if err != nil {
		s.expired(w, r, attempt{})
		return
	}
	a, err := s.cookies.finish(w, r, s.Seal, state, s.Now())
	if err != nil {
		s.expired(w, r, attempt{})
		return
	}
	i, ok := s.integration(a.Integration)
	if !ok {
		s.expired(w, r, a)
		return
	}
	failed := s.signInFailed
	if a.Recheck != "" {
		failed = s.recheckFailed
	}
	if query.Has("iss") { // RFC 9207: with several issuers, one could pass on another's code
		if iss, err := only(query, "iss"); err != nil || !i.Entra.Answers(r.Context(), iss) {
			failed(w, r, a, errMixedUp)
			return
		}
	}
	if query.Has("error") {
		if _, err := only(query, "error"); err != nil {
			s.expired(w, r, a)
			return
		}
		failed(w, r, a, entra.ParseCallbackError(query))
		return
	}
	code, err := only(query, "code")
	if err != nil {
		s.expired(w, r, a)
		return
	}
	tokens, claims, err := i.Entra.Exchange(r.Context(), code, s.authRequest(a))
	if err != nil {
		failed(w, r, a, err)
		return
	}
	if strings.Contains(claims.TenantID, ".") {
		// It would make ids that could be taken for those of another tenant.
		failed(w, r, a, fmt.Errorf("the issuer's tenant id %q has a dot in it", claims.TenantID))
		return
	}
	if err := s.spend(r.Context(), a); err != nil {
		if errors.Is(err, store.ErrConflict) {
			s.expired(w, r, a)
			return
		}
		s.storeFailed(w, r, err)
		return
	}
	p, connection := s.person(r.Context(), i, tokens, claims)
	if a.Recheck != "" {
		s.rechecked(w, r, i, a, tokens, p, connection)
		return
	}
	if err := g.signIn(w, r, i, tokens, claims, p, connection); err != nil {
		s.storeFailed(w, r, err)
		return
	}
	s.goBack(w, r, a)
}

var errMixedUp = errors.New("the answer names another issuer than the one that was asked")

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
	// keepTimeout bounds the writes of a sign-in.
	keepTimeout = 10 * time.Second
)

// person says who has signed in, and how their connection stands.
func (s *Site) person(ctx context.Context, i Integration, tokens entra.Tokens, claims entra.Claims) (identity.Person, grant.State) {
	tenant := claims.TenantID
	if tenant == "" {
		tenant = i.Name // an issuer without tenants: the integration stands for it
	}
	p := i.Rules.Person(tenant, claims.Subject, claims.All)
	return p, s.describe(ctx, i, tokens, &p)
}

// signIn makes a verified answer of Microsoft into a person, a grant and a session.
func (g *Gate) signIn(w http.ResponseWriter, r *http.Request, i Integration, tokens entra.Tokens, claims entra.Claims, p identity.Person, state grant.State) error {
	s := g.site
	// The code is spent: what it brought is kept even if the person has left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), keepTimeout)
	defer cancel()
	if err := s.People.SignedIn(ctx, p); err != nil {
		return err
	}
	if err := s.Grants.Save(ctx, p.ID, i.Name, tokens, state); err != nil {
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
	s.cookies.set(w, s.cookies.session, cookie, g.Life.Max)
	s.cookies.set(w, s.cookies.last, i.Name, lastLife)
	s.cookies.clear(w, s.cookies.out)
	s.cookies.countRound(w, r, s.Now())
	// An admin's address is pinned now, not when its rights are first used.
	if _, err := g.admin(ctx, started); err != nil {
		s.Log.Error("it could not be told whether somebody is an admin", "user", p.ID, "error", err)
	}
	s.Audit.Info("signed in", "user", p.ID, "integration", i.Name, "session", started.ID[:12], "connection", state)
	s.SignedIn(p.ID)
	return nil
}

// describe asks the person's own calendar for their name and address, which an
// ID token of the three permissions doesn't hold, and says how the connection
// stands. An outage keeps what is known from an earlier sign-in.
func (s *Site) describe(ctx context.Context, i Integration, tokens entra.Tokens, p *identity.Person) grant.State {
	if tokens.Refresh == "" {
		s.Log.Error("Microsoft gave no refresh token, so nothing can be booked later: is offline_access granted?", "integration", i.Name)
		return grant.NeedsSignIn
	}
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	owner, err := i.Graph.DefaultCalendarOwner(ctx, graph.Mailbox{
		Key:   p.ID,
		Token: func(context.Context, string) (string, error) { return tokens.Access, nil },
	})
	switch {
	case err == nil:
		if name := identity.Clean(owner.Name); name != "" {
			p.Name = name
		}
		if address := identity.Clean(owner.Address); address != "" {
			p.Email, p.Mailbox = address, address
		}
		return grant.Connected
	case graph.IsNotFound(err):
		return grant.NoMailbox
	}
	s.Log.Warn("the calendar's owner could not be read; name and address come from what is known already",
		"user", p.ID, "integration", i.Name, "error", err)
	if before, err := s.People.Get(ctx, p.ID); err == nil {
		p.Mailbox = before.Mailbox
		if p.Name == "" {
			p.Name = before.Name
		}
		if p.Email == "" {
			p.Email = before.Email
		}
	}
	return grant.Connected
}

// expired answers an answer of Microsoft that belongs to no attempt of this
// browser: too late, used already, or not ours. Somebody who is signed in all
// the same (a second tab, the back button) just goes on.
func (s *Site) expired(w http.ResponseWriter, r *http.Request, a attempt) {
	kind := pages.SignInExpired
	if !s.cookies.any(r) {
		kind = pages.NoCookies
	}
	s.superseded(w, r, a, kind)
}

// superseded is expired, with another explanation.
func (s *Site) superseded(w http.ResponseWriter, r *http.Request, a attempt, kind pages.Kind) {
	if _, err := s.Sessions.Lookup(r.Context(), s.cookies.sessionValue(r)); err == nil {
		s.goBack(w, r, a)
		return
	}
	again := s.loginURL(a.ReturnTo)
	if a.Integration != "" {
		again = a.startURL(url.Values{})
	}
	s.pages.Message(w, r, pages.Message{Kind: kind, Actions: []pages.Action{{Label: pages.ActionTryAgain, URL: again}}})
}

func (s *Site) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Error("a sign-in could not be kept", "error", err)
	s.pages.Message(w, r, pages.Message{
		Kind:    pages.StoreUnavailable,
		Actions: []pages.Action{{Label: pages.ActionTryAgain, URL: s.loginURL("/")}},
	})
}
