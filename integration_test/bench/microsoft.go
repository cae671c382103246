package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/onesgate/onesgate/integration_test/freeport"
	"github.com/onesgate/onesgate/internal/m365sim"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// rooms is how many there are; they answer at once.
const rooms = 50

// microsoft is the simulated Microsoft 365.
type microsoft struct {
	*server
	sim    *m365sim.Server
	url    string
	issuer string
	app    world.App
	people []world.Person

	ports chan int // that programs may listen on: where Microsoft leads people back to
}

// callbacks are the paths that the programs sign people in at.
var callbacks = []string{"/.ones/callback", "/oidc", "/oauth2/callback"}

// startMicrosoft starts the simulator with the sample's people, who are asked who they
// are only once, and with rooms that answer at once.
func startMicrosoft() (*microsoft, error) {
	cfg := world.Sample()
	cfg.AccountChooser = ""
	cfg.Throttling.Requests = 1 << 30
	tenant := &cfg.Tenants[0]
	tenant.Rooms, tenant.Events = nil, nil
	for i := range rooms {
		tenant.Rooms = append(tenant.Rooms, world.Room{ID: roomName(i), Address: roomName(i) + "@contoso.example", Name: roomName(i), TimeZone: "Asia/Hong_Kong"})
	}
	m := &microsoft{people: tenant.People, ports: make(chan int, maxPrograms)}
	app := &tenant.Apps[0]
	app.RedirectURIs = nil
	for range maxPrograms {
		port, err := freeport.Next()
		if err != nil {
			return nil, err
		}
		m.ports <- port
		for _, path := range callbacks {
			app.RedirectURIs = append(app.RedirectURIs, fmt.Sprintf("http://localhost:%d%s", port, path))
		}
	}
	m.app = *app
	var handler atomic.Pointer[m365sim.Server]
	var err error
	if m.server, err = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.Load().ServeHTTP(w, r) })); err != nil {
		return nil, err
	}
	m.url = "http://" + m.address
	m.issuer = m.url + "/" + tenant.ID + "/v2.0"
	if m.sim, err = m365sim.New(cfg, m365sim.Options{BaseURL: m.url, Log: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, errors.Join(err, m.server.stop())
	}
	handler.Store(m.sim)
	return m, nil
}

func roomName(i int) string { return fmt.Sprintf("r%d", i) }

func (m *microsoft) stop() error { return errors.Join(m.server.stop(), m.sim.Close()) }

// signIn goes to an address that leads to Microsoft, says there who it is, and follows
// back to where that ends. It returns the cookies it has then, as a header's value.
func signIn(address, mail string) (cookies string, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport, Timeout: patience}
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "text/html")
	res, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	res.Body.Close()
	authorize := res.Header.Get("Location")
	if authorize == "" {
		return "", fmt.Errorf("%s does not lead to Microsoft, but answers %d", address, res.StatusCode)
	}
	browser.CheckRedirect = nil
	if res, err = browser.PostForm(authorize, url.Values{"account": {mail}}); err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the sign-in ends at %s with %d: %.300s", res.Request.URL, res.StatusCode, body)
	}
	var all []string
	for _, c := range jar.Cookies(res.Request.URL) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; "), nil
}
