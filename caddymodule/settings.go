package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/signin"
)

// settings are what one configuration says, resolved and checked: what the
// engine, which outlives configurations, works by while it is in force.
type settings struct {
	integrations []signin.Integration
	clients      map[string]*entra.Client
	world        *booking.World
	calendars    map[string]roomview.Room // of the rooms in world
	forgetAfter  map[string]time.Duration // by the integration
	admins       []signin.Admins          // of all its gates
	ones         []upstream               // behind its gates
	log          *zap.Logger
	slog         *slog.Logger // the same, for what lives no longer than the configuration

	// emit hands an event to the operator's handlers, and waits for them.
	emit  func(name string, data map[string]any)
	begun atomic.Bool            // all apps of the configuration have
	held  atomic.Pointer[engine] // nil: not yet

	public  *url.URL
	http    *http.Client // to speak with Microsoft
	issuers []string     // whose providers are held
}

// newSettings resolves and checks a configuration. Release what it returns.
func newSettings(ctx caddy.Context, a *App) (_ *settings, err error) {
	s := &settings{
		clients:     map[string]*entra.Client{},
		forgetAfter: map[string]time.Duration{},
		world: &booking.World{
			PublicURL:    origin(a.public),
			Integrations: map[string]booking.Integration{},
			Rooms:        map[string]booking.Room{},
		},
		log:    ctx.Logger(),
		slog:   ctx.Slogger(),
		public: a.public, http: microsoftClient(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	var others []*Integration
	var wrong []error
	for _, written := range a.Integrations {
		cfg, err := written.settled()
		if err == nil {
			others = append(others, cfg)
			err = s.add(cfg, written, others)
		}
		wrong = append(wrong, err)
	}
	if err := gathered(wrong...); err != nil {
		return nil, err
	}
	s.calendars = s.world.Calendars()
	return s, nil
}

// add adds an integration, which is the last of all and was written so.
func (s *settings) add(cfg, written *Integration, all []*Integration) error {
	for _, doubt := range cfg.Server.lateDoubts(written.Server) {
		s.log.Warn(doubt, zap.String("integration", cfg.Name))
	}
	if err := cfg.clash(all[:len(all)-1]); err != nil {
		return err
	}
	i, err := cfg.build(s)
	if err != nil {
		return err
	}
	s.integrations = append(s.integrations, i)
	s.clients[i.Name] = i.Entra
	s.world.Integrations[i.Name] = booking.Integration{Name: i.Name, Graph: i.Graph}
	return s.addRooms(cfg, all)
}

// addRooms adds the rooms of an integration, which is the last of all.
func (s *settings) addRooms(i *Integration, all []*Integration) error {
	var others []*Room
	for _, other := range all[:len(all)-1] {
		others = append(others, other.Rooms...)
	}
	for _, room := range i.Rooms {
		if err := room.clash(others); err != nil {
			return err
		}
		others = append(others, room)
		r, err := room.build(i.Name)
		if err != nil {
			return err
		}
		s.world.Rooms[r.Name] = r
	}
	return nil
}

// configured says whether there is an integration of that name.
func (s *settings) configured(integration string) bool {
	return slices.ContainsFunc(s.integrations, func(i signin.Integration) bool { return i.Name == integration })
}

// rooms returns the rooms that can be connected with accounts, by name.
func (s *settings) rooms() []signin.Room {
	var all []signin.Room
	for _, r := range s.world.Rooms {
		all = append(all, signin.Room{Name: r.Name, Integration: r.Integration, Address: r.Address, Title: r.Title, TimeZone: r.TimeZone})
	}
	slices.SortFunc(all, func(a, b signin.Room) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// microsoftClient is how we speak with Microsoft: bounded waits, connections
// kept open, redirects never followed (tokens go where they are configured to).
func microsoftClient() *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
				if res.StatusCode == http.StatusOK {
					return nil
				}
				// As net/http has it where the proxy can't be reached; its own error doesn't tell whose it is.
				return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New(res.Status)}
			},
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 25 * time.Second,
			// All calls to a host share a connection. One that died without a word is found
			// out by pings; TCP alone would have them wait in vain for a quarter of an hour.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
