package pages

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestConsentHelp(t *testing.T) {
	const admin = "https://login.microsoftonline.com/t/v2.0/adminconsent?client_id=c&scope=openid%20offline_access"
	for _, lang := range langs {
		t.Run(string(lang), func(t *testing.T) {
			res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
				renderer.ConsentHelp(w, r, ConsentHelp{
					AdminURL: admin, Application: "99999999-8888", Tenant: "11111111-2222",
					Permissions: []string{"openid", "offline_access", "https://graph.microsoft.com/Calendars.ReadWrite.Shared", "People.Read"},
					Detail:      "AADSTS65001", Reference: "4bf92f3577b34da6", Time: noon,
					TryAgainURL: "/.ones/login/contoso", OtherAccountURL: "/.ones/login/contoso?prompt=select_account",
				})
			})
			if res.StatusCode != NeedsAdminConsent.Status() {
				t.Errorf("status = %d, want %d", res.StatusCode, NeedsAdminConsent.Status())
			}
			if got := hrefs(t, body); !slices.Equal(got, []string{admin, "/.ones/login/contoso", "/.ones/login/contoso?prompt=select_account", "/"}) {
				t.Errorf("links = %q", got)
			}
			if got := text(find(t, body, "code", "admin-consent-url")); got != admin {
				t.Errorf("the link to copy = %q, want %q", got, admin)
			}
			c := catalogues[lang]
			terms := text(find(t, body, "dl", "permissions"))
			for name, means := range map[string]string{
				"openid": c.permissions["openid"], "offline_access": c.permissions["offline_access"],
				"https://graph.microsoft.com/Calendars.ReadWrite.Shared": c.permissions["Calendars.ReadWrite.Shared"],
				"People.Read": c.words.PermissionOther,
			} {
				if means == "" || !strings.Contains(terms, name+means) {
					t.Errorf("%s is not explained by %q in %q", name, means, terms)
				}
			}
			for id, want := range map[string]string{"application": "99999999-8888", "tenant": "11111111-2222", "detail": "AADSTS65001", "reference": "4bf92f3577b34da6"} {
				if got := text(find(t, body, "code", id)); got != want {
					t.Errorf("#%s = %q, want %q", id, got, want)
				}
			}
		})
	}
}

func TestRoom(t *testing.T) {
	room := Room{
		Title: "Boardroom", Address: "boardroom@contoso.com", Connection: NotConnected,
		ConnectAction: "/.ones/rooms/boardroom/connect", DisconnectAction: "/.ones/rooms/boardroom/disconnect",
		FormAction: []string{"https://login.microsoftonline.com"}, BackURL: "/.ones/account",
	}
	connected := room
	connected.Connection, connected.Account, connected.Connected = Connected, "rooms@contoso.com", noon
	refused := room
	refused.Refused = "alice@contoso.com"
	lost := connected
	lost.Connection = NeedsSignIn
	for _, lang := range langs {
		c := catalogues[lang]
		for name, tt := range map[string]struct {
			room    Room
			status  int
			connect string
			shown   []string
			without []string
		}{
			"not connected": {room, http.StatusOK, c.words.RoomConnect, []string{`data-connection="not_connected"`, c.rooms[NotConnected].Means}, []string{`id="account"`, "<time", `id="disconnect"`, `id="refused"`}},
			"connected":     {connected, http.StatusOK, c.words.RoomReconnect, []string{"rooms@contoso.com", `<time datetime="2026-11-26T12:00:00Z">`, `action="/.ones/rooms/boardroom/disconnect"`}, []string{`id="refused"`}},
			"lost":          {lost, http.StatusOK, c.words.RoomReconnect, []string{c.rooms[NeedsSignIn].Do}, nil},
			"refused":       {refused, http.StatusForbidden, c.words.RoomConnect, []string{`role="alert"`, "alice@contoso.com", c.messages[RoomAccountRefused].Why, c.messages[RoomAccountRefused].Do}, nil},
		} {
			t.Run(string(lang)+"/"+name, func(t *testing.T) {
				res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) { renderer.Room(w, r, tt.room) })
				if res.StatusCode != tt.status {
					t.Errorf("status = %d, want %d", res.StatusCode, tt.status)
				}
				if got, want := formActionOf(res), "'self' https://login.microsoftonline.com"; got != want {
					t.Errorf("form-action = %q, want %q", got, want)
				}
				if got := text(find(t, body, "h1", "")); !strings.Contains(got, "Boardroom") {
					t.Errorf("heading = %q, want the room in it", got)
				}
				if got := attr(find(t, body, "form", "connect-form"), "action"); got != "/.ones/rooms/boardroom/connect" {
					t.Errorf("connect is posted to %q", got)
				}
				if got := text(find(t, body, "button", "connect")); got != tt.connect {
					t.Errorf("connect says %q, want %q", got, tt.connect)
				}
				for _, want := range append(tt.shown, c.words.RoomOwn, c.words.RoomRights, "boardroom@contoso.com", `href="/.ones/account"`) {
					if !strings.Contains(body, want) {
						t.Errorf("%q is not in the page", want)
					}
				}
				for _, unwanted := range tt.without {
					if strings.Contains(body, unwanted) {
						t.Errorf("%q is in the page", unwanted)
					}
				}
			})
		}
	}
}
