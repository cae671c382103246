package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/page"
	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Login is the identity platform of all clouds. Its methods may not be used
// concurrently.
type Login struct {
	world     *world.World
	log       *slog.Logger
	mux       front.Mux
	crossSite http.CrossOriginProtection
	salt      []byte    // of the pairwise subjects
	swept     time.Time // when what has expired was last dropped

	browsers  *table.Table[browser]  // by the cookie's fingerprint
	codes     *table.Table[code]     // by fingerprint
	refresh   *table.Table[grant]    // by fingerprint
	access    *table.Table[grant]    // by fingerprint
	standings *table.Table[standing] // by object id
	consents  *table.Table[Consent]
	secrets   *table.Table[[]secret] // by client id, of apps whose secrets were replaced
	keys      *table.Table[key]      // by key id
}

// New returns the identity platform of a world, with what the file has of its
// state.
func New(w *world.World, f *table.File, log *slog.Logger) (*Login, error) {
	var errs []error
	l := &Login{
		world: w, log: log,
		browsers:  open[browser](f, "login_browsers", &errs),
		codes:     open[code](f, "login_codes", &errs),
		refresh:   open[grant](f, "login_refresh_tokens", &errs),
		access:    open[grant](f, "login_access_tokens", &errs),
		standings: open[standing](f, "login_standings", &errs),
		consents:  open[Consent](f, "login_consents", &errs),
		secrets:   open[[]secret](f, "login_secrets", &errs),
		keys:      open[key](f, "login_keys", &errs),
	}
	salts := open[[]byte](f, "login_salt", &errs)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if !salts.Has("salt") {
		salts.Put("salt", []byte(rand.Text()))
	}
	l.salt = salts.Get("salt")
	l.routes()
	return l, nil
}

func open[T any](f *table.File, name string, errs *[]error) *table.Table[T] {
	t, err := table.New[T](f, name)
	if err != nil {
		*errs = append(*errs, err)
	}
	return t
}

// A version of the protocol. Its endpoints make ID tokens of that version,
// whatever the app's registration says.
type version int

const (
	v1 version = 1
	v2 version = 2
)

// segment is what stands in the endpoints' paths.
func (v version) segment() string {
	if v == v2 {
		return "/v2.0"
	}
	return ""
}

func (l *Login) routes() {
	for _, v := range []version{v1, v2} {
		at := v.segment()
		l.mux.Handle("GET /{tenant}"+at+"/.well-known/openid-configuration", l.discovery(v))
		l.mux.Handle("GET /{tenant}/discovery"+at+"/keys", l.jwks(v))
		l.mux.Handle("GET /{tenant}/oauth2"+at+"/authorize", l.serveAuthorize(v))
		l.mux.Handle("POST /{tenant}/oauth2"+at+"/authorize", l.serveAuthorize(v))
		l.mux.Handle("/{tenant}/oauth2"+at+"/token", l.serveToken(v))
		l.mux.Handle("GET /{tenant}/oauth2"+at+"/logout", l.serveLogout)
		l.mux.Handle("POST /{tenant}/oauth2"+at+"/logout", l.serveLogout)
	}
	l.mux.Handle("GET /{tenant}/v2.0/adminconsent", l.serveAdminConsent)
	l.mux.Handle("POST /{tenant}/v2.0/adminconsent", l.serveAdminConsent)
	l.mux.Handle("/", notFound)
}

// Part returns what serves the calls.
func (l *Login) Part() front.Part {
	return front.Part{Serve: l.serve, Pattern: l.mux.Pattern, Refuse: l.refuseFault}
}

func (l *Login) serve(c *front.Call) front.Reply {
	if c.Cloud.Login != c.Cloud.Graph { // the DoD's Graph, whose authority is another cloud's
		return notFound(c)
	}
	return l.mux.Serve(c)
}

func notFound(*front.Call) front.Reply {
	return page.Render(http.StatusNotFound, "error", "There is no such page", errorPage{})
}

// newToken returns n random bytes in base64url.
func newToken(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// between returns a random time from least up to, but not including, most, in
// whole seconds.
func between(least, most time.Duration) time.Duration {
	n, _ := rand.Int(rand.Reader, big.NewInt(int64((most-least)/time.Second))) // never fails (crypto/rand)
	return least + time.Duration(n.Int64())*time.Second
}

// fingerprint stands for a credential, so that the state gives none away.
func fingerprint(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:])
}

// sameCloud says whether a tenant signs in at a cloud's authority.
func (l *Login) sameCloud(t *world.Tenant, at world.Cloud) bool {
	return l.world.Cloud(t.Cloud).Login == at.Login
}

// personBy finds somebody by address or object id, in whatever tenant.
func (l *Login) personBy(name string) (*world.Tenant, *world.Person) {
	for i := range l.world.Tenants {
		if p := l.world.Tenants[i].Person(name); p != nil {
			return &l.world.Tenants[i], p
		}
	}
	return nil, nil
}

func equalFold(a string) func(string) bool {
	return func(b string) bool { return strings.EqualFold(a, b) }
}
