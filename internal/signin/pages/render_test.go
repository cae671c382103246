package pages

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/status"
)

var renderer = NewRenderer(Theme{})

// noon is the time of the tests, in a zone that no page should show by itself.
var noon = time.Date(2026, 11, 26, 20, 0, 0, 0, time.FixedZone("", 8*3600))

// render has a page drawn for a reader of lang, and checks what every page must
// hold: headers, language, title, well-formed HTML, nothing inline.
func render(t *testing.T, lang Lang, draw func(http.ResponseWriter, *http.Request)) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "https://ones.contoso.com/.ones/login", nil)
	req.Header.Set("Accept-Language", string(lang))
	rec := httptest.NewRecorder()
	draw(rec, req)
	res, body := rec.Result(), rec.Body.String()
	for name, want := range map[string]string{
		"Content-Type":               "text/html; charset=utf-8",
		"Content-Language":           string(lang),
		"Vary":                       "Accept-Language",
		"Cache-Control":              "no-store",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy":            referrer(formActionOf(res)),
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"default-src 'none'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if got := directives(res); !slices.Contains(got, want) {
			t.Errorf("Content-Security-Policy = %q, want %q in it", got, want)
		}
	}
	checkHTML(t, body)
	if root := find(t, body, "html", ""); attr(root, "lang") != string(lang) {
		t.Errorf("lang = %q, want %q", attr(root, "lang"), lang)
	}
	checkReferences(t, body)
	if title := text(find(t, body, "title", "")); title == "" || title != text(find(t, body, "h1", "")) {
		t.Errorf("title = %q, want that of the heading", title)
	}
	return res, body
}

func TestMessageEveryKindAndLanguage(t *testing.T) {
	for _, lang := range langs {
		for k := range numKinds {
			t.Run(fmt.Sprintf("%s/%s", lang, kinds[k].name), func(t *testing.T) {
				res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
					renderer.Message(w, r, Message{
						Kind: k, Detail: "AADSTS90002", Reference: "4bf92f3577b34da6",
						Correlation: "0b5d6e52", Time: noon,
						Actions: []Action{{ActionTryAgain, "/.ones/login"}, {ActionHome, "/"}},
					})
				})
				if res.StatusCode != kinds[k].status || kinds[k].status == 0 {
					t.Errorf("status = %d, want %d, and not 0", res.StatusCode, kinds[k].status)
				}
				if got := attr(find(t, body, "main", ""), "data-kind"); got == "" || got != kinds[k].name {
					t.Errorf("data-kind = %q, want %q", got, kinds[k].name)
				}
				for _, id := range []string{"detail", "reference", "correlation"} {
					if text(find(t, body, "code", id)) == "" {
						t.Errorf("#%s is empty", id)
					}
				}
				if got := attr(find(t, body, "time", ""), "datetime"); got != "2026-11-26T12:00:00Z" {
					t.Errorf("time = %q, want it in UTC", got)
				}
				if got := hrefs(t, body); !slices.Equal(got, []string{"/.ones/login", "/"}) {
					t.Errorf("links = %q, want those given, in order", got)
				}
			})
		}
	}
}

// TestCatalogues holds every language to the same sentences.
func TestCatalogues(t *testing.T) {
	if len(catalogues) != len(langs) {
		t.Errorf("%d catalogues for %d languages", len(catalogues), len(langs))
	}
	for lang, c := range catalogues {
		t.Run(string(lang), func(t *testing.T) {
			for k, m := range c.messages {
				if m.Title == "" || m.Happened == "" || m.Do == "" {
					t.Errorf("%s: a sentence is missing: %+v", kinds[k].name, m)
				}
				if got, want := m.Why == "", english.messages[k].Why == ""; got != want {
					t.Errorf("%s: without a why = %t, want %t as in English", kinds[k].name, got, want)
				}
			}
			for i, s := range c.texts {
				if s == "" {
					t.Errorf("text %d is missing", i)
				}
			}
			for i, s := range c.faults {
				if got, want := s == "", fault(i) <= faultNobody; got != want {
					t.Errorf("fault %d empty = %t, want %t", i, got, want)
				}
			}
			for i, s := range c.notices {
				if got, want := s == "", Notice(i) == NoNotice; got != want {
					t.Errorf("notice %d empty = %t, want %t", i, got, want)
				}
			}
			for name, of := range map[string][2]map[Connection]standing{
				"person": {c.connections, english.connections}, "room": {c.rooms, english.rooms},
			} {
				for connection, s := range of[1] {
					got := of[0][connection]
					if got.Label == "" || got.Means == "" || (got.Do == "") != (s.Do == "") {
						t.Errorf("%s %s: a sentence is missing: %+v", name, connection, got)
					}
				}
				if len(of[0]) != len(of[1]) {
					t.Errorf("%s: %d connections, want %d as in English", name, len(of[0]), len(of[1]))
				}
			}
			if got, want := slices.Sorted(maps.Keys(c.permissions)), slices.Sorted(maps.Keys(english.permissions)); !slices.Equal(got, want) {
				t.Errorf("permissions %q, want %q as in English", got, want)
			}
			words := reflect.ValueOf(c.words)
			for i := range words.NumField() {
				if words.Field(i).String() == "" {
					t.Errorf("word %s is missing", words.Type().Field(i).Name)
				}
			}
		})
	}
}

func TestMessageWithNothingMore(t *testing.T) {
	res, body := render(t, English, func(w http.ResponseWriter, r *http.Request) {
		renderer.Message(w, r, Message{Kind: SignInFailed})
	})
	if res.StatusCode != SignInFailed.Status() {
		t.Errorf("status = %d, want %d", res.StatusCode, SignInFailed.Status())
	}
	if !strings.Contains(body, english.faults[faultOperator]) || strings.Contains(body, english.faults[faultAdmin]) {
		t.Error("it does not say who can mend it")
	}
	if got := hrefs(t, body); !slices.Equal(got, []string{"/"}) {
		t.Errorf("links = %q, want one to ONES: no page is a dead end", got)
	}
	for _, unwanted := range []string{`class="trace"`, "<time"} {
		if strings.Contains(body, unwanted) {
			t.Errorf("%s in a page that was given none", unwanted)
		}
	}
}

func TestLogin(t *testing.T) {
	for _, lang := range langs {
		for name, data := range map[string]Login{
			"plain": {Buttons: []Button{
				{Name: "contoso", Label: "Sign in with Microsoft 365", URL: "/.ones/login/contoso?return_to=%2Frooms"},
				{Name: "fabrikam", Label: "使用 Microsoft 365 登入", URL: "/.ones/login/fabrikam"},
			}},
			"no buttons": {},
		} {
			t.Run(string(lang)+"/"+name, func(t *testing.T) {
				res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) { renderer.Login(w, r, data) })
				if res.StatusCode != http.StatusOK {
					t.Errorf("status = %d, want 200", res.StatusCode)
				}
				if got := directives(res); !slices.Contains(got, "form-action 'none'") {
					t.Errorf("Content-Security-Policy = %q, want no form-action", got)
				}
				for _, b := range data.Buttons {
					a := find(t, body, "a", "login-"+b.Name)
					if attr(a, "href") != b.URL || text(a) != b.Label || attr(a, "class") != "button" {
						t.Errorf("button %s = %q %q, want %q %q", b.Name, attr(a, "href"), text(a), b.URL, b.Label)
					}
				}
				if got, want := strings.Contains(body, catalogues[lang].words.LoginNoButtons), len(data.Buttons) == 0; got != want {
					t.Errorf("word of no sign-in shown = %t, want %t", got, want)
				}
			})
		}
	}
}

func TestLogout(t *testing.T) {
	for _, lang := range langs {
		t.Run(string(lang), func(t *testing.T) {
			res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
				renderer.Logout(w, r, Logout{
					Name: "Alice Chan 陳", Email: "alice@contoso.com", Action: "/.ones/logout",
					FormAction: []string{"https://login.microsoftonline.com/t/oauth2/v2.0/logout"},
				})
			})
			if got, want := directives(res), "form-action 'self' https://login.microsoftonline.com"; !slices.Contains(got, want) {
				t.Errorf("Content-Security-Policy = %q, want %q in it", got, want)
			}
			form := find(t, body, "form", "logout-form")
			if attr(form, "method") != "post" || attr(form, "action") != "/.ones/logout" {
				t.Errorf("form = %s %s, want post /.ones/logout", attr(form, "method"), attr(form, "action"))
			}
			find(t, body, "button", "logout-confirm")
			if got := attr(find(t, body, "a", "logout-stay"), "href"); got != "/" {
				t.Errorf("stay leads to %q, want /", got)
			}
			for _, want := range []string{"Alice Chan 陳", "alice@contoso.com"} {
				if !strings.Contains(body, want) {
					t.Errorf("%q is not in the page", want)
				}
			}
		})
	}
}

func TestFormAction(t *testing.T) {
	for _, tt := range []struct {
		name    string
		origins []string
		want    string
	}{
		{"none", nil, "'self'"},
		{"path and query are cut", []string{"https://login.microsoftonline.com/x?y=z"}, "'self' https://login.microsoftonline.com"},
		{"loopback with port", []string{"http://127.0.0.1:8081"}, "'self' http://127.0.0.1:8081"},
		{"another directive", []string{"https://a; script-src *"}, "'self'"},
		{"directive in the host", []string{"https://a;script-src"}, "'self'"},
		{"two hosts", []string{"https://a,https://b"}, "'self'"},
		{"any host", []string{"https://*"}, "'self'"},
		{"scheme only", []string{"https:"}, "'self'"},
		{"script", []string{"javascript:alert(1)"}, "'self'"},
		{"no url", []string{"%zz", ""}, "'self'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := formAction(tt.origins); got != tt.want {
				t.Errorf("formAction(%q) = %q, want %q", tt.origins, got, tt.want)
			}
		})
	}
}

func TestEscaping(t *testing.T) {
	const hostile = `"><script>alert(1)</script><i x='`
	draws := map[string]func(http.ResponseWriter, *http.Request){
		"login": func(w http.ResponseWriter, r *http.Request) {
			renderer.Login(w, r, Login{Buttons: []Button{{Name: hostile, Label: hostile, URL: "javascript:alert(1)"}}})
		},
		"logout": func(w http.ResponseWriter, r *http.Request) {
			renderer.Logout(w, r, Logout{Name: hostile, Email: hostile, Action: "javascript:alert(1)"})
		},
		"message": func(w http.ResponseWriter, r *http.Request) {
			renderer.Message(w, r, Message{
				Kind: SignInFailed, Detail: hostile, Reference: hostile,
				Actions: []Action{{ActionHome, "javascript:alert(1)"}},
			})
		},
	}
	maps.Copy(draws, map[string]func(http.ResponseWriter, *http.Request){
		"account": func(w http.ResponseWriter, r *http.Request) {
			renderer.Account(w, r, Account{
				Name: hostile, Email: hostile, Integration: hostile, Connection: Connection(hostile),
				SignInURL: "javascript:alert(1)", DisconnectURL: "javascript:alert(1)", ConsentURL: "javascript:alert(1)",
				EndAction: "javascript:alert(1)", EndAllAction: "javascript:alert(1)", LogoutAction: "javascript:alert(1)",
				Sessions: []AccountSession{{ID: hostile, Browser: hostile, Started: noon}},
				Admin:    true, Rooms: []AccountRoom{{hostile, Connection(hostile), "javascript:alert(1)"}},
			})
		},
		"disconnect": func(w http.ResponseWriter, r *http.Request) {
			renderer.Disconnect(w, r, Disconnect{Name: hostile, Email: hostile, Action: "javascript:alert(1)", BackURL: "javascript:alert(1)"})
		},
		"consent help": func(w http.ResponseWriter, r *http.Request) {
			renderer.ConsentHelp(w, r, ConsentHelp{
				AdminURL: "https://login.example/" + hostile, Application: hostile, Tenant: hostile, Permissions: []string{hostile},
				TryAgainURL: "javascript:alert(1)", OtherAccountURL: "javascript:alert(1)",
			})
		},
		"status": func(w http.ResponseWriter, r *http.Request) {
			page := busy()
			page.RoomsPath = "javascript:alert(1)"
			page.Picture.Version, page.Picture.Redirects.People = hostile, hostile
			page.Picture.Own[0] = status.Problem{What: hostile, Whose: status.Owner(hostile), Do: hostile}
			page.Picture.Integrations[0].ConsentURL, page.Picture.Integrations[0].Credentials[0].About = hostile, hostile
			page.Picture.Rooms[0].Title, page.Picture.Rooms[0].Policy.Group = hostile, hostile
			page.Picture.Rooms[0].Observed.Declined = map[string]int{hostile: 1}
			page.Picture.Gateways[0].Name = hostile
			renderer.Status(w, r, page)
		},
		"bookings": func(w http.ResponseWriter, r *http.Request) {
			renderer.Bookings(w, r, Bookings{
				Found: []Booking{{ID: hostile, State: hostile, Change: hostile, Reason: hostile, Integration: hostile, Room: hostile, Organizer: hostile, Error: hostile}},
				State: hostile, States: []string{hostile}, Next: hostile,
			})
		},
		"booking": func(w http.ResponseWriter, r *http.Request) {
			renderer.Journal(w, r, Journal{
				Booking: Booking{ID: hostile, State: hostile, Reason: hostile, Integration: hostile, Room: hostile, Organizer: hostile},
				Next:    hostile, Service: hostile, ExternalID: hostile, EventID: hostile, ICalUID: hostile, RoomResponse: hostile, Refused: hostile,
				Steps: []Step{{What: hostile, By: hostile, Code: hostile}},
			})
		},
		"people": func(w http.ResponseWriter, r *http.Request) {
			renderer.People(w, r, People{
				Found:  []Person{{ID: hostile, Name: hostile, Email: hostile, CardNumber: hostile, Integration: hostile, Connection: hostile, Reason: hostile}},
				Search: hostile, State: hostile, Integration: hostile, Integrations: []string{hostile, "contoso"}, Next: hostile,
			})
		},
		"room": func(w http.ResponseWriter, r *http.Request) {
			renderer.Room(w, r, Room{
				Title: hostile, Address: hostile, Account: hostile, By: hostile, Refused: hostile, BackURL: "javascript:alert(1)",
				ConnectAction: "javascript:alert(1)", DisconnectAction: "javascript:alert(1)",
			})
		},
	})
	for name, draw := range draws {
		t.Run(name, func(t *testing.T) {
			_, body := render(t, English, draw)
			if strings.Contains(body, "javascript:") {
				t.Error("a javascript: address is in the page")
			}
			if !strings.Contains(body, "&lt;script&gt;") {
				t.Error("what was given is not in the page, not even escaped")
			}
		})
	}
}

// The integration used last comes first, whatever the order of the configuration.
func TestLoginLast(t *testing.T) {
	_, body := render(t, English, func(w http.ResponseWriter, r *http.Request) {
		renderer.Login(w, r, Login{Notice: ConnectionEnded, Buttons: []Button{
			{Name: "a", Label: "A", URL: "/a"}, {Name: "b", Label: "B", URL: "/b", Last: true}, {Name: "c", Label: "C", URL: "/c"},
		}})
	})
	if got := hrefs(t, body); !slices.Equal(got, []string{"/b", "/a", "/c"}) {
		t.Errorf("links = %q, want the last one first", got)
	}
	if got := attr(find(t, body, "a", "login-b"), "class"); got != "button" {
		t.Errorf("class of the last one = %q, want it prominent", got)
	}
	if got := attr(find(t, body, "a", "login-c"), "class"); got != "button quiet" {
		t.Errorf("class of another = %q, want it quiet", got)
	}
	if got := text(find(t, body, "p", "notice")); got != english.notices[ConnectionEnded] {
		t.Errorf("notice = %q", got)
	}
}

// A page with a form has to name its origin to be believed; the others name nothing.
func TestReferrer(t *testing.T) {
	for formAction, want := range map[string]string{"'none'": "no-referrer", "'self'": "same-origin", "'self' https://login.example": "same-origin"} {
		if got := referrer(formAction); got != want {
			t.Errorf("referrer(%s) = %s, want %s", formAction, got, want)
		}
	}
}

// A button without words of the operator's has the usual ones, in the reader's
// language, and several of them are told apart.
func TestLoginUsual(t *testing.T) {
	for lang, want := range map[Lang]string{
		English: "Sign in with Microsoft 365", TraditionalChinese: "使用 Microsoft 365 登入", SimplifiedChinese: "使用 Microsoft 365 登录",
	} {
		for _, others := range []int{0, 1} {
			buttons := []Button{{Name: "contoso", URL: "/c"}, {Name: "fabrikam", URL: "/f"}}[:1+others]
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Language", string(lang))
			w := httptest.NewRecorder()
			renderer.Login(w, r, Login{Buttons: buttons})
			for _, b := range buttons {
				text := ">" + want + "<"
				if others > 0 {
					text = ">" + want + " (" + b.Name + ")<"
				}
				if !strings.Contains(w.Body.String(), text) {
					t.Errorf("%s, of %d: there is no %s", lang, len(buttons), text)
				}
			}
		}
	}
}
