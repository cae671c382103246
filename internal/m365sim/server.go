package m365sim

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options of a Server.
type Options struct {
	// BaseURL is where it is reached: an absolute URL without a path. Issuers,
	// endpoints and the links in Graph's answers are made of it.
	BaseURL string
	// Now is the clock by which tokens expire and rooms answer; nil: time.Now.
	Now func() time.Time
	Log *slog.Logger // nil: none
	// StateFile, if not "", keeps keys, grants, sessions and calendars over a
	// restart. It holds a private key and is written with mode 0600.
	StateFile string
}

// A Server is the simulated Microsoft 365. It may be used concurrently.
type Server struct {
	cfg       Config
	base      string
	now       func() time.Time
	log       *slog.Logger
	stateFile string
	login     *http.ServeMux // the identity platform, pages, control
	graph     *http.ServeMux
	crossSite http.CrossOriginProtection

	mu     sync.Mutex // guards what follows; never held while waiting
	state  *state
	saved  string // the state file's content
	keys   signingKey
	faults []*Fault
	seen   journal
	closed bool
}

// New returns a server for a configuration, with the state of o.StateFile if
// there is one. The configuration must not be changed afterwards.
func New(cfg Config, o Options) (*Server, error) {
	if cfg.Scopes == "" {
		cfg.Scopes = ScopesSuperset
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Scheme == "" || base.Host == "" || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("base URL %q: write an absolute URL without a path, such as http://localhost:8081", o.BaseURL)
	}
	s := &Server{
		cfg: cfg, base: base.Scheme + "://" + base.Host, now: o.Now, log: o.Log, stateFile: o.StateFile,
		seen: journal{Counters: map[string]int{}},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.login, s.graph = http.NewServeMux(), http.NewServeMux()
	s.loginRoutes()
	s.controlRoutes()
	s.graphRoutes()
	return s, nil
}

// Close writes the state once more and refuses later requests. Requests under
// way are the HTTP server's to wait for.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.settle(s.now())
	return s.save()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, graphRoot) {
		s.graph.ServeHTTP(w, canonical(r))
		return
	}
	s.login.ServeHTTP(w, r)
}

func (s *Server) loginRoutes() {
	s.login.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.handler(s.inTenant(s.discovery)))
	s.login.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.handler(s.inTenant(s.jwks)))
	s.login.HandleFunc("GET /{tenant}/oauth2/v2.0/authorize", s.handler(s.serveAuthorize))
	s.login.HandleFunc("POST /{tenant}/oauth2/v2.0/authorize", s.handler(s.serveAuthorize))
	s.login.HandleFunc("/{tenant}/oauth2/v2.0/token", s.handler(s.serveToken))
	s.login.HandleFunc("GET /{tenant}/oauth2/v2.0/logout", s.handler(s.inTenant(s.serveLogout)))
	s.login.HandleFunc("GET /oidc/userinfo", s.handler(s.serveUserinfo))
	s.login.HandleFunc("GET /{$}", s.handler(s.serveOverview))
	s.login.HandleFunc("GET /_sim/style.css", serveStyle)
	s.login.HandleFunc("/", s.handler(s.serveNotFound))
}

// A call is one request, with its body read.
type call struct {
	*http.Request
	body []byte
	now  time.Time
	id   string // request-id of Graph, trace id of Entra
}

// correlationID is the caller's name for the request if it is a GUID.
func (c *call) correlationID() string {
	for _, id := range []string{c.Header.Get("client-request-id"), c.URL.Query().Get("client-request-id")} {
		if guid.MatchString(id) {
			return strings.ToLower(id)
		}
	}
	return uuid.NewString()
}

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// handler serves by a function that runs with s.mu held. The state is on disk
// before the answer goes out.
func (s *Server) handler(serve func(*call) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, id: uuid.NewString()}
		var err error
		if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			status := http.StatusBadRequest
			var tooLong *http.MaxBytesError
			if errors.As(err, &tooLong) {
				status = http.StatusRequestEntityTooLarge
			}
			textReply(status, "the request's body can't be read: "+err.Error()).write(w)
			return
		}
		fault := s.takeFault(r)
		if !fault.wait(r.Context()) {
			return
		}
		rep := s.answer(c, fault, serve)
		if fault.LostReply {
			panic(http.ErrAbortHandler)
		}
		rep.write(w)
	}
}

func (s *Server) answer(c *call, fault Fault, serve func(*call) reply) (rep reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.record(c, rep.status) }()
	c.now = s.now()
	switch {
	case s.closed:
		return textReply(http.StatusServiceUnavailable, "m365sim is closing")
	case fault.Status != 0:
		return s.faultReply(c, fault)
	}
	s.settle(c.now)
	rep = serve(c)
	if err := s.save(); err != nil {
		s.log.Error("the state can't be kept", "error", err)
		return textReply(http.StatusInternalServerError, "m365sim: "+err.Error())
	}
	return rep
}

// inTenant serves with the tenant of the path.
func (s *Server) inTenant(serve func(*call, *Tenant) reply) func(*call) reply {
	return func(c *call) reply {
		t := s.cfg.tenant(c.PathValue("tenant"))
		if t == nil {
			return s.entraJSON(c, tenantNotFound(c.PathValue("tenant")))
		}
		return serve(c, t)
	}
}
