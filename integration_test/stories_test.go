package integration_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	alice = "alice@contoso.example"
	bob   = "bob@contoso.example"
)

// booked waits until a booking has left the states it can't stay in.
func booked(t *testing.T, get func() answer, pending ...string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a := get()
		if a.StatusCode != http.StatusOK {
			t.Fatalf("reading the booking: %d %s", a.StatusCode, a.body)
		}
		b := a.json(t)
		waits := false
		for _, s := range pending {
			waits = waits || b["status"] == s
		}
		if !waits {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("the booking stays %v", b["status"])
		}
		time.Sleep(50 * time.Millisecond) // between two looks at another process
	}
}

// Nobody knows whether Calendars.ReadWrite.Shared alone covers the calls whose
// documentation doesn't list it, so the gateway has to work either way.
func TestSignInHeadersAndBooking(t *testing.T) {
	for _, scopes := range []string{m365.ScopesSuperset, m365.ScopesTables} {
		t.Run(scopes, func(t *testing.T) { signInHeadersAndBooking(t, scopes) })
	}
}

func signInHeadersAndBooking(t *testing.T, scopes string) {
	w := newWorld(t, func(c *m365.Config) { c.Scopes = scopes })
	w.write(nil)
	w.gateway()

	v := newVisitor(t, w.home)
	if a := v.signIn(alice); a.StatusCode != http.StatusOK || a.body != "ones" {
		t.Fatalf("after the sign-in: %d %s", a.StatusCode, a.body)
	}
	got := w.lastSeen().Header
	for name, want := range map[string]string{
		"X-Ones-User-Email": alice, "X-Ones-User-Name": "Alice Chan", "X-Ones-User-Groups": "staff",
		"X-Ones-Integration": "contoso", "X-Ones-Connection": "connected",
	} {
		if got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Get(name), want)
		}
	}
	for _, name := range []string{"X-Ones-User-Id", "X-Ones-Card-Number", "X-Ones-Tenant-Id", "X-Ones-Assertion"} {
		if got.Get(name) == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if c := got.Get("Cookie"); strings.Contains(c, "onesgate") {
		t.Errorf("our cookies reached ONES: %s", c)
	}
	me := v.call(http.MethodGet, "/.ones/me", nil)
	if me.StatusCode != http.StatusOK || me.json(t)["email"] != alice || strings.Contains(me.body, "token") {
		t.Errorf("/.ones/me: %d %s", me.StatusCode, me.body)
	}

	a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, 10), "Prefer", "wait=30")
	if a.StatusCode != http.StatusCreated || a.json(t)["status"] != "confirmed" {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	if a.json(t)["graph"].(map[string]any)["event_id"] == "" {
		t.Errorf("no event: %s", a.body)
	}

	// Somebody else wants the same slot, and gets the clash and what is free.
	other := newVisitor(t, w.home)
	other.signIn(bob)
	a = other.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, 10))
	if a.StatusCode != http.StatusConflict || a.json(t)["code"] != "room_conflict" {
		t.Fatalf("the same slot: %d %s", a.StatusCode, a.body)
	}
	if a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("content type %s", a.Header.Get("Content-Type"))
	}
	if len(a.json(t)["clashes"].([]any)) != 1 || len(a.json(t)["alternatives"].([]any)) == 0 {
		t.Errorf("clashes and alternatives: %s", a.body)
	}

	// Cancelling frees it.
	list := v.call(http.MethodGet, "/api/m365/v1/bookings", nil).json(t)["bookings"].([]any)
	if len(list) != 1 {
		t.Fatalf("alice has %d bookings, want 1", len(list))
	}
	id := list[0].(map[string]any)["id"].(string)
	if a := other.call(http.MethodGet, "/api/m365/v1/bookings/"+id, nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("bob reads alice's booking: %d", a.StatusCode)
	}
	if a := v.call(http.MethodDelete, "/api/m365/v1/bookings/"+id, nil); a.StatusCode != http.StatusOK || a.json(t)["status"] != "cancelled" {
		t.Fatalf("cancelling: %d %s", a.StatusCode, a.body)
	}
	if a := other.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, 10), "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Errorf("the freed slot: %d %s", a.StatusCode, a.body)
	}
}

func TestServiceCaller(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 9), "Ones-Act-As", alice); a.StatusCode != http.StatusNotFound || a.json(t)["code"] != "unknown_user" {
		t.Fatalf("for somebody who has never signed in: %d %s", a.StatusCode, a.body)
	}
	v := newVisitor(t, w.home)
	v.signIn(alice)
	a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 9), "Ones-Act-As", alice, "Prefer", "wait=30", "Idempotency-Key", "k1")
	if a.StatusCode != http.StatusCreated || a.json(t)["status"] != "confirmed" {
		t.Fatalf("booking for alice: %d %s", a.StatusCode, a.body)
	}
	again := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 9), "Ones-Act-As", alice, "Idempotency-Key", "k1")
	if again.StatusCode != http.StatusOK || again.Header.Get("Idempotent-Replayed") != "true" || again.json(t)["id"] != a.json(t)["id"] {
		t.Errorf("the same request again: %d %v %s", again.StatusCode, again.Header, again.body)
	}
	card := v.call(http.MethodGet, "/.ones/me", nil).json(t)["card_number"].(string)
	if a := w.serve(http.MethodGet, "/v1/bookings", nil, "Ones-Act-As", "card:"+card); a.StatusCode != http.StatusOK || len(a.json(t)["bookings"].([]any)) != 1 {
		t.Errorf("by card: %d %s", a.StatusCode, a.body)
	}
	// A wrong token, a person's header without a token, and a person who pretends to be a server.
	bad := newVisitor(t, "http://127.0.0.1:"+strings.TrimPrefix(w.serve(http.MethodGet, "/v1/rooms", nil).Request.URL.Host, "127.0.0.1:"))
	if a := bad.send(bad.request(http.MethodGet, "/v1/rooms", nil, "Authorization", "Bearer wrong")); a.StatusCode != http.StatusUnauthorized || a.Header.Get("Www-Authenticate") == "" {
		t.Errorf("a wrong token: %d %v", a.StatusCode, a.Header)
	}
	if a := bad.send(bad.request(http.MethodGet, "/v1/bookings", nil, "Ones-Act-As", alice)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("no token: %d", a.StatusCode)
	}
	if a := v.call(http.MethodGet, "/api/m365/v1/bookings", nil, "Ones-Act-As", bob); a.StatusCode != http.StatusForbidden || a.json(t)["code"] != "forbidden" {
		t.Errorf("a person who acts as somebody else: %d %s", a.StatusCode, a.body)
	}
	if a := v.call(http.MethodGet, "/api/m365/openapi.json", nil); a.StatusCode != http.StatusOK || a.json(t)["openapi"] != "3.1.0" {
		t.Errorf("OpenAPI: %d", a.StatusCode)
	}
}

func TestForgedHeadersNeverReachOnes(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]any{"Mode": "optional"})
	w.gateway()
	forged := []string{"X-Ones-User-Id", "evil", "X_Ones_User_Email", "evil@evil.example", "Ones-Act-As", bob, "X-ONES-Anything", "evil"}
	v := newVisitor(t, w.home)
	for _, path := range []string{"/", "/display/1", "/anything?x=1"} {
		if a := v.call(http.MethodGet, path, nil, forged...); a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
		}
		for name := range w.lastSeen().Header {
			if n := strings.ToLower(strings.ReplaceAll(name, "_", "-")); strings.HasPrefix(n, "x-ones-") || n == "ones-act-as" {
				t.Errorf("%s: %s reached ONES from an anonymous visitor", path, name)
			}
		}
	}
	// A trailer comes after the body, and some servers take it for a header.
	req := v.request(http.MethodPost, "/", "body")
	req.ContentLength, req.Trailer = -1, http.Header{"X-Ones-User-Id": {"evil"}}
	if a := v.send(req); a.StatusCode != http.StatusOK || len(w.lastSeen().Trailer) != 0 {
		t.Errorf("trailers reached ONES: %d %v", a.StatusCode, w.lastSeen().Trailer)
	}
	v.signIn(alice)
	// A client that names our headers hop-by-hop would have the proxy delete them.
	a := v.call(http.MethodGet, "/", nil, append(forged, "Connection", "X-Ones-User-Id, X-Ones-User-Email, X_Ones_Assertion")...)
	if a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.body)
	}
	h := w.lastSeen().Header
	if got := h["X-Ones-User-Email"]; len(got) != 1 || got[0] != alice {
		t.Errorf("X-Ones-User-Email = %q, want alice's, once", got)
	}
	if id := h.Get("X-Ones-User-Id"); id == "" || id == "evil" || h.Get("X-Ones-Assertion") == "" {
		t.Errorf("identity was lost: %v", h)
	}
	if h.Get("X-Ones-Anything") != "" || h.Get("Ones-Act-As") != "" {
		t.Errorf("forged headers reached ONES: %v", h)
	}
	// Public paths stay anonymous also for the signed-in.
	v.call(http.MethodGet, "/display/1", nil)
	if id := w.lastSeen().Header.Get("X-Ones-User-Id"); id != "" {
		t.Errorf("a public path told who asks: %s", id)
	}
}

func TestWithoutASession(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	if a := v.page("/rooms?day=1"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/.ones/login?return_to=%2Frooms%3Fday%3D1" {
		t.Errorf("a page: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if a := v.call(http.MethodPost, "/rooms", "x=1", "Accept", "text/html"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "<html") {
		t.Errorf("a form: %d %s", a.StatusCode, a.body)
	}
	for name, headers := range map[string][]string{
		"fetch":     {"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"},
		"XHR":       {"X-Requested-With", "XMLHttpRequest", "Accept", "text/html"},
		"image":     {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		"iframe":    {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"},
		"WebSocket": {"Connection", "Upgrade", "Upgrade", "websocket", "Accept", "text/html"},
		"program":   {"Accept", "application/json"},
	} {
		a := v.call(http.MethodGet, "/x", nil, headers...)
		if a.StatusCode != http.StatusUnauthorized || a.Header.Get("Content-Type") != "application/problem+json" ||
			!strings.HasPrefix(a.json(t)["login_url"].(string), w.home+"/.ones/login") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if n := w.countSeen(); n != 0 {
		t.Errorf("%d requests reached ONES", n)
	}
	if a := v.call(http.MethodGet, "/display/1", nil); a.StatusCode != http.StatusOK || w.countSeen() != 1 {
		t.Errorf("a public path: %d", a.StatusCode)
	}
}

func TestCrossSiteIsRefused(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	before := w.countSeen()
	for name, headers := range map[string][]string{
		"another origin": {"Origin", "https://evil.example"},
		"no origin":      {},
		"same site":      {"Sec-Fetch-Site", "same-site"},
		"null":           {"Origin", "null"},
	} {
		if a := v.send(v.request(http.MethodPost, "/", "x", headers...)); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if a := v.send(v.request(http.MethodGet, "/ws", nil, "Upgrade", "websocket", "Connection", "Upgrade", "Origin", "https://evil.example")); a.StatusCode != http.StatusForbidden {
		t.Errorf("a WebSocket from elsewhere: %d", a.StatusCode)
	}
	if w.countSeen() != before {
		t.Error("a cross-site request reached ONES")
	}
	if a := v.send(v.request(http.MethodPost, "/", "x", "Sec-Fetch-Site", "same-origin")); a.StatusCode != http.StatusOK {
		t.Errorf("our own page: %d", a.StatusCode)
	}
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	asks := v.page("/.ones/logout")
	if asks.StatusCode != http.StatusOK || v.call(http.MethodGet, "/.ones/me", nil).StatusCode != http.StatusOK {
		t.Fatalf("looking at the sign-out page signs out, or fails: %d", asks.StatusCode)
	}
	req := v.request(http.MethodPost, "/.ones/logout", "", "Origin", w.home, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	stolen := newVisitor(t, w.home) // somebody who has copied the cookie
	stolen.client.Jar.SetCookies(req.URL, v.client.Jar.Cookies(req.URL))
	if a := v.send(req); a.StatusCode != http.StatusOK || a.Request.URL.Path != "/.ones/signed-out" {
		t.Fatalf("signing out ends at %s with %d: %s", a.Request.URL, a.StatusCode, a.body)
	}
	for name, who := range map[string]*visitor{"the browser": v, "the copied cookie": stolen} {
		if a := who.call(http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("X5: %s is still signed in: %d", name, a.StatusCode)
		}
	}
}

func TestKilledGatewayBooksExactlyOnce(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	p := w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)

	// Microsoft commits, but its answer is lost; then the gateway is killed.
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "times": 1, "lost_reply": true})
	a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 2, 11), "Prefer", "respond-async")
	if a.StatusCode != http.StatusAccepted || a.Header.Get("Location") == "" {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	id := a.json(t)["id"].(string)
	p.kill()
	w.gateway()

	// The session, the grant and the booking are all still there.
	b := booked(t, func() answer { return v.call(http.MethodGet, "/api/m365/v1/bookings/"+id, nil) }, "accepted", "awaiting_room")
	if b["status"] != "confirmed" {
		t.Fatalf("after the restart the booking is %s", pretty(b))
	}
	if a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 2, 14), "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Fatalf("booking again without signing in: %d %s", a.StatusCode, a.body)
	}
	if n := w.eventsNamed(alice, "Quarterly review"); n != 2 {
		t.Errorf("alice's calendar has %d events, want the two that were booked", n)
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t)
	file := w.write(nil)
	p := w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)

	reload := func() (string, int) {
		return command(t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+w.dir+"/admin.sock")
	}
	w.write(map[string]any{"Label": "Come in"})
	if out, status := reload(); status != 0 {
		t.Fatalf("reload: %s", out)
	}
	if a := v.call(http.MethodGet, "/.ones/integrations", nil); !strings.Contains(a.body, "Come in") {
		t.Errorf("the new label is not in force: %s", a.body)
	}
	if a := v.call(http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusOK {
		t.Errorf("the session was lost by a reload: %d", a.StatusCode)
	}
	// A bad reload changes nothing, and leaves the store to the one that runs.
	_, taken, err := net.SplitHostPort(w.microsoft.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for i, bad := range []struct {
		name, why string
		change    map[string]any
	}{
		{"refused when adapted", "ones_auth doesn't know", map[string]any{"Mode": "require\n\t\tpublic_all"}},
		{"refused when provisioned", "ONES_NOT_SET is not set", map[string]any{"Mode": "require\n\t\tassertion_audience {env.ONES_NOT_SET}"}},
		{"refused when started", "restart the gateway", map[string]any{"MinFree": "32MiB"}},
		{"a port that is in use", "address already in use", map[string]any{"Service": taken}},
	} {
		w.write(bad.change)
		if out, status := reload(); status == 0 || !strings.Contains(out, bad.why) {
			t.Errorf("%s: %d %s, want it refused with %q", bad.name, status, out, bad.why)
		}
		a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("harbour", 3, 9+i), "Prefer", "wait=30")
		if a.StatusCode != http.StatusCreated {
			t.Errorf("%s: booking afterwards: %d %s", bad.name, a.StatusCode, a.body)
		}
	}
	if p.stop() != 0 {
		t.Errorf("stopped with %d:\n%s", p.cmd.ProcessState.ExitCode(), p.errors())
	}
}

func TestWrongClientSecret(t *testing.T) {
	w := newWorld(t)
	w.secret = "not-the-secret"
	w.write(nil)
	p := w.gateway()
	v := newVisitor(t, w.home)
	a := v.signIn(alice)
	if !strings.Contains(a.body, "AADSTS7000215") || a.StatusCode < 500 {
		t.Errorf("the page does not tell: %d %s", a.StatusCode, a.body)
	}
	p.logs("AADSTS7000215")
	if strings.Contains(p.errors(), w.secret) {
		t.Errorf("the log tells the secret:\n%s", p.errors())
	}
}

func TestUnreachableProvider(t *testing.T) {
	w := newWorld(t)
	w.microsoft.Close()
	w.write(map[string]any{"Mode": "optional"})
	w.gateway() // an outage there does not stop a start
	v := newVisitor(t, w.home)
	if a := v.page("/"); a.StatusCode != http.StatusOK || a.body != "ones" {
		t.Errorf("ONES itself: %d %s", a.StatusCode, a.body)
	}
	if a := v.page("/.ones/login/contoso"); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "Microsoft") {
		t.Errorf("signing in: %d %s", a.StatusCode, a.body)
	}
}

func TestBadBookings(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	changed := func(change map[string]any) map[string]any {
		m := meeting("boardroom", 1, 10)
		for k, val := range change {
			m[k] = val
		}
		return m
	}
	for name, tt := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"an unknown room":  {changed(map[string]any{"room": "attic"}), 404, "unknown_room"},
		"end before start": {changed(map[string]any{"end": meeting("", 1, 8)["start"]}), 422, "invalid_request"},
		"broken JSON":      {`{"room": "board`, 400, "malformed"},
		"too long":         {changed(map[string]any{"end": meeting("", 1, 20)["start"]}), 422, "invalid_request"},
		"no subject field": {changed(map[string]any{"colour": "red"}), 422, "invalid_request"},
	} {
		a := v.call(http.MethodPost, "/api/m365/v1/bookings", tt.body)
		if a.StatusCode != tt.status || a.json(t)["code"] != tt.code || a.json(t)["detail"] == "" {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, tt.status, tt.code)
		}
	}
	if n := w.eventsNamed(alice, "Quarterly review"); n != 0 {
		t.Errorf("%d events were made", n)
	}
}

func TestDeclinedByThePerson(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	a := v.page("/.ones/login/contoso")
	action, fields := form(t, a, "cancel")
	fields.Set("cancel", "1")
	a = v.send(v.request(http.MethodPost, action, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html",
		"Origin", a.Request.URL.Scheme+"://"+a.Request.URL.Host))
	if !strings.HasPrefix(a.Request.URL.String(), w.home+"/.ones/callback") || !strings.Contains(a.body, "/.ones/login/contoso") {
		t.Errorf("after declining: %s %d %s", a.Request.URL, a.StatusCode, a.body)
	}
	if n := w.countSeen(); n != 0 {
		t.Errorf("%d requests reached ONES", n)
	}
}

func TestCommandLine(t *testing.T) {
	w := newWorld(t)
	file := w.write(nil)

	t.Run("validate names what is missing", func(t *testing.T) {
		out, status := command(t, []string{"ONES_SERVICE_TOKEN=" + serviceToken, "ONES_CLIENT_SECRET="}, "validate", "--config", file, "--adapter", "caddyfile")
		if status == 0 || !strings.Contains(out, "ONES_CLIENT_SECRET is not set") {
			t.Errorf("%d %s", status, out)
		}
	})
	t.Run("the production example", func(t *testing.T) {
		env := []string{
			"ONES_TENANT_ID=11111111-2222-3333-4444-555555555555", "ONES_CLIENT_ID=99999999-8888-7777-6666-555555555555", "ONES_CLIENT_SECRET=secret",
			"ONES_SERVICE_TOKEN=" + serviceToken, "XDG_DATA_HOME=" + w.dir, "XDG_CONFIG_HOME=" + w.dir,
		}
		if out, status := command(t, env, "validate", "--config", "../Caddyfile"); status != 0 {
			t.Errorf("validate: %d %s", status, out)
		}
		for i, missing := range env[:4] {
			name, _, _ := strings.Cut(missing, "=")
			without := append([]string{name + "="}, append(env[:i:i], env[i+1:]...)...)
			if out, status := command(t, without, "validate", "--config", "../Caddyfile"); status == 0 || !strings.Contains(out, name) {
				t.Errorf("without %s: %d %s", name, status, out)
			}
		}
		if out, status := command(t, nil, "fmt", "--diff", "../Caddyfile"); status != 0 || strings.Contains(out, "\n+") || strings.Contains(out, "\n-") {
			t.Errorf("fmt: %d %s", status, out)
		}
	})
	t.Run("what may be wrong is shown with its place", func(t *testing.T) {
		doubtful := w.write(map[string]any{"Server": "scopes Calendar.Read"})
		defer w.write(nil)
		text, err := os.ReadFile(doubtful)
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(string(text), "scopes Calendar.Read")
		line := 1 + strings.Count(before, "\n")
		for _, do := range []string{"adapt", "validate"} {
			out, status := command(t, w.env(), do, "--config", doubtful, "--adapter", "caddyfile")
			if status != 0 || !strings.Contains(out, "did you mean Calendars.Read?") || !strings.Contains(out, fmt.Sprintf(`"file":%q,"line":%d`, doubtful, line)) &&
				!strings.Contains(out, fmt.Sprintf(`"file": %q, "line": %d`, doubtful, line)) {
				t.Errorf("%s: %d %s", do, status, out)
			}
		}
		if out, _ := command(t, w.env(), "ones", "redirect-uris", "--config", doubtful); strings.Contains(out, "Calendar") {
			t.Errorf("it is logged by a command of ours, too: %s", out)
		}
	})
	t.Run("validate beside a running gateway", func(t *testing.T) {
		p := w.gateway()
		if out, status := command(t, w.env(), "validate", "--config", file, "--adapter", "caddyfile"); status != 0 {
			t.Errorf("%d %s", status, out)
		}
		// A second gateway on the same store is refused, and told by whom it is used.
		w.write(map[string]any{"Port": freePort(t), "Service": freePort(t), "Admin": "off"})
		out, status := command(t, w.env(), "run", "--config", file, "--adapter", "caddyfile")
		if status == 0 || !strings.Contains(out, w.dir+"/store") || !strings.Contains(out, "process "+strconv.Itoa(p.cmd.Process.Pid)) {
			t.Errorf("a second gateway: %d %s", status, out)
		}
	})
	t.Run("a folder that can't be written", func(t *testing.T) {
		blocked := filepath.Join(w.dir, "a-file")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.write(map[string]any{"Dir": blocked, "Admin": "off"})
		out, status := command(t, w.env(), "run", "--config", file, "--adapter", "caddyfile")
		if status == 0 || !strings.Contains(out, blocked) {
			t.Errorf("%d %s", status, out)
		}
	})
	t.Run("the demo on a busy port", func(t *testing.T) {
		port := w.microsoft.Listener.Addr().String()
		port = port[strings.LastIndexByte(port, ':')+1:]
		out, status := command(t, nil, "demo", "--port", port)
		if status == 0 || !strings.Contains(out, "port "+port+" is in use") {
			t.Errorf("%d %s", status, out)
		}
	})
	t.Run("the demo in a folder that can't be written", func(t *testing.T) {
		out, status := command(t, nil, "demo", "--data", "/proc/onesgate")
		if status == 0 || !strings.Contains(out, "/proc/onesgate") || !strings.Contains(out, "--data") {
			t.Errorf("%d %s", status, out)
		}
	})
}

// An answer of Microsoft serves once, and only the browser that asked for it.
func TestCallbackServesOnce(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	var callback string
	v.client.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if req.URL.Path == "/.ones/callback" {
			callback = req.URL.RequestURI()
		}
		return nil
	}
	// Two tabs at once: the first one's answer still counts after the second began.
	second := v.page("/.ones/login/contoso?return_to=/second")
	v.signIn(alice)
	if callback == "" {
		t.Fatal("no callback was seen")
	}
	action, fields := form(t, second, "account")
	fields.Set("account", alice)
	a := v.send(v.request(http.MethodPost, action, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html",
		"Origin", second.Request.URL.Scheme+"://"+second.Request.URL.Host))
	if a.Request.URL.Path != "/second" || a.StatusCode != http.StatusOK {
		t.Errorf("the second tab ends at %s with %d", a.Request.URL, a.StatusCode)
	}

	calls := func() float64 {
		n, _ := w.sim(http.MethodGet, "/_sim", nil)["counters"].(map[string]any)["/{tenant}/oauth2/v2.0/token"].(float64)
		return n
	}
	before := calls()
	if before != 2 {
		t.Errorf("%v token calls for two sign-ins", before)
	}
	if a := v.page(callback); a.StatusCode != http.StatusOK || a.Request.URL.Path != "/" {
		t.Errorf("the back button ends at %s with %d", a.Request.URL, a.StatusCode)
	}
	thief := newVisitor(t, w.home)
	if a := thief.page(callback); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `data-kind="no_cookies"`) {
		t.Errorf("another browser: %d %s", a.StatusCode, a.body)
	}
	if a := thief.call(http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("another browser is signed in: %d", a.StatusCode)
	}
	if n := calls(); n != before {
		t.Errorf("%v token calls for replayed answers", n-before)
	}
}

// A shutdown lets requests under way finish: the store stays until then.
func TestShutdownDrains(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	v := newVisitor(t, w.home)
	for i := range 4 { // the order in which apps stop is random
		p := w.gateway()
		if i == 0 {
			v.signIn(alice)
		}
		w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "times": 1, "delay": "300ms"})
		answered := make(chan answer, 1)
		go func() {
			defer close(answered)
			answered <- v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 5, 9+i), "Prefer", "wait=30")
		}()
		p.logs(`"msg":"booking","action":"create"`) // it is accepted, and on its way
		if status := p.stop(); status != 0 {
			t.Errorf("stopped with %d", status)
		}
		if a, ok := <-answered; !ok || a.StatusCode != http.StatusCreated {
			t.Errorf("a booking during the shutdown: %v %s", a.Response, a.body)
		}
	}
}
