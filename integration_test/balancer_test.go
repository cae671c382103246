package integration_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/store/pgtest"
)

// A fleet is three gateways on one database, each by a cable of its own, behind the load
// balancer that docs/scaling.md shows.
type fleet struct {
	*cluster  // asked by way of the balancer
	gateways  [3]*world
	processes [3]*process
	cables    [3]*cable
	balancer  *process
	round     atomic.Int64 // of what ONES books
}

func newFleet(t *testing.T, change ...func(*m365.Config)) *fleet {
	t.Helper()
	f := &fleet{cluster: newCluster(t, change...)}
	port, service := freePort(t), freePort(t) // one for all, at addresses of their own
	f.values["Rooms"] = garden
	f.values["Global"] = fmt.Sprintf(`metrics
	grace_period 30s
	shutdown_delay %s
	servers {
		trusted_proxies static 127.0.0.1
	}`, goingFor)
	database := f.values["Store"].(string)
	for i := range f.gateways {
		f.cables[i] = newCable(t, f.server)
		f.values["Store"] = strings.Replace(database, url.QueryEscape(f.server.Dir()), url.QueryEscape(f.cables[i].dir), 1)
		g := &world{
			t: t, dir: t.TempDir(), host: fmt.Sprintf("127.0.0.%d", 11+i), port: port, service: service,
			microsoft: f.microsoft, issuer: f.issuer, secret: f.secret, ones: f.ones,
		}
		g.home = fmt.Sprintf("http://%s:%d", g.host, port)
		g.write(f.values)
		f.gateways[i], f.processes[i] = g, g.launch()
	}
	for i, g := range f.gateways {
		g.ready(f.processes[i])
	}
	f.balance()
	return f
}

// goingFor is how long a gateway of a fleet says that it will stop: longer than the
// balancer takes to hear it.
const goingFor = "3s"

// balance starts the load balancer of the text.
func (f *fleet) balance() {
	f.t.Helper()
	var text string
	for _, b := range readFenced(f.t, "../docs/scaling.md") {
		if strings.Contains(b.text, "lb_policy") {
			text = b.text
		}
	}
	here := []string{
		"unix//run/balancer/admin.sock|0600", "unix/" + f.dir + "/balancer.sock",
		"ones.contoso.com", fmt.Sprintf("http://localhost:%d", f.port),
		"http://:8090", fmt.Sprintf("http://:%d", f.service),
		"{$ONES_SERVICE_BIND:127.0.0.1}", "127.0.0.1",
		"health_port 8080", fmt.Sprintf("health_port %d", f.gateways[0].port),
	}
	// A test doesn't wait so long for a gateway that stands still.
	here = append(here, "import gateways 30s", "import gateways 10s")
	for i, g := range f.gateways {
		here = append(here, fmt.Sprintf("10.0.0.%d:8080", 11+i), fmt.Sprintf("%s:%d", g.host, g.port),
			fmt.Sprintf("10.0.0.%d:8090", 11+i), fmt.Sprintf("%s:%d", g.host, g.service))
	}
	for i := 0; i < len(here); i += 2 {
		if !strings.Contains(text, here[i]) {
			f.t.Fatalf("the load balancer of docs/scaling.md has no %s:\n%s", here[i], text)
		}
	}
	file := filepath.Join(f.dir, "balancer")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(here...).Replace(text)), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.balancer = start(f.t, f.env(), "run", "--config", file, "--adapter", "caddyfile")
	f.ready(f.balancer)
}

// directly is the visitor's browser, which takes one gateway for the balancer.
func (f *fleet) directly(v *visitor, gateway int) *visitor {
	f.t.Helper()
	g := f.gateways[gateway]
	there := newVisitor(f.t, f.home)
	there.past = fmt.Sprintf("%s:%d", g.host, g.port)
	there.client.Jar = v.client.Jar
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == fmt.Sprintf("localhost:%d", f.port) {
			address = there.past
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	there.client.Transport = transport
	f.t.Cleanup(transport.CloseIdleConnections)
	return there
}

// looked has people look at pages by way of the balancer, all the time.
func (f *fleet) looked(people ...*visitor) *load {
	f.t.Helper()
	l := &load{t: f.t, pause: 25 * time.Millisecond, over: make(chan struct{})}
	for _, v := range people {
		l.use("somebody looks at a page", v.looks)
	}
	return l
}

// read has ONES' server look at the rooms, too.
func (f *fleet) read(l *load) {
	f.t.Helper()
	ones := newVisitor(f.t, fmt.Sprintf("http://127.0.0.1:%d", f.service))
	l.use("ONES' server looks at the rooms", func(int) error {
		_, err := ones.tries(http.MethodGet, "/v1/rooms", nil, fine, "Authorization", "Bearer "+serviceToken)
		return err
	})
}

// ended ends a load of which the balancer may show nothing: not even a cut connection.
func (f *fleet) ended(l *load) {
	f.t.Helper()
	l.end()
	if cuts := l.cuts.Load(); cuts > 0 {
		f.t.Errorf("%d connections were cut, though the balancer has stayed", cuts)
	}
	f.t.Logf("%d calls", l.calls.Load())
}

var (
	pages   = regexp.MustCompile(`caddy_http_requests_total\{[^}]*handler="reverse_proxy"[^}]*\} (\d+)`)
	refusal = regexp.MustCompile(`"msg":"(HTTP request failed|status code out of tolerances)",.*"host":"([^"]+)"`)
)

// takesPart waits until a gateway is sent people: the balancer has taken it back.
func (f *fleet) takesPart(gateway int) {
	f.t.Helper()
	g := f.gateways[gateway]
	sent := func() string { return fmt.Sprint(pages.FindAllStringSubmatch(g.admin("/metrics"), -1)) }
	g.ready(f.processes[gateway])
	before := sent()
	within(f.t, "the balancer that takes the gateway back", func() bool { return sent() != before })
}

// leaves waits until the balancer has found a gateway wanting, with each of its three
// handlers.
func (f *fleet) leaves(gateway int) {
	f.t.Helper()
	g := f.gateways[gateway]
	refusals := func() (n int) {
		for _, m := range refusal.FindAllStringSubmatch(f.balancer.errors(), -1) {
			if m[2] == fmt.Sprintf("%s:%d", g.host, g.port) {
				n++
			}
		}
		return n
	}
	before := refusals()
	within(f.t, "the balancer that finds the gateway wanting", func() bool { return refusals() >= before+6 })
}

// socketName is what PostgreSQL calls its socket, in a folder.
const socketName = "/.s.PGSQL.5432"

// A cable leads to a database. While it is cut, what is sent arrives nowhere, and nobody is
// told.
type cable struct {
	dir string // of the socket at this end
	cut sync.RWMutex
}

func newCable(t *testing.T, server *pgtest.Server) *cable {
	t.Helper()
	c := &cable{dir: t.TempDir()}
	l, err := net.Listen("unix", c.dir+socketName)
	if err != nil {
		t.Fatal(err)
	}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", server.Dir()+socketName)
			if err != nil {
				from.Close()
				continue
			}
			carrying.Go(func() { c.carry(to, from) })
			carrying.Go(func() { c.carry(from, to) })
		}
	})
	t.Cleanup(func() { // gateways are gone by now, and with them the connections
		l.Close()
		carrying.Wait()
	})
	return c
}

func (c *cable) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		c.cut.RLock()
		_, err = to.Write(b[:n])
		c.cut.RUnlock()
		if err != nil {
			return
		}
	}
}
