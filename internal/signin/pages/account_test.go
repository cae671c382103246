package pages

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// account is somebody with three sessions.
func account(c Connection) Account {
	return Account{
		Name: "Alice Chan 陳", Email: "alice@contoso.com", Integration: "Contoso", Connection: c,
		SignInURL: "/.ones/login/contoso", ConsentURL: "/.ones/consent/contoso", DisconnectURL: "/.ones/account/disconnect",
		EndAction: "/.ones/account/end", EndAllAction: "/.ones/account/end-all", LogoutAction: "/.ones/logout",
		FormAction: []string{"https://login.microsoftonline.com/t/oauth2/v2.0/logout"},
		Sessions: []AccountSession{
			{ID: "one", Browser: "Chrome on Windows", Started: noon, Used: noon.Add(time.Hour), Current: true},
			{ID: "two", Browser: "Safari on iPhone", Started: noon.Add(-50 * time.Hour), Used: noon},
			{ID: "three"},
		},
		Rooms: []AccountRoom{{"Boardroom", NotConnected, "/.ones/rooms/boardroom/connect"}},
	}
}

func drawAccount(data Account) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { renderer.Account(w, r, data) }
}

func TestAccount(t *testing.T) {
	for _, lang := range langs {
		for _, tt := range []struct {
			connection Connection
			links      []string
		}{
			{Connected, []string{"/", "/.ones/account/disconnect"}},
			{NeedsSignIn, []string{"/", "/.ones/login/contoso", "/.ones/account/disconnect"}},
			{NeedsConsent, []string{"/", "/.ones/login/contoso", "/.ones/consent/contoso", "/.ones/account/disconnect"}},
			{NoMailbox, []string{"/", "/.ones/login/contoso", "/.ones/account/disconnect"}},
			{Unavailable, []string{"/", "/.ones/account/disconnect"}},
			{"news to us", []string{"/", "/.ones/account/disconnect"}},
		} {
			t.Run(fmt.Sprintf("%s/%s", lang, tt.connection), func(t *testing.T) {
				res, body := render(t, lang, drawAccount(account(tt.connection)))
				if res.StatusCode != http.StatusOK {
					t.Errorf("status = %d, want 200", res.StatusCode)
				}
				if got, want := formActionOf(res), "'self' https://login.microsoftonline.com"; got != want {
					t.Errorf("form-action = %q, want %q", got, want)
				}
				want, known := catalogues[lang].connections[tt.connection]
				if !known {
					want = catalogues[lang].connections[Unavailable]
				}
				if got := text(find(t, body, "div", "connection")); !strings.Contains(got, want.Label) || !strings.Contains(got, want.Means) || !strings.Contains(got, want.Do) {
					t.Errorf("connection = %q, want %+v", got, want)
				}
				if got := hrefs(t, body); !slices.Equal(got, tt.links) {
					t.Errorf("links = %q, want %q", got, tt.links)
				}
				for id, action := range map[string]string{"logout-form": "/.ones/logout", "end-form": "/.ones/account/end", "end-all-form": "/.ones/account/end-all"} {
					if form := find(t, body, "form", id); attr(form, "method") != "post" || attr(form, "action") != action {
						t.Errorf("#%s = %s %s, want post %s", id, attr(form, "method"), attr(form, "action"), action)
					}
				}
				if strings.Contains(body, "Boardroom") {
					t.Error("rooms are shown to somebody who is no admin")
				}
			})
		}
	}
}

// What a page says of a connection has to be true whatever the cause: Microsoft that
// doesn't answer and a gateway that Microsoft refuses look alike to whoever reads it.
// Consent that has come needs no sign-in.
func TestConnectionInWords(t *testing.T) {
	operators := map[Lang]string{English: "the people who run ONES", TraditionalChinese: "負責管理 ONES 的人員", SimplifiedChinese: "负责管理 ONES 的人员"}
	minutes := map[Lang]string{English: "10 minutes", TraditionalChinese: "10 分鐘", SimplifiedChinese: "10 分钟"}
	consent := account(NeedsConsent)
	for _, lang := range langs {
		_, account := render(t, lang, drawAccount(account(Unavailable)))
		_, room := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
			renderer.Room(w, r, Room{Title: "Boardroom", Connection: Unavailable})
		})
		for page, body := range map[string]string{"account": account, "room": room} {
			if !strings.Contains(body, "Microsoft 365 ") || strings.Count(body, operators[lang]) < 2 {
				t.Errorf("%s/%s doesn't name both causes and whom to tell", lang, page)
			}
		}
		if _, body := render(t, lang, drawAccount(consent)); !strings.Contains(body, minutes[lang]) {
			t.Errorf("%s: the page doesn't say when ONES tries again", lang)
		}
	}
}

func TestAccountSessions(t *testing.T) {
	_, body := render(t, English, drawAccount(account(Connected)))
	for id, want := range map[string]int{"one": 0, "two": 1, "three": 1} {
		if got := strings.Count(body, `name="session" value="`+id+`"`); got != want {
			t.Errorf("%d buttons end session %s, want %d", got, id, want)
		}
	}
	list := text(find(t, body, "ul", "sessions"))
	for _, want := range []string{
		"Chrome on Windows This browser", "Signed in 24 November 2026, 10:00 UTC", "Last used 26 November 2026, 12:00 UTC",
		"End Safari on iPhone, 24 November 2026, 10:00 UTC", "End A browser",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not in %q", want, list)
		}
	}
	for _, want := range []string{`name="which" value="others"`, `name="which" value="all"`, `<time datetime="2026-11-24T10:00:00Z">`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in the page", want)
		}
	}
	if strings.Contains(body, "0001-01-01") {
		t.Error("a time that is not known is shown")
	}

	alone := account(Connected)
	alone.Sessions = alone.Sessions[:1]
	_, body = render(t, English, drawAccount(alone))
	if strings.Contains(body, `value="others"`) || !strings.Contains(body, `value="all"`) {
		t.Error("with one session, want no button that ends the others, and one that ends all")
	}
}

func TestAccountRooms(t *testing.T) {
	admin := account(Connected)
	admin.Admin = true
	_, body := render(t, English, drawAccount(admin))
	if got := text(find(t, body, "ul", "rooms")); got != "Boardroom Not connected" {
		t.Errorf("rooms = %q", got)
	}
	if got := hrefs(t, body); !slices.Contains(got, "/.ones/rooms/boardroom/connect") {
		t.Errorf("links = %q, want the room's", got)
	}
}

func TestMoment(t *testing.T) {
	hongKong := time.FixedZone("HKT", 8*3600)
	for _, tt := range []struct {
		lang Lang
		zone *time.Location
		want moment
	}{
		{English, nil, moment{"2026-11-26T12:00:00Z", "26 November 2026, 12:00 UTC"}},
		{English, hongKong, moment{"2026-11-26T20:00:00+08:00", "26 November 2026, 20:00 UTC+08:00"}},
		{TraditionalChinese, nil, moment{"2026-11-26T12:00:00Z", "2026年11月26日 12:00 UTC"}},
		{SimplifiedChinese, hongKong, moment{"2026-11-26T20:00:00+08:00", "2026年11月26日 20:00 UTC+08:00"}},
	} {
		v := view{catalogue: catalogues[tt.lang], zone: tt.zone}
		if got := v.Moment(noon); got != tt.want {
			t.Errorf("%s in %s = %+v, want %+v", tt.lang, tt.zone, got, tt.want)
		}
	}
}

func TestDisconnect(t *testing.T) {
	for _, lang := range langs {
		t.Run(string(lang), func(t *testing.T) {
			res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
				renderer.Disconnect(w, r, Disconnect{
					Name: "Alice Chan", Email: "alice@contoso.com", Action: "/.ones/account/disconnect", BackURL: "/.ones/account",
					FormAction: []string{"https://login.microsoftonline.com"},
				})
			})
			if got, want := formActionOf(res), "'self' https://login.microsoftonline.com"; got != want {
				t.Errorf("form-action = %q, want %q", got, want)
			}
			form := find(t, body, "form", "disconnect-form")
			if attr(form, "method") != "post" || attr(form, "action") != "/.ones/account/disconnect" {
				t.Errorf("form = %s %s", attr(form, "method"), attr(form, "action"))
			}
			find(t, body, "button", "disconnect-confirm")
			if got := attr(find(t, body, "a", "disconnect-stay"), "href"); got != "/.ones/account" {
				t.Errorf("stay leads to %q", got)
			}
			w := catalogues[lang].words
			for _, want := range []string{w.DisconnectKept, w.DisconnectPending, w.DisconnectSignIn} {
				if !strings.Contains(body, want) {
					t.Errorf("%q is not in the page", want)
				}
			}
		})
	}
}
