package signin

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/time/rate"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/store"
)

// Config is all that a site stands on.
type Config struct {
	// PublicURL is where browsers reach us; redirect URIs and cookies come from
	// it, never from a Host header.
	PublicURL    *url.URL
	Integrations []Integration
	Rooms        []Room

	Store    store.Store
	Seal     *seal.Keyset
	Sessions *session.Registry
	People   *people.Directory
	Grants   *grant.Keeper
	// RoomAccounts are what rooms are connected with.
	RoomAccounts *rooms.Accounts
	// SignedIn is called after somebody has signed in, or an account for a room; what
	// waited for their grant goes on.
	SignedIn func(owner string)
	// Disconnect forgets somebody's grant and ends all their sessions, durably.
	Disconnect func(ctx context.Context, personID string) error
	// Insight is what admins are shown.
	Insight Insight
	// Theme is the look of the pages.
	Theme pages.Theme
	// Ready says why requests can't be served now; nil: they can.
	Ready func() error

	// Observe, if not nil, is told how sign-ins of people have ended. It must not wait, and
	// may be called concurrently.
	Observe func(integration string, o Outcome)

	// Log is for the operator, Audit for who did what.
	Log, Audit *slog.Logger
	Now        func() time.Time
}

// An Integration is one tenant's app registration and how its people are made.
type Integration struct {
	Name  string
	Label string // of the login button; "": the usual words, in the language of who reads them
	Entra *entra.Client
	Graph *graph.Client
	Rules identity.Rules
}

// A Site serves everything under /.ones/ for one public URL. It may be used
// concurrently.
type Site struct {
	Config
	cookies      cookies
	pages        *pages.Renderer
	frontchannel *rate.Limiter
	// groupsOmitted are the integrations whose operator was told of people whose
	// token can't hold their groups.
	groupsOmitted sync.Map
}

// Front-channel sign-outs look into the store for anybody who calls: so many of
// them a second, so many at once. A browser sends one.
const (
	frontchannelRate  = 100
	frontchannelBurst = 200
)

// New returns a site. It does no I/O.
func New(cfg Config) *Site {
	return &Site{
		Config: cfg, cookies: newCookies(cfg.PublicURL), pages: pages.NewRenderer(cfg.Theme),
		frontchannel: rate.NewLimiter(frontchannelRate, frontchannelBurst),
	}
}

// CheckPublicURL says what is wrong with a public URL; nil: nothing.
func CheckPublicURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return fmt.Errorf("public URL %q must look like https://ones.example.com", u)
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80":
		return fmt.Errorf("public URL %q must leave out the usual port %s: browsers don't name it either", u, u.Port())
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return fmt.Errorf("public URL %q must have its host as browsers send it, in ASCII: xn--…", u)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.User != nil:
		return fmt.Errorf("public URL %q must have no path, query or user: only https://HOST", u)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("public URL %q must be https: session cookies would cross the network readable; http is for localhost only", u)
	}
	return nil
}

func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// url returns the absolute URL of one of our paths.
func (s *Site) url(path string) string {
	return s.PublicURL.Scheme + "://" + s.PublicURL.Host + path
}

// knows says whether somebody who has signed in earlier still comes from a
// tenant that is configured.
func (s *Site) knows(ctx context.Context, p *identity.Person) bool {
	i, ok := s.integration(p.Integration)
	return ok && i.Entra.KnowsTenant(ctx, p.TenantID)
}

func (s *Site) integration(name string) (Integration, bool) {
	for _, i := range s.Integrations {
		if i.Name == name {
			return i, true
		}
	}
	return Integration{}, false
}
