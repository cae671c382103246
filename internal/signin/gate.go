package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/trail"
)

// GateConfig says how one gate treats who comes.
type GateConfig struct {
	// Optional lets people without a session through as anonymous; otherwise
	// they have to sign in.
	Optional bool
	// AutoSignIn sends people straight to Microsoft, without the login page, where
	// there is only one integration; but not right after a sign-out.
	AutoSignIn bool
	// Public paths are always anonymous.
	Public Public
	// Admins may connect the accounts of rooms.
	Admins Admins
	// Life of the sessions that begin at this gate.
	Life session.Life
	// Signer makes the identity headers.
	Signer *identity.Signer
}

// A Gate is what every request to ONES passes. It may be used concurrently.
type Gate struct {
	GateConfig
	site *Site
	mux  *http.ServeMux
}

// Next is what stands behind the gate.
type Next func(http.ResponseWriter, *http.Request) error

// Serve answers a request itself or hands it on, with the identity headers of
// whoever is signed in, and of nobody else. original is the URL as the client
// sent it, before any rewriting.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, original *url.URL, next Next) error {
	if actAs := identity.Strip(r.Header); len(actAs) > 0 {
		r = r.WithContext(identity.WithActAs(r.Context(), actAs))
	}
	if strings.HasPrefix(original.Path, pathPrefix) {
		g.mux.ServeHTTP(w, trail.Follow(w, withURL(r, original)))
		return nil
	}
	cookie := g.site.cookies.sessionValue(r)
	public := g.Public.Match(r.URL)
	if public != g.Public.Match(original) {
		// A rewrite leads from one side of the gate to the other.
		problem(w, http.StatusForbidden, "forbidden", "The address is public under one name and protected under another.", "")
		return nil
	}
	if public {
		return next(w, g.forward(r, r.Context()))
	}
	if cookie == "" {
		return g.anonymous(w, r, original, next)
	}
	s, err := g.site.Sessions.Lookup(r.Context(), cookie)
	switch {
	case errors.Is(err, session.ErrNone):
		return g.anonymous(w, r, original, next)
	case err == nil && !g.site.knows(r.Context(), s.Person):
		return g.anonymous(w, r, original, next) // their tenant is no longer configured
	case err != nil:
		g.site.storeAway(w, r, err)
		return nil
	case !g.site.sameOrigin(r):
		g.site.Audit.WarnContext(r.Context(), "cross-site request refused", "user", s.Person.ID, "method", r.Method, "path", r.URL.Path)
		g.site.refuse(w, r, pages.CrossSite, "forbidden", crossSite)
		return nil
	}
	connection := g.site.connection(r.Context(), s)
	if g.site.recheck(w, r, s, connection, original.RequestURI()) {
		return nil
	}
	headers, err := g.headers(s, connection)
	if err != nil {
		g.site.Log.ErrorContext(r.Context(), "identity headers could not be made", "user", s.Person.ID, "error", err)
		problem(w, http.StatusInternalServerError, "internal", "The identity headers could not be made.", "")
		return nil
	}
	headers.Set(r.Header)
	ctx := identity.NewContext(r.Context(), s.Person)
	// A WebSocket, a stream of events, a long download end with the session.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer g.site.Sessions.Attach(s, cancel).Detach()
	return next(w, g.forward(r, ctx))
}

// forward is r as it goes on to ONES: without our cookies, and without trailers,
// which the proxy passes on and some servers take for headers (RFC 9110, section 6.5.1). They come
// after the body, when nobody could strip them any more.
func (g *Gate) forward(r *http.Request, ctx context.Context) *http.Request {
	g.site.cookies.hide(r.Header)
	c := r.WithContext(ctx)
	c.Trailer = nil
	delete(c.Header, "Trailer")
	return c
}

// anonymous treats a request without a session.
func (g *Gate) anonymous(w http.ResponseWriter, r *http.Request, original *url.URL, next Next) error {
	if g.Optional {
		return next(w, g.forward(r, r.Context()))
	}
	login := g.site.loginURL(original.RequestURI())
	switch {
	case !navigation(r):
		problem(w, http.StatusUnauthorized, "sign_in_required", "Sign in first.", g.site.url(login))
	case g.AutoSignIn && len(g.site.Integrations) == 1 && r.Method == http.MethodGet && g.site.cookies.value(r, g.site.cookies.out) == "":
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, withReturn(pathLogin+"/"+g.site.Integrations[0].Name, original.RequestURI()), http.StatusSeeOther)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, login, http.StatusSeeOther)
	default:
		// Sent again by GET after the sign-in, a form would lose what was typed.
		g.site.pages.Message(w, r, pages.Message{
			Kind: pages.SignInRequired, Actions: []pages.Action{{Label: pages.ActionSignIn, URL: g.site.loginURL("/")}},
		})
	}
	return nil
}

// connection is how the grant of a session's person stands.
func (s *Site) connection(ctx context.Context, current *session.Session) string {
	c, err := s.Grants.Connection(ctx, current.Person.ID)
	if err != nil {
		return string(grant.Unavailable)
	}
	return string(c.State())
}

// headers returns the identity headers of a session, signed anew when they get
// old or the person's connection has changed.
func (g *Gate) headers(s *session.Session, connection string) (identity.Headers, error) {
	// Without the monotonic clock, which stands while a virtual machine is suspended.
	now := g.site.Now().Round(0)
	if h := s.Headers.Load(); h != nil && h.By == g.Signer && h.Connection == connection && !now.Before(h.From) && now.Before(h.Until) {
		return h.Headers, nil
	}
	hs, err := g.Signer.Headers(s.Person, connection, now)
	if err != nil {
		return nil, err
	}
	s.Headers.Store(&session.Headers{Headers: hs, By: g.Signer, Connection: connection, From: now, Until: now.Add(identity.AssertionLife / 2)})
	return hs, nil
}

// sameOrigin says whether a request that changes something, or opens a
// WebSocket, comes from our own pages: by its Origin, or by Sec-Fetch-Site
// (Fetch Metadata) where a page's referrer policy makes the Origin "null". A
// request that tells neither is refused; others are fine.
func (s *Site) sameOrigin(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		if r.Header.Get("Upgrade") == "" {
			return true
		}
	}
	if origin, told := r.Header["Origin"]; told && !slices.Equal(origin, []string{"null"}) {
		return len(origin) == 1 && strings.EqualFold(origin[0], s.url(""))
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// navigation says whether somebody goes to a page, so that a page can answer,
// or a program asks, which needs to be told by status.
func navigation(r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" || r.Header.Get("X-Requested-With") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		dest := r.Header.Get("Sec-Fetch-Dest")
		return mode == "navigate" && (dest == "document" || dest == "")
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// withURL returns r as it was before a rewrite of its URL.
func withURL(r *http.Request, original *url.URL) *http.Request {
	if r.URL == original {
		return r
	}
	c := *r
	c.URL = original
	return &c
}
