package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/onesgate/onesgate/cmd/onesgate/sampleones"
	"github.com/onesgate/onesgate/internal/m365sim"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Options of a run.
type Options struct {
	Data string // folder that keeps the data; "": a temporary one
	Port int    // of the gateway
	Out  io.Writer
}

// Run starts everything, says so on o.Out, and stops it when ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	dir, forget, err := dataFolder(o.Data)
	if err != nil {
		return err
	}
	defer forget()
	logFile, err := os.OpenFile(filepath.Join(dir, "demo.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	log := slog.New(slog.NewTextHandler(logFile, nil))

	if o.Port < 1 || o.Port > 65535 {
		return fmt.Errorf("%d is not a port; choose one from 1 to 65535 with --port", o.Port)
	}
	if err := free(o.Port); err != nil {
		return err
	}
	public := fmt.Sprintf("http://localhost:%d", o.Port)
	microsoft, err := startMicrosoft(o.Port+1, public, dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, microsoft.stop()) }()
	ones, err := serve(o.Port+2, func(string) (http.Handler, func() error, error) {
		return sampleones.New(sampleones.Options{Now: time.Now}), nil, nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ones.stop()) }()

	service, err := usualPort(o.Port + 10)
	if err != nil {
		return err
	}
	token, err := serviceToken(dir)
	if err != nil {
		return err
	}
	gate := gateway{
		Dir: dir, Public: public, Issuer: microsoft.issuer, Graph: microsoft.url, Ones: ones.url,
		ClientID: microsoft.app.ClientID, ClientSecret: microsoft.app.Secrets[0].Value,
		Port: o.Port, Service: service, ServiceToken: token, Rooms: microsoft.rooms, Admin: microsoft.people[0].Mail,
	}
	if err := gate.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caddy.Stop()) }()
	if err := ready(ctx, public); err != nil {
		return err
	}
	tell(o, dir, microsoft, gate)
	<-ctx.Done()
	_, err = io.WriteString(o.Out, "\nstopped\n")
	return err
}

// tell says what there is to see.
func tell(o Options, dir string, m *microsoft, g gateway) {
	var b strings.Builder
	fmt.Fprintf(&b, "demo ready: %s\n\n", g.Public)
	fmt.Fprintf(&b, "Sign in as one of these people; no password is asked for.\n")
	for _, p := range m.people {
		fmt.Fprintf(&b, "  %-12s %s\n", p.Name, p.Mail)
	}
	fmt.Fprintf(&b, "%s is an admin, who connects %s with its own account, %s:\n  %s/.ones/rooms/%s/connect\n",
		m.people[0].Name, m.rooms[0].Name, m.rooms[0].Address, g.Public, m.rooms[0].ID)
	fmt.Fprintf(&b, "\nBehind the scenes\n")
	fmt.Fprintf(&b, "  simulated Microsoft 365   %s\n", m.url)
	forgotten := ""
	if o.Data == "" {
		forgotten = " (forgotten at the end)"
	}
	fmt.Fprintf(&b, "  data and logs             %s%s\n", dir, forgotten)
	fmt.Fprintf(&b, "\nONES' own server books like this, for somebody who has signed in once:\n")
	fmt.Fprintf(&b, "  curl http://127.0.0.1:%d/v1/bookings \\\n", g.Service)
	fmt.Fprintf(&b, "    -H 'Authorization: Bearer %s' \\\n", g.ServiceToken)
	fmt.Fprintf(&b, "    -H 'Ones-Act-As: %s' -H 'Content-Type: application/json' \\\n", m.people[0].Mail)
	fmt.Fprintf(&b, "    -d '{\"room\":\"%s\",\"subject\":\"From ONES\",\"start\":\"%sT10:00:00+08:00\",\"end\":\"%[2]sT11:00:00+08:00\"}'\n",
		m.rooms[1].ID, time.Now().AddDate(0, 0, 2).Format(time.DateOnly))
	fmt.Fprintf(&b, "\nStop with Ctrl-C.\n")
	_, _ = io.WriteString(o.Out, b.String())
}

// dataFolder returns the folder to work in and what to do with it at the end.
func dataFolder(dir string) (_ string, forget func(), err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "onesgate-demo-"); err != nil {
			return "", nil, err
		}
		return dir, func() { _ = os.RemoveAll(dir) }, nil
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("the data folder can't be made: %w; choose another with --data", err)
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return "", nil, fmt.Errorf("the data folder can't be written: %w; choose another with --data", err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return dir, func() {}, nil
}

// free says whether a port can be listened on, and what to do if not.
func free(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is in use by another program; stop that, or choose another port with --port", port)
	}
	if err != nil {
		return fmt.Errorf("port %d can't be listened on: %w; choose another with --port", port, err)
	}
	return l.Close()
}

// usualPort returns a port if it is free, else any.
func usualPort(port int) (int, error) {
	l, err := listen(port)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// listen listens on a port if it is free, else on any.
func listen(port int) (net.Listener, error) {
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		return l, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// serviceToken returns the token of ONES' own server, the same as long as the
// data is kept.
func serviceToken(dir string) (string, error) {
	file := filepath.Join(dir, "service-token")
	kept, err := os.ReadFile(file)
	if err == nil && len(kept) > 0 {
		return string(kept), nil
	}
	token := "demo-" + rand.Text() + rand.Text()
	return token, os.WriteFile(file, []byte(token), 0o600)
}

// A server is one of the loopback servers beside the gateway.
type server struct {
	url   string
	http  *http.Server
	done  chan struct{}
	close func() error
}

// serve starts a server on a port if that is free, else on any; its handler is
// made for its address.
func serve(port int, handler func(url string) (http.Handler, func() error, error)) (*server, error) {
	l, err := listen(port)
	if err != nil {
		return nil, err
	}
	s := &server{url: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port), done: make(chan struct{})}
	h, closer, err := handler(s.url)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.http, s.close = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}, closer
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends by stop
	}()
	return s, nil
}

func (s *server) stop() error {
	err := s.http.Close()
	<-s.done
	if s.close != nil {
		err = errors.Join(err, s.close())
	}
	return err
}

// microsoft is the simulated Microsoft 365.
type microsoft struct {
	*server
	issuer string
	app    world.App
	people []world.Person
	rooms  []world.Room
}

// roomAccount is the object id of the first room's own account, which an admin may
// connect the room with.
const roomAccount = "0b1ec700-0000-4000-8000-00000000b0a4"

func startMicrosoft(port int, public, dir string, log *slog.Logger) (*microsoft, error) {
	cfg := world.Sample()
	tenant := &cfg.Tenants[0]
	app := &tenant.Apps[0]
	app.RedirectURIs = []string{public + "/.ones/callback", public + "/.ones/rooms/callback", public + "/.ones/signed-out"}
	app.FrontchannelLogoutURL = public + "/.ones/frontchannel-logout"
	tenant.Rooms[0].Account = roomAccount
	m := &microsoft{app: *app, people: tenant.People, rooms: tenant.Rooms}
	var err error
	m.server, err = serve(port, func(url string) (http.Handler, func() error, error) {
		m.issuer = url + "/" + tenant.ID + "/v2.0"
		sim, err := m365sim.New(cfg, m365sim.Options{
			BaseURL: url, Now: time.Now, Log: log, StateFile: filepath.Join(dir, "m365sim.jsonl"),
		})
		if err != nil {
			return nil, nil, err
		}
		return sim, sim.Close, nil
	})
	return m, err
}

// gateway is what the demo's Caddyfile is made of.
type gateway struct {
	Dir, Public, Issuer, Graph, Ones, ClientID, ClientSecret, ServiceToken, Admin string
	Port, Service                                                                 int
	Rooms                                                                         []world.Room
}

func (g gateway) start() error {
	var text strings.Builder
	if err := caddyfileTemplate.Execute(&text, g); err != nil {
		return err
	}
	adapter := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}
	config, _, err := adapter.Adapt([]byte(text.String()), nil)
	if err != nil {
		return fmt.Errorf("the demo's Caddyfile: %w", err)
	}
	return caddy.Load(config, true)
}

// ready waits until the gateway answers.
func ready(ctx context.Context, public string) error {
	hc := &http.Client{Timeout: 5 * time.Second}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, public+"/.ones/readyz", nil)
		if err != nil {
			return err
		}
		res, err := hc.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
