package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// What may be wrong. A gateway that is down has its number behind it.
const (
	microsoftFails = "Microsoft fails"
	secretEnded    = "the secret has ended"
	postgresAway   = "PostgreSQL is away"
	gatewayDown    = "a gateway is down "
	changing       = "a reload"
)

// linger is for how long something that is over may still be felt.
var linger = map[string]time.Duration{
	microsoftFails: 15 * time.Second, // the breaker waits for 10 s, calls under way end
	secretEnded:    2 * time.Second,
	postgresAway:   5 * time.Second,
	changing:       time.Second,
}

// A trouble is something wrong for a time.
type trouble struct {
	kind     string
	from, to time.Time // to is zero while it lasts
}

// troubles are all that there were, and how often something was explained by them.
type troubles struct {
	mu        sync.Mutex
	all       []*trouble
	explained map[string]int
}

// begin notes that something is wrong from now until end is called.
func (ts *troubles) begin(kind string) (end func()) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	tr := &trouble{kind: kind, from: time.Now()}
	ts.all = append(ts.all, tr)
	return func() {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		tr.to = time.Now()
	}
}

// explains says whether something was wrong at any time since began, and counts it.
func (ts *troubles) explains(kind string, began time.Time) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, tr := range slices.Backward(ts.all) {
		if tr.kind == kind && (tr.to.IsZero() || tr.to.Add(linger[kind]).After(began)) {
			if ts.explained == nil {
				ts.explained = map[string]int{}
			}
			ts.explained[kind]++
			return true
		}
	}
	return false
}

// lately are the troubles of the last half a minute, the last one first.
func (ts *troubles) lately() (told []string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, tr := range slices.Backward(ts.all) {
		since := time.Since(tr.from).Round(time.Millisecond)
		if since > 30*time.Second {
			break
		}
		if tr.to.IsZero() {
			told = append(told, fmt.Sprintf("%s, for %v", tr.kind, since))
		} else {
			told = append(told, fmt.Sprintf("%s, %v ago for %v", tr.kind, since, tr.to.Sub(tr.from).Round(time.Millisecond)))
		}
	}
	return told
}

func (ts *troubles) counted() map[string]int {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return maps.Clone(ts.explained)
}

// A judge looks at each answer of a gateway, whoever gets it: one that doesn't come, or is a 5xx,
// has to be explained by what is wrong in that moment.
type judge struct {
	soak *soak
	next *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (j *judge) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	if r.Header.Get("Idempotency-Key") == "" { // as visitor.tries says
		r = r.Clone(r.Context())
		r.Header["Idempotency-Key"] = nil
	}
	res, err := j.next.RoundTrip(r)
	if err == nil {
		var body []byte
		body, err = io.ReadAll(io.LimitReader(res.Body, mostAnswer))
		res.Body.Close()
		res.Body = io.NopCloser(bytes.NewReader(body))
		if g := j.soak.of(r); g != nil && err == nil && res.StatusCode >= 500 && !j.soak.explained(g, r.URL.Path, res.StatusCode, body, began) {
			j.soak.fail("%s %s is answered by gateway %d with %d, and nothing explains it: %s", r.Method, r.URL, g.n, res.StatusCode, body)
		}
	}
	if err == nil {
		return res, nil
	}
	if g := j.soak.of(r); g != nil && r.Context().Err() == nil && !j.soak.broken(g, r.URL.Path, err, began) {
		j.soak.fail("%s %s is not answered by gateway %d, and nothing explains it: %v", r.Method, r.URL, g.n, err)
	}
	return nil, err
}

// of is the gateway that a request goes to, nil for Microsoft.
func (s *soak) of(r *http.Request) *soaked {
	for _, g := range s.gateways {
		if port := r.URL.Port(); port == fmt.Sprint(g.port) || port == fmt.Sprint(g.service) {
			return g
		}
	}
	return nil
}

// down is the kind of trouble that a gateway is killed, and not ready again.
func (g *soaked) down() string { return gatewayDown + fmt.Sprint(g.n) }

// broken says whether it is explained that a connection broke, or wasn't taken. What Graph breaks
// off in the middle breaks off on the way through the gateway, too.
func (s *soak) broken(g *soaked, path string, err error, began time.Time) bool {
	cut := wasCut(err) || errors.Is(err, io.ErrUnexpectedEOF)
	if !cut && !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EPIPE) {
		return false
	}
	return s.troubles.explains(g.down(), began) || cut && s.troubles.explains(changing, began) ||
		cut && strings.HasPrefix(path, graphPath) && s.troubles.explains(microsoftFails, began)
}

// graphPath is the way through a gateway to Graph.
const graphPath = "/graph/v1.0/"

var kindOfPage = regexp.MustCompile(`data-kind="(\w+)"`)

// explained says whether a 5xx is: by its code, which the documents name, and by what is wrong.
func (s *soak) explained(g *soaked, path string, status int, body []byte, began time.Time) bool {
	var problem struct{ Code string }
	_ = json.Unmarshal(body, &problem)
	if page := kindOfPage.FindSubmatch(body); page != nil {
		problem.Code = string(page[1])
	}
	switch {
	case strings.HasPrefix(path, graphPath): // what Graph has answered
		return s.troubles.explains(microsoftFails, began) || s.troubles.explains(secretEnded, began) || s.troubles.explains(postgresAway, began)
	case problem.Code == "graph_unavailable", problem.Code == "microsoft_unavailable":
		return status == http.StatusServiceUnavailable && s.troubles.explains(microsoftFails, began)
	case problem.Code == "integration_down", problem.Code == "service_misconfigured":
		return s.troubles.explains(secretEnded, began)
	case problem.Code == "store_unavailable":
		return status == http.StatusServiceUnavailable && s.troubles.explains(postgresAway, began)
	}
	return status == http.StatusServiceUnavailable && s.troubles.explains(g.down(), began) // it is not ready yet
}

// A spell is a fault of Microsoft's, at some of its calls.
type spell struct {
	name   string
	fault  map[string]any
	tokens bool // at the token endpoint, else at a kind of call of Graph's
	all    bool // at all of them
}

func spells() []spell {
	var all []spell
	for _, m := range ills(nil) {
		all = append(all, spell{name: "graph " + m.words, fault: m.fault})
	}
	for _, f := range []map[string]any{{"status": 503}, {"lost_request": true}, {"lost_reply": true}, {"delay": "1s"}, {"code": "AADSTS90033"}} {
		all = append(all, spell{name: fmt.Sprint("tokens ", f), fault: f, tokens: true})
	}
	return append(all, spell{name: "away", fault: map[string]any{"lost_request": true}, tokens: true, all: true})
}

// weathering has Microsoft fail in each way, one after the other, again and again, and at least
// once.
func (s *soak) weathering() {
	dice := s.newDice()
	deck := spells()
	for round := 0; ; round++ {
		dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		for _, sp := range deck {
			select {
			case <-s.over:
				if round > 0 {
					return
				}
			default:
			}
			if !s.sleep(time.Duration(dice.Int64N(int64(s.pace.calm)))) {
				return
			}
			s.strikes(sp, troubled[dice.IntN(len(troubled))], s.pace.spell/2+time.Duration(dice.Int64N(int64(s.pace.spell/2))))
		}
	}
}

// strikes has Microsoft fail for a time.
func (s *soak) strikes(sp spell, call string, lasting time.Duration) {
	s.weather.Lock()
	defer s.weather.Unlock()
	defer s.troubles.begin(microsoftFails)()
	for _, match := range sp.matches(call) {
		fault := maps.Clone(sp.fault)
		fault["match"] = match
		s.sim(http.MethodPost, "/_sim/faults", fault)
	}
	s.sleep(lasting)
	s.sim(http.MethodDelete, "/_sim/faults", nil)
	s.dealt[sp.name]++
}

// matches are the calls that a spell is at; one of Graph's is given.
func (sp spell) matches(one string) (all []string) {
	if sp.tokens {
		all = append(all, "POST /*/oauth2/v2.0/token")
	}
	if sp.all {
		all = append(all, troubled...)
	}
	if !sp.tokens {
		all = append(all, one)
	}
	return all
}

// credentials writes a secret, by its number, into the Caddyfile's values; the one before, too, if
// it still counts.
func (s *soak) credentials(numbers ...int) {
	var words []string
	for _, n := range numbers {
		words = append(words, "client_secret "+soakSecret(n)+" 2099-01-01")
	}
	s.values["Credentials"] = strings.Join(words, "\n\t\t\t\t")
	s.secret = numbers[0]
}

// change alters the Caddyfile: a word of it; the secret, in good time; the secret after it has ended.
func (s *soak) change(n int) {
	old := s.secret
	s.values["Label"] = fmt.Sprint("Sign in, ", n)
	switch n % 3 {
	case 0:
		s.reload()
	case 1:
		s.credentials(old+1, old)
		s.reload()
		s.quiet(func() { s.ends(old) }) // what the configuration before has begun is over by then
	case 2:
		end := s.troubles.begin(secretEnded)
		s.ends(old)
		s.sleep(s.pace.round / 10)
		s.credentials(old + 1)
		s.reload()
		end()
	}
}

// ends has a secret end at Microsoft.
func (s *soak) ends(secret int) {
	s.sim(http.MethodPost, "/_sim/secrets", map[string]any{"client_id": m365.Sample().Tenants[0].Apps[0].ClientID, "expire": soakSecret(secret)})
}

// reload has all gateways take the Caddyfile as it is now.
func (s *soak) reload() {
	defer s.troubles.begin(changing)()
	for _, g := range s.gateways {
		file := g.write(s.values)
		s.reloads++
		out, status := command(s.t, g.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+g.dir+"/admin.sock")
		if status != 0 {
			s.fail("gateway %d refuses a reload: %s", g.n, out)
		}
	}
}

// kill kills a gateway, and starts it again a little later.
func (s *soak) kill() {
	g := s.gateways[s.lot.IntN(len(s.gateways))]
	defer s.troubles.begin(g.down())()
	g.process.Load().kill()
	s.keepLog(g)
	s.readings.died(s, g)
	s.sleep(time.Duration(s.lot.Int64N(int64(s.pace.round / 4))))
	p := g.launch()
	g.lives.Add(1)
	g.base = reading{}
	g.process.Store(p)
	g.ready(p)
}

// crash has PostgreSQL crash, and come back a little later.
func (s *soak) crash() {
	defer s.troubles.begin(postgresAway)()
	if s.pace.patient {
		s.server.Crash()
	} else {
		s.quiet(s.server.Crash)
	}
	s.sleep(time.Duration(s.lot.Int64N(int64(s.pace.round / 4))))
	if err := s.server.Run(); err != nil {
		s.t.Fatal(err)
	}
}
