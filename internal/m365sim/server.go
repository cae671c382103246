package m365sim

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/login"
	"github.com/onesgate/onesgate/internal/m365sim/msgraph"
	"github.com/onesgate/onesgate/internal/m365sim/page"
	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
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
	// restart. It holds private keys and is written with mode 0600.
	StateFile string
	// Client sends change notifications, to loopback only; nil: nobody can
	// subscribe.
	Client *http.Client
}

// A Server is the simulated Microsoft 365. It may be used concurrently.
type Server struct {
	world     *world.World
	file      *table.File
	door      *front.Door
	login     *login.Login
	exchange  *exchange.Exchange
	graph     *msgraph.Graph
	shifts    *table.Table[time.Duration] // of the clock: one record
	control   front.Mux                   // the simulator's own pages and commands
	crossSite http.CrossOriginProtection
}

// New returns a server for a configuration, with the state of o.StateFile if
// there is one. The configuration must not be changed afterwards.
func New(cfg world.Config, o Options) (*Server, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Scheme == "" || base.Host == "" || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("base URL %q: write an absolute URL without a path, such as http://localhost:8081", o.BaseURL)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{}
	if s.world, err = world.New(cfg, base.Scheme+"://"+base.Host); err != nil {
		return nil, err
	}
	if s.file, err = table.Open(o.StateFile); err != nil {
		return nil, err
	}
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	s.controlRoutes()
	return s, nil
}

// shiftKey is the one record of Server.shifts.
const shiftKey = "clock"

// open puts the parts together.
func (s *Server) open(o Options) (err error) {
	s.door = front.NewDoor(front.Options{
		Now: o.Now, Log: o.Log, Commit: s.file.Commit, Settle: func(now time.Time) { s.exchange.Settle(now) },
	})
	if s.shifts, err = table.New[time.Duration](s.file, "clock"); err != nil {
		return err
	}
	now := o.Now().Add(s.door.Shift(s.shifts.Get(shiftKey)))
	changed := func(c exchange.Change) {
		if s.graph != nil { // nobody can have subscribed to what the calendars begin with
			s.graph.Changed(c)
		}
	}
	if s.exchange, err = exchange.New(s.world, s.file, now, changed); err != nil {
		return err
	}
	if s.login, err = login.New(s.world, s.file, o.Log); err != nil {
		return err
	}
	s.graph, err = msgraph.New(msgraph.Options{
		World: s.world, Exchange: s.exchange, Door: s.door, File: s.file, Client: o.Client, Log: o.Log,
		Authenticate: s.authenticate, Userinfo: s.login.Userinfo,
	})
	if err != nil {
		return err
	}
	return s.file.Commit()
}

// authenticate tells Graph who calls.
func (s *Server) authenticate(c *front.Call) (msgraph.Caller, *msgraph.Unauthenticated) {
	a, refused := s.login.Bearer(c)
	if refused != nil {
		return msgraph.Caller{}, &msgraph.Unauthenticated{Message: refused.Message, Claims: refused.Claims}
	}
	return msgraph.Caller{Tenant: a.Tenant, App: a.App, Person: a.Person, Scopes: a.Scopes}, nil
}

// Close keeps the state once more and refuses later requests. Requests under
// way are the HTTP server's to wait for.
func (s *Server) Close() error {
	s.graph.Close()
	return errors.Join(s.door.Close(), s.file.Close())
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cloud, root, rest := s.world.CloudOf(r.URL.EscapedPath())
	var part front.Part
	switch {
	case rest == "/" || strings.HasPrefix(rest, "/_sim"):
		part = front.Part{Serve: s.control.Serve, Pattern: s.control.Pattern, Refuse: refuse}
	case msgraph.Serves(rest):
		part = s.graph.Part()
	default:
		part = s.login.Part()
	}
	s.door.Serve(w, r, part, cloud, root, rest)
}

// refuse answers nothing: no fault happens to who looks at the simulator.
func refuse(*front.Call, front.Fault) front.Reply { return front.Reply{} }

// Version of the simulator's behaviour, as GET /_sim tells it.
const Version = "2"

func (s *Server) controlRoutes() {
	s.control.Handle("GET /{$}", s.serveOverview)
	s.control.Handle("GET /_sim/style.css", page.Style)
	s.control.Handle("GET /_sim", s.serveStatus)
	s.control.Handle("GET /_sim/events", s.serveEvents)
	s.control.Handle("GET /_sim/grants", s.serveGrants)
	s.control.Handle("DELETE /_sim/calls", s.guarded(s.clearCalls))
	s.control.Handle("POST /_sim/faults", s.guarded(s.addFault))
	s.control.Handle("DELETE /_sim/faults", s.guarded(s.clearFaults))
	for name, serve := range s.commands() {
		s.control.Handle("POST /_sim/"+name, s.guarded(serve))
	}
}
