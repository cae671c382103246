package integration_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// Secrets are what lets somebody in, by what it is called. They may be added to
// concurrently.
type secrets struct {
	mu    sync.Mutex
	named map[string]string // value → name
}

func (s *secrets) add(name, value string) {
	if len(value) < 16 { // it would be found by chance
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named == nil {
		s.named = map[string]string{}
	}
	s.named[value] = name
}

// count says how many secrets of a name there are.
func (s *secrets) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, have := range s.named {
		if have == name {
			n++
		}
	}
	return n
}

// in returns the names of those that a text holds, as they are or encoded.
func (s *secrets) in(text []byte) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for value, name := range s.named {
		for how, form := range forms(value) {
			if bytes.Contains(text, []byte(form)) {
				found[name] = how
			}
		}
	}
	return found
}

// forms are the ways in which a value may stand in a text.
func forms(value string) map[string]string {
	quoted, _ := json.Marshal(value)
	all := map[string]string{
		"as it is": value, "escaped for a query": url.QueryEscape(value), "escaped for a path": url.PathEscape(value),
		"escaped twice": url.QueryEscape(url.QueryEscape(value)), "as JSON": strings.Trim(string(quoted), `"`), "in hex": hex.EncodeToString([]byte(value)),
	}
	// In base64 of something longer it begins at one of three places, and its first
	// and last letters are mixed with what stands beside it.
	for skip := range 3 {
		whole := value[skip : len(value)-(len(value)-skip)%3]
		all["in base64, "+string('0'+rune(skip))] = base64.RawStdEncoding.EncodeToString([]byte(whole))
		all["in base64url, "+string('0'+rune(skip))] = base64.RawURLEncoding.EncodeToString([]byte(whole))
	}
	return all
}

// The search must find what it is after.
func TestSecretsAreFound(t *testing.T) {
	const secret = "s3cr3t/of+many~words?"
	var known secrets
	known.add("secret", secret)
	for _, text := range []string{
		secret, "x" + secret + "y", `{"a":"` + url.QueryEscape("a="+secret) + `"}`, base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("user:" + secret)), base64.URLEncoding.EncodeToString([]byte("a:" + secret + ";b")),
		hex.EncodeToString([]byte(secret)), "/.ones/login?return_to=" + url.QueryEscape("/x?a="+url.QueryEscape(secret)),
	} {
		if len(known.in([]byte(text))) != 1 {
			t.Errorf("not found in %s", text)
		}
	}
	if found := known.in([]byte(secret[1:])); len(found) != 0 {
		t.Errorf("found in something else: %v", found)
	}
}

// overhear collects the secrets that pass between the gateway and Microsoft.
func (s *secrets) overhear(microsoft http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			s.add("access_token", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			microsoft.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		form, _ := url.ParseQuery(string(body))
		for _, name := range []string{"code", "code_verifier", "refresh_token", "client_secret", "client_assertion"} {
			s.add(name, form.Get(name))
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		microsoft.ServeHTTP(answer, r)
		var tokens map[string]any
		_ = json.Unmarshal(answer.Body.Bytes(), &tokens)
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			if value, ok := tokens[name].(string); ok {
				s.add(name, value)
			}
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// watched is a browser's way to the gateway, which keeps what comes from there
// and knows the cookies that are set.
type watched struct {
	secrets *secrets
	gateway string // host

	mu    sync.Mutex
	pages bytes.Buffer
}

// RoundTrip implements http.RoundTripper.
func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/callback") {
		w.secrets.add("code", r.URL.Query().Get("code"))
	}
	if strings.Contains(r.Header.Get("Referer"), "/callback") {
		r.Header.Del("Referer") // a browser does as the callbacks' policy says; Go's client doesn't (TestR12TheCodeIsGoneAtOnce)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || r.URL.Host != w.gateway {
		return res, err
	}
	for _, c := range res.Cookies() {
		w.secrets.add("cookie", c.Value)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages.WriteString(r.Method + " " + r.URL.Path + "\n" + res.Header.Get("Location") + "\n")
	w.pages.Write(body)
	return res, err
}

// logBlocks returns the two log blocks of the production example: of Caddy
// itself and of the site.
func logBlocks(t *testing.T) (own, site string) {
	t.Helper()
	text, err := os.ReadFile("../Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for rest := string(text); ; {
		_, after, ok := strings.Cut(rest, "\n\tlog {\n")
		if !ok {
			break
		}
		block, after, ok := strings.Cut(after, "\n\t}\n")
		if !ok {
			t.Fatal("a log block of the production example does not end")
		}
		found, rest = append(found, block), after
	}
	if len(found) != 2 {
		t.Fatalf("%d log blocks in the production example, want 2", len(found))
	}
	return found[0], found[1]
}

// X21, X13, V16.2.5: nothing that the gateway writes down, keeps or shows holds
// what would let somebody in: not at level DEBUG with the production example's
// log blocks, nor in an access log without any filter.
func TestX21NoSecretAnywhere(t *testing.T) {
	own, site := logBlocks(t)
	for name, write := range map[string]func(caddyfile, dir string) string{
		"production example, debug": func(text, dir string) string {
			text = strings.Replace(text, "{\n\tadmin", "{\n\tlog {\n\t\tlevel DEBUG\n"+own+"\n\t}\n\tadmin", 1)
			return strings.Replace(text, "\tbind 127.0.0.1\n\tones_auth", "\tlog {\n\t\toutput file "+dir+"/access.log\n"+site+"\n\t}\n\tbind 127.0.0.1\n\tones_auth", 1)
		},
		"no filter": func(text, dir string) string {
			return strings.Replace(text, "\tbind 127.0.0.1\n\tones_auth", "\tlog {\n\t\toutput file "+dir+"/access.log\n\t}\n\tbind 127.0.0.1\n\tones_auth", 1)
		},
	} {
		t.Run(name, func(t *testing.T) { noSecretAnywhere(t, write) })
	}
}

func noSecretAnywhere(t *testing.T, change func(caddyfile, dir string) string) {
	var known secrets
	w := newWorld(t, func(c *m365.Config) {
		app := &c.Tenants[0].Apps[0]
		app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
		c.Tenants[0].Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
		for i := range c.Tenants[0].People {
			if c.Tenants[0].People[i].Mail == bob { // X10: what a directory says is no placeholder
				c.Tenants[0].People[i].Name = "{env.ONES_CLIENT_SECRET}"
			}
		}
	})
	w.microsoft.Config.Handler = known.overhear(w.microsoft.Config.Handler)
	known.add("client_secret", w.secret)
	known.add("service token", serviceToken)

	file := w.write(map[string]any{"Mode": "optional", "Auth": "admins contoso/" + alice})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(string(text), w.dir)
	changed = strings.Replace(changed, "\thandle_path /api", "\thandle /who {\n\t\trespond \"{ones.user.name}\"\n\t}\n\thandle_path /api", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}

	gateway := w.gateway()
	stop := func() string {
		t.Helper()
		if status := gateway.stop(); status != 0 {
			t.Errorf("stopped with %d", status)
		}
		return gateway.errors()
	}
	watch := &watched{secrets: &known, gateway: strings.TrimPrefix(w.home, "http://")}
	visit := func() *visitor {
		v := newVisitor(t, w.home)
		v.client.Transport = watch
		return v
	}
	seen := func() {
		known.add("assertion", w.lastSeen().Header.Get("X-Ones-Assertion"))
	}
	var log strings.Builder

	// What goes well.
	v := visit()
	v.signIn(alice)
	seen()
	for _, path := range []string{"/.ones/me", "/.ones/login", "/.ones/logout", "/.ones/jwks.json", "/.ones/integrations", "/.ones/account", "/display/1", "/rooms?day=1"} {
		v.page(path)
	}
	if a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, 10), "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	w.serve(http.MethodGet, "/v1/bookings", nil, "Ones-Act-As", alice)

	if a := v.connect("boardroom", boardroom); a.StatusCode != http.StatusOK || a.Request.URL.Path != "/.ones/rooms/boardroom/connect" {
		t.Errorf("connecting a room ends at %s with %d: %s", a.Request.URL, a.StatusCode, a.body)
	}

	// X10: what comes from outside is no placeholder.
	v.call(http.MethodGet, "/{env.ONES_CLIENT_SECRET}?a={env.ONES_SERVICE_TOKEN}&return_to={env.ONES_CLIENT_SECRET}", nil,
		"User-Agent", "{env.ONES_CLIENT_SECRET}", "X-Forwarded-Host", "{env.ONES_CLIENT_SECRET}")
	named := visit()
	named.signIn(bob)
	if got := w.lastSeen().Header.Get("X-Ones-User-Name"); got != "{env.ONES_CLIENT_SECRET}" {
		t.Errorf("X10: the name of somebody with a strange name is %q", got)
	}
	if got := named.call(http.MethodGet, "/who", nil).body; got != "{env.ONES_CLIENT_SECRET}" {
		t.Errorf("X10: the placeholder of a strange name is %q", got)
	}
	named.page("/.ones/logout")
	seen()

	// What goes wrong.
	stranger := visit()
	stranger.page("/.ones/login/contoso?return_to=/")
	for _, query := range []string{
		"code=a-code-that-was-never-issued&state=x", "error=access_denied&error_description=AADSTS65004&state=x", "",
	} {
		stranger.page("/.ones/callback?" + query)
	}
	known.add("code", "a-code-that-was-never-issued")
	known.add("wrong service token", "a-wrong-service-token-of-more-than-32-bytes")
	known.add("cookie", strings.Repeat("planted", 7))
	named.send(named.request(http.MethodPost, "/", "x", "Origin", "https://evil.example"))
	named.press("/.ones/rooms/boardroom/disconnect", w.home) // bob is no admin
	stranger.call(http.MethodGet, "/", nil, "Cookie", "onesgate="+strings.Repeat("planted", 7))
	service := newVisitor(t, "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(w.service)))
	service.send(service.request(http.MethodGet, "/v1/bookings", nil, "Authorization", "Bearer a-wrong-service-token-of-more-than-32-bytes"))
	for _, fault := range []map[string]any{
		{"code": "AADSTS70000"}, {"status": 503, "html": true}, {"truncate": 40}, {"lost_reply": true}, {"code": "AADSTS7000215"},
	} {
		fault["match"], fault["times"] = "POST /*/oauth2/v2.0/token", 1
		w.sim(http.MethodPost, "/_sim/faults", fault)
		if a := visit().signIn(alice); a.StatusCode < 400 {
			t.Errorf("a sign-in with %v: %d", fault, a.StatusCode)
		}
	}
	w.sim(http.MethodDelete, "/_sim/faults", nil)

	// After a restart a token that Graph refuses is refreshed, with what was kept; then
	// that is refused, too.
	log.WriteString(stop())
	gateway = w.gateway()
	unwelcome := func() {
		w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/calendar/getSchedule", "times": 1, "code": "InvalidAuthenticationToken"})
	}
	unwelcome()
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 2, 10), "Ones-Act-As", alice, "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Fatalf("booking after a restart: %d %s", a.StatusCode, a.body)
	}
	w.sim(http.MethodPost, "/_sim/revoke", map[string]any{"mail": alice})
	log.WriteString(stop())
	gateway = w.gateway()
	unwelcome()
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 10), "Ones-Act-As", alice, "Prefer", "wait=30"); a.StatusCode < 400 {
		t.Fatalf("booking with a grant that was revoked: %d %s", a.StatusCode, a.body)
	}

	// What Caddy shows, and the command line.
	shown := w.admin("/config/")
	if !strings.Contains(shown, "{env.ONES_CLIENT_SECRET}") {
		t.Errorf("the configuration is not what was meant: %s", shown)
	}
	status, _ := command(t, w.env(), "ones", "status", "--address", "unix/"+w.dir+"/admin.sock")
	shown += status + w.admin("/metrics")
	bundle := w.bundle()
	for _, name := range slices.Sorted(maps.Keys(bundle)) {
		shown += name + "\n" + bundle[name]
	}
	w.anonymous(bundle, named.call(http.MethodGet, "/.ones/me", nil).json(t))

	// ONES is away; then somebody signs out.
	v.call(http.MethodGet, "/", nil)
	seen()
	w.ones.Close()
	if a := v.call(http.MethodGet, "/", nil); a.StatusCode != http.StatusBadGateway {
		t.Errorf("with ONES away: %d", a.StatusCode)
	}
	v.send(v.request(http.MethodPost, "/.ones/logout", "", "Origin", w.home, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html"))
	log.WriteString(stop())

	for name, least := range map[string]int{
		"code": 3, "code_verifier": 3, "refresh_token": 3, "access_token": 3, "id_token": 2, "cookie": 5, "assertion": 2, "client_secret": 1,
	} {
		if n := known.count(name); n < least {
			t.Errorf("only %d of the kind %s were overheard, want %d", n, name, least)
		}
	}
	watch.mu.Lock()
	texts := map[string][]byte{"standard error": []byte(log.String()), "the admin API": []byte(shown), "the pages": watch.pages.Bytes()}
	watch.mu.Unlock()
	err = filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		texts[strings.TrimPrefix(path, w.dir+"/")], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range texts {
		for what, how := range known.in(text) {
			t.Errorf("X21: a %s stands, %s, in %s", what, how, where)
		}
	}
	told(t, log.String())
	for where, holds := range map[string]string{
		"standard error": `"logger":"ones.audit"`, "access.log": "/.ones/me", "the pages": "data-kind", "the admin API": "ones",
	} {
		if !strings.Contains(string(texts[where]), holds) {
			t.Errorf("%s does not hold %s: not what was meant", where, holds)
		}
	}
}

// told fails unless the log tells who did what, and what was refused.
func told(t *testing.T, log string) {
	t.Helper()
	for _, line := range []string{
		`"logger":"ones.audit","msg":"signed in"`, `"logger":"ones.audit","msg":"signed out"`, `"logger":"ones.audit","msg":"room connected"`,
		`"logger":"ones.audit","msg":"booking","action":"create"`, `"logger":"ones.audit","msg":"cross-site request refused"`,
		`"logger":"ones.audit","msg":"a page for admins was refused"`, `"logger":"ones.audit","msg":"bearer token refused"`,
		`"logger":"ones","msg":"sign-in failed"`, `"logger":"ones","msg":"a connection was refused by Microsoft"`,
	} {
		if !strings.Contains(log, line) {
			t.Errorf("V16.3: the log lacks %s", line)
		}
	}
}

// admin asks Caddy's admin API.
func (w *world) admin(path string) string {
	w.t.Helper()
	return w.tell(http.MethodGet, path, "")
}

// tell calls Caddy's admin API, with JSON.
func (w *world) tell(method, path, body string) string {
	w.t.Helper()
	told, err := w.askAdmin(method, path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	return told
}

// askAdmin is tell for a gateway that may be dead.
func (w *world) askAdmin(method, path, body string) (string, error) {
	hc := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.dir+"/admin.sock")
	}}}
	defer hc.CloseIdleConnections()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := hc.Do(req)
	if method == http.MethodGet && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		res, err = hc.Do(req) // a reload replaces the admin server: the old one hangs up on who comes in that moment
	}
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return string(answer), err
}
