package signin

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/m365sim"
	"github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

const (
	boardroom = "/.ones/rooms/boardroom/connect"
	bob       = "bob@contoso.example"
	own       = "boardroom@contoso.example" // the room's own account
)

// A lobby is a stage with rooms, in front of a simulated Microsoft. Alice is an
// admin, and signed in.
type lobby struct {
	*stage
	microsoft *http.Client
	base      string
	alice     *identity.Person
	stolen    bool // the answer comes without the attempt's cookie
}

func newLobby(t *testing.T, change ...func(*world.Config)) *lobby {
	t.Helper()
	cfg := world.Sample()
	tenant := &cfg.Tenants[0]
	tenant.Apps[0].RedirectURIs = []string{"https://ones.example/.ones/callback", "https://ones.example/.ones/rooms/callback"}
	tenant.Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	for _, f := range change {
		f(&cfg)
	}
	server := httptest.NewUnstartedServer(nil)
	base := "http://localhost:" + server.Listener.Addr().String()[strings.LastIndexByte(server.Listener.Addr().String(), ':')+1:]
	sim, err := m365sim.New(cfg, m365sim.Options{BaseURL: base, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = sim
	server.Start()
	hc := &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		hc.CloseIdleConnections()
		server.Close()
		_ = sim.Close()
	})
	provider := entra.NewProvider(base+"/"+tenant.ID+"/v2.0", hc, time.Now)
	t.Cleanup(provider.Close)
	l := &lobby{
		stage: newStage(t, nil), microsoft: hc, base: base,
		alice: &identity.Person{ID: tenant.ID + ".alice", TenantID: tenant.ID, Integration: "contoso", Mailbox: "alice@contoso.example"},
	}
	app := tenant.Apps[0]
	l.site.Integrations = []Integration{{
		Name: "contoso", Rules: identity.Rules{Integration: "contoso"}, Graph: graph.NewClient(base, hc, time.Now),
		Entra: entra.NewClient(entra.Config{
			TenantID: tenant.ID, ClientID: app.ClientID, Credentials: []entra.Credential{{Secret: app.Secrets[0].Value}}, Scopes: app.Scopes,
		}, provider, slog.New(slog.DiscardHandler)),
	}}
	l.Admins = adminsOf(t, "contoso/"+l.alice.ID)
	l.signsInHere(t)
	l.site.Rooms = []Room{
		{Name: "boardroom", Integration: "contoso", Address: "Boardroom@Contoso.example", Title: "The Boardroom"},
		{Name: "harbour", Integration: "contoso", Address: "harbour@contoso.example", Title: "Harbour"},
	}
	return l
}

// signsInHere begins a session of Alice.
func (l *lobby) signsInHere(t *testing.T) {
	t.Helper()
	var err error
	if l.cookie, _, err = l.site.Sessions.Start(t.Context(), session.Opening{Person: l.alice, Life: l.Life}); err != nil {
		t.Fatal(err)
	}
}

// begins sends the browser to Microsoft, and returns where, with the attempt's cookie.
func (l *lobby) begins(t *testing.T, method, path string) (to *url.URL, cookie string) {
	t.Helper()
	w := l.send(t, method, path, true, "Origin", "https://ones.example")
	to, err := w.Result().Location()
	if w.Code != http.StatusSeeOther || err != nil || !strings.HasPrefix(to.String(), l.base) {
		t.Fatalf("%s %s: %d to %v", method, path, w.Code, to)
	}
	for _, c := range w.Result().Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return to, cookie
}

// signsIn signs somebody in at Microsoft, and returns with what the browser comes back.
func (l *lobby) signsIn(t *testing.T, at *url.URL, account string) url.Values {
	t.Helper()
	res, err := l.microsoft.PostForm(at.String(), url.Values{"account": {account}})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	return back.Query()
}

// connects goes the whole way as the admin, and returns the last answer.
func (l *lobby) connects(t *testing.T, path, account string) *httptest.ResponseRecorder {
	t.Helper()
	to, cookie := l.begins(t, http.MethodPost, path)
	return l.comesBack(t, "/.ones/rooms/callback", l.signsIn(t, to, account), cookie)
}

func (l *lobby) comesBack(t *testing.T, path string, with url.Values, cookie string) *httptest.ResponseRecorder {
	t.Helper()
	return l.send(t, http.MethodGet, path+"?"+with.Encode(), true, "Cookie", cookie, "Accept", "text/html")
}

// kept returns the account of the boardroom; "": none, and nothing is left of one.
func (l *lobby) kept(t *testing.T) string {
	t.Helper()
	account, state, err := l.site.RoomAccounts.Get(t.Context(), "contoso", "boardroom")
	if err == nil && state != grant.Connected {
		t.Errorf("the connection is %s", state)
	}
	if errors.Is(err, rooms.ErrNotConnected) {
		if err := l.store.Snapshot(t.Context(), func(r store.Record) error {
			if strings.HasPrefix(r.Key, "grant/") {
				t.Errorf("%s is kept", r.Key)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return account.Mailbox
}

func TestConnectARoom(t *testing.T) {
	l := newLobby(t)
	if err := l.site.People.SignedIn(t.Context(), *l.alice); err != nil {
		t.Fatal(err)
	}
	if w := l.send(t, http.MethodGet, boardroom, true, "Accept", "text/html"); w.Code != http.StatusOK ||
		!strings.Contains(w.Body.String(), "The Boardroom") || !strings.Contains(w.Body.String(), `data-connection="not_connected"`) ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action 'self' "+l.base+";") {
		t.Errorf("the page before: %d, %s, %v", w.Code, w.Body, w.Header())
	}
	to, _ := l.begins(t, http.MethodPost, boardroom)
	for name, want := range map[string]string{
		"redirect_uri": "https://ones.example/.ones/rooms/callback", "prompt": "select_account", "code_challenge_method": "S256", "response_type": "code",
	} {
		if got := to.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	w := l.connects(t, boardroom, own)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != boardroom || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%d to %s: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-onesgate" {
			t.Error("the admin's session has changed")
		}
	}
	if got := l.kept(t); got != own {
		t.Errorf("connected with %q", got)
	}
	account, _, err := l.site.RoomAccounts.Get(t.Context(), "contoso", "boardroom")
	if err != nil || account.Name != "Boardroom" || account.ConnectedBy != l.alice.ID || time.Since(account.ConnectedAt) > time.Minute {
		t.Errorf("%+v, %v", account, err)
	}
	if token, err := l.site.Grants.Token(t.Context(), rooms.GrantOwner("contoso", "boardroom"), grant.Ask{}); err != nil || token == "" {
		t.Errorf("Token: %v", err)
	}
	if w := l.send(t, http.MethodGet, boardroom, true, "Accept", "text/html"); !strings.Contains(w.Body.String(), own) ||
		!strings.Contains(w.Body.String(), `id="by">alice@contoso.example<`) ||
		!strings.Contains(w.Body.String(), `data-connection="connected"`) {
		t.Errorf("the page afterwards: %s", w.Body)
	}
	// The admin's own grant is what it was, and the room's account is nobody who has signed in.
	if c, err := l.site.Grants.Connection(t.Context(), l.alice.ID); err != nil || c.State() != grant.NeedsSignIn {
		t.Errorf("the admin's own connection: %v, %v", c.State(), err)
	}
	if found, err := l.site.People.ByEmail(t.Context(), own); err != nil || len(found) != 0 {
		t.Errorf("the room has become a person: %v, %v", found, err)
	}
	if w := l.send(t, http.MethodPost, "/.ones/rooms/boardroom/disconnect", true, "Origin", "https://ones.example"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != boardroom {
		t.Errorf("disconnecting: %d to %s", w.Code, w.Header().Get("Location"))
	}
	if got := l.kept(t); got != "" {
		t.Errorf("still connected with %q", got)
	}
}

// Who may stand for a room: its own account, or one that may edit its calendar.
func TestWhoMayStandForARoom(t *testing.T) {
	shares := func(with string, role world.Role) func(*world.Config) {
		return func(c *world.Config) {
			c.Tenants[0].Rooms[0].Shares = append(c.Tenants[0].Rooms[0].Shares, world.Share{With: with, Role: role})
		}
	}
	for _, scopes := range []string{world.ScopesSuperset, world.ScopesTables} {
		for name, tt := range map[string]struct {
			account string
			change  func(*world.Config)
			stands  bool
		}{
			"its own":                         {own, func(*world.Config) {}, true},
			"a stranger":                      {bob, func(*world.Config) {}, false},
			"a reader":                        {bob, shares(bob, world.RoleRead), false},
			"an editor":                       {bob, shares(bob, world.RoleWrite), true},
			"a delegate":                      {bob, shares(bob, world.RoleDelegate), true},
			"nobody may even see the room":    {bob, func(c *world.Config) { c.Tenants[0].Rooms[0].Shares = nil }, false},
			"a stranger without a mailbox":    {"eve@contoso.example", func(*world.Config) {}, false},
			"an editor without a mailbox":     {"eve@contoso.example", shares("eve@contoso.example", world.RoleWrite), true},
			"the account of another room":     {"peak@contoso.example", func(c *world.Config) { c.Tenants[0].Rooms[2].Account = "0b1ec700-0000-4000-8000-00000000b0a3" }, false},
			"an address that isn't a mailbox": {bob, func(c *world.Config) { c.Tenants[0].Rooms = c.Tenants[0].Rooms[1:]; c.Tenants[0].Events = nil }, false},
		} {
			t.Run(scopes+", "+name, func(t *testing.T) {
				l := newLobby(t, func(c *world.Config) { c.Scopes = scopes }, tt.change)
				w := l.connects(t, boardroom, tt.account)
				account, _, err := l.site.RoomAccounts.Get(t.Context(), "contoso", "boardroom")
				if tt.stands {
					if w.Code != http.StatusSeeOther || err != nil || account.PersonID == "" {
						t.Errorf("%d %s; %+v, %v", w.Code, w.Body, account, err)
					}
					return
				}
				if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `id="refused"`) || l.kept(t) != "" {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				if tt.account == bob && !strings.Contains(w.Body.String(), bob) {
					t.Errorf("the refused account is not named: %s", w.Body)
				}
			})
		}
	}
}

// One account takes the other's place, and one that is refused takes nobody's.
func TestReconnectARoom(t *testing.T) {
	l := newLobby(t, func(c *world.Config) {
		c.Tenants[0].Rooms[0].Shares = []world.Share{{With: bob, Role: world.RoleWrite}}
	})
	var resumed []string // whose bookings go on
	l.site.SignedIn = func(owner string) { resumed = append(resumed, owner) }
	for _, tt := range []struct{ account, kept string }{{own, own}, {"carol@contoso.example", own}, {bob, bob}, {own, own}} {
		l.connects(t, boardroom, tt.account)
		if got := l.kept(t); got != tt.kept {
			t.Errorf("after %s the room is connected with %q", tt.account, got)
		}
	}
	if owner := rooms.GrantOwner("contoso", "boardroom"); !slices.Equal(resumed, []string{owner, owner, owner}) {
		t.Errorf("resumed %v, want what the room has booked, each time it is connected", resumed)
	}
	if _, _, err := l.site.RoomAccounts.Get(t.Context(), "contoso", "harbour"); !errors.Is(err, rooms.ErrNotConnected) {
		t.Errorf("another room: %v", err)
	}
}

// An attempt serves at its own callback alone, once, for the admin who began it,
// while they are one.
func TestRoomCallbackRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		begin, back string
		change      func(t *testing.T, l *lobby)
		status      int
	}{
		"a person's attempt at the rooms' callback": {"/.ones/login/contoso", "/.ones/rooms/callback", nil, http.StatusBadRequest},
		// Signed in all the same, one just goes on from there.
		"a room's attempt at the people's callback": {boardroom, "/.ones/callback", nil, http.StatusSeeOther},
		"nobody is signed in any more":              {boardroom, "/.ones/rooms/callback", func(_ *testing.T, l *lobby) { l.cookie = strings.Repeat("A", 43) }, http.StatusBadRequest},
		"another session":                           {boardroom, "/.ones/rooms/callback", func(t *testing.T, l *lobby) { l.signsInHere(t) }, http.StatusBadRequest},
		"no admin any more":                         {boardroom, "/.ones/rooms/callback", func(_ *testing.T, l *lobby) { l.Admins = Admins{} }, http.StatusForbidden},
		"no such room any more":                     {boardroom, "/.ones/rooms/callback", func(_ *testing.T, l *lobby) { l.site.Rooms = nil }, http.StatusBadRequest},
		"no integration any more":                   {boardroom, "/.ones/rooms/callback", func(_ *testing.T, l *lobby) { l.site.Rooms[0].Integration = "fabrikam" }, http.StatusBadRequest},
		"another browser":                           {boardroom, "/.ones/rooms/callback", func(_ *testing.T, l *lobby) { l.stolen = true }, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLobby(t)
			method := http.MethodPost
			if tt.begin != boardroom {
				method = http.MethodGet
			}
			to, cookie := l.begins(t, method, tt.begin)
			with := l.signsIn(t, to, own)
			if tt.change != nil {
				tt.change(t, l)
			}
			if l.stolen {
				cookie = ""
			}
			w := l.comesBack(t, tt.back, with, cookie)
			if w.Code != tt.status || tt.status == http.StatusSeeOther && w.Header().Get("Location") != "/" {
				t.Errorf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
			}
			if got := l.kept(t); got != "" {
				t.Errorf("connected with %q", got)
			}
			for _, c := range w.Result().Cookies() {
				if c.Name == "__Host-onesgate" && c.Value != "" {
					t.Error("somebody was signed in")
				}
			}
		})
	}
}

// An admin whose session ends while Microsoft is being asked connects nothing any more.
func TestRoomOfAnAdminWhoIsSignedOutMeanwhile(t *testing.T) {
	l := newLobby(t)
	asked := l.microsoft.Transport
	l.site.Integrations[0].Graph = graph.NewClient(l.base, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if _, err := l.site.Sessions.EndAll(t.Context(), l.alice.ID, nil); err != nil {
			t.Error(err)
		}
		return asked.RoundTrip(r)
	})}, time.Now)
	if w := l.connects(t, boardroom, own); w.Code != http.StatusBadRequest || l.kept(t) != "" {
		t.Errorf("%d to %q, connected with %q", w.Code, w.Header().Get("Location"), l.kept(t))
	}
}

// An answer serves once.
func TestRoomCallbackServesOnce(t *testing.T) {
	l := newLobby(t)
	to, cookie := l.begins(t, http.MethodPost, boardroom)
	with := l.signsIn(t, to, own)
	if w := l.comesBack(t, "/.ones/rooms/callback", with, cookie); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	l.send(t, http.MethodPost, "/.ones/rooms/boardroom/disconnect", true, "Origin", "https://ones.example")
	if w := l.comesBack(t, "/.ones/rooms/callback", with, cookie); w.Code < 400 {
		t.Errorf("the second time: %d", w.Code)
	}
	if got := l.kept(t); got != "" {
		t.Errorf("connected with %q", got)
	}
	for _, query := range []string{"", "?state=a&state=b&code=c", "?state=a&code=b"} {
		if w := l.send(t, http.MethodGet, "/.ones/rooms/callback"+query, true, "Accept", "text/html"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `data-kind="sign_in_expired"`) {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
	// Somebody presses cancel at Microsoft.
	to, cookie = l.begins(t, http.MethodPost, boardroom)
	w := l.comesBack(t, "/.ones/rooms/callback", url.Values{"state": to.Query()["state"], "error": {"access_denied"}}, cookie)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `href="`+boardroom+`"`) {
		t.Errorf("declined: %d %s", w.Code, w.Body)
	}
}

// Where consent is missing, an administrator's page is led to, and back to the room.
func TestRoomNeedsConsent(t *testing.T) {
	l := newLobby(t)
	to, cookie := l.begins(t, http.MethodPost, boardroom)
	w := l.comesBack(t, "/.ones/rooms/callback", url.Values{
		"state": to.Query()["state"], "error": {"access_denied"}, "error_description": {"AADSTS90094: An administrator has to consent."},
	}, cookie)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "AADSTS90094") || !strings.Contains(w.Body.String(), `href="`+boardroom+`"`) ||
		strings.Contains(w.Body.String(), "/.ones/login") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRoomPagesAreForAdmins(t *testing.T) {
	l := newLobby(t)
	origin := []string{"Origin", "https://ones.example"}
	page := []string{"Accept", "text/html"}
	const disconnect = "/.ones/rooms/boardroom/disconnect"
	for _, tt := range []struct {
		name, method, path string
		headers            []string
		admin, signedIn    bool
		status             int
		has                string // in the body, or the Location
	}{
		{"an admin", "GET", boardroom, page, true, true, 200, "The Boardroom"},
		{"nobody", "GET", boardroom, page, true, false, 303, "/.ones/login?return_to=%2F.ones%2Frooms%2Fboardroom%2Fconnect"},
		{"nobody, a program", "GET", boardroom, nil, true, false, 401, `"sign_in_required"`},
		{"nobody connects", "POST", boardroom, append(origin, page...), true, false, 401, `data-kind="sign_in_required"`},
		{"nobody disconnects", "POST", disconnect, origin, true, false, 401, `"sign_in_required"`},
		{"no admin", "GET", boardroom, page, false, true, 403, `data-kind="not_admin"`},
		{"no admin, a program", "GET", boardroom, nil, false, true, 403, `"forbidden"`},
		{"no admin connects", "POST", boardroom, origin, false, true, 403, `"forbidden"`},
		{"no admin disconnects", "POST", disconnect, origin, false, true, 403, `"forbidden"`},
		{"no admin asks for any room", "GET", "/.ones/rooms/nothing/connect", page, false, true, 403, `data-kind="not_admin"`},
		{"no such room", "GET", "/.ones/rooms/nothing/connect", page, true, true, 404, `data-kind="not_found"`},
		{"no such room to connect", "POST", "/.ones/rooms/nothing/connect", origin, true, true, 404, `"not_found"`},
		{"no such room to disconnect", "POST", "/.ones/rooms/nothing/disconnect", origin, true, true, 404, `"not_found"`},
		{"connecting from another site", "POST", boardroom, []string{"Origin", "https://evil.example"}, true, true, 403, `"forbidden"`},
		{"connecting from nowhere", "POST", boardroom, nil, true, true, 403, `"forbidden"`},
		{"disconnecting from another site", "POST", disconnect, []string{"Origin", "https://evil.example"}, true, true, 403, `"forbidden"`},
		{"disconnecting by a link", "GET", disconnect, page, true, true, 405, `data-kind="method_not_allowed"`},
		{"deleting", "DELETE", boardroom, origin, true, true, 405, `"method_not_allowed"`},
	} {
		l.Admins = Admins{}
		if tt.admin {
			l.Admins = adminsOf(t, "contoso/"+l.alice.ID)
		}
		w := l.send(t, tt.method, tt.path, tt.signedIn, tt.headers...)
		if w.Code != tt.status || !strings.Contains(w.Body.String()+w.Header().Get("Location"), tt.has) {
			t.Errorf("%s: %d to %q with %s; want %d with %q", tt.name, w.Code, w.Header().Get("Location"), w.Body, tt.status, tt.has)
		}
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: an attempt has begun", tt.name)
		}
	}
}

// The account page leads admins to the rooms.
func TestAccountPageOfAnAdmin(t *testing.T) {
	l := newLobby(t)
	l.connects(t, boardroom, own)
	for _, admin := range []bool{true, false} {
		if !admin {
			l.Admins = Admins{}
		}
		w := l.send(t, http.MethodGet, "/.ones/account", true, "Accept", "text/html")
		for _, want := range []string{`href="` + boardroom + `"`, `href="/.ones/rooms/harbour/connect"`, `>Connected<`, `>Not connected<`} {
			if got := strings.Contains(w.Body.String(), want); w.Code != http.StatusOK || got != admin {
				t.Errorf("an admin: %v; %d, %s in the page: %v", admin, w.Code, want, got)
			}
		}
	}
}

// 16.5.3: when the store can't be asked nobody is an admin, and nothing is taken for kept.
func TestRoomsWithTheStoreAway(t *testing.T) {
	l := newLobby(t)
	to, cookie := l.begins(t, http.MethodPost, boardroom)
	with := l.signsIn(t, to, own)
	l.store.fails.Store(true)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"the page":      l.send(t, http.MethodGet, boardroom, true, "Accept", "text/html"),
		"disconnecting": l.send(t, http.MethodPost, "/.ones/rooms/boardroom/disconnect", true, "Origin", "https://ones.example", "Accept", "text/html"),
		"coming back":   l.comesBack(t, "/.ones/rooms/callback", with, cookie),
	} {
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `data-kind="store_unavailable"`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	l.store.fails.Store(false)
	if got := l.kept(t); got != "" {
		t.Errorf("connected with %q", got)
	}
}

// While Graph can't say whose mailbox it is, nobody is let pass.
func TestRoomsWithGraphAway(t *testing.T) {
	l := newLobby(t)
	res, err := l.microsoft.Post(l.base+"/_sim/faults", "application/json", strings.NewReader(`{"match": "GET /v1.0/me/calendar", "lost_request": true}`))
	if err != nil || res.StatusCode >= 300 {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()
	w := l.connects(t, boardroom, own)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `data-kind="microsoft_unavailable"`) || l.kept(t) != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Times are told in the zone that all rooms of somebody's integration lie in.
func TestZoneOf(t *testing.T) {
	hongKong, tokyo := time.FixedZone("Asia/Hong_Kong", 8*3600), time.FixedZone("Asia/Tokyo", 9*3600)
	s := &Site{Config: Config{Rooms: []Room{
		{Integration: "one", TimeZone: hongKong},
		{Integration: "two", TimeZone: hongKong},
		{Integration: "two", TimeZone: tokyo},
		{Integration: "one", TimeZone: time.FixedZone("Asia/Hong_Kong", 8*3600)},
		{Integration: "none"},
	}}}
	for integration, want := range map[string]string{"one": "Asia/Hong_Kong", "two": "", "none": "", "other": ""} {
		got := s.zoneOf(integration)
		if (got == nil) != (want == "") || got != nil && got.String() != want {
			t.Errorf("%s lies in %v, want %q", integration, got, want)
		}
	}
}
