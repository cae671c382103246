package integration_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// outlook is somebody who uses Microsoft 365 without the gateway.
type outlook struct {
	*visitor
	token string
}

// outlook signs somebody in at Microsoft, past the gateway.
func (w *world) outlook(mail string) outlook {
	w.t.Helper()
	app := m365.Sample().Tenants[0].Apps[0]
	v := newVisitor(w.t, w.microsoft.URL)
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	post := func(path string, form url.Values) answer {
		return v.send(v.request(http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
	}
	endpoint, redirect := strings.TrimPrefix(strings.TrimSuffix(w.issuer, "/v2.0"), w.microsoft.URL)+"/oauth2/v2.0/", w.home+"/.ones/callback"
	chosen := post(endpoint+"authorize?"+url.Values{
		"client_id": {app.ClientID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {strings.Join(app.Scopes, " ")},
	}.Encode(), url.Values{"account": {mail}})
	back, err := chosen.Location()
	if err != nil {
		w.t.Fatalf("the sign-in does not come back: %d %s", chosen.StatusCode, chosen.body)
	}
	tokens := post(endpoint+"token", url.Values{
		"client_id": {app.ClientID}, "client_secret": {w.secret}, "redirect_uri": {redirect}, "grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
	})
	token, _ := tokens.json(w.t)["access_token"].(string)
	return outlook{v, token}
}

// meets books a room so many days ahead at an hour of Hong Kong's, and returns the event's id.
func (o outlook) meets(room string, days, hour int, subject, sensitivity string) string {
	o.t.Helper()
	begin, err := time.Parse(time.RFC3339, meeting(room, days, hour)["start"].(string))
	if err != nil {
		o.t.Fatal(err)
	}
	at := func(t time.Time) map[string]string {
		return map[string]string{"dateTime": t.UTC().Format("2006-01-02T15:04:05"), "timeZone": "UTC"}
	}
	a := o.send(o.request(http.MethodPost, "/v1.0/me/events", map[string]any{
		"subject": subject, "sensitivity": sensitivity, "start": at(begin), "end": at(begin.Add(time.Hour)),
		"attendees": []any{map[string]any{"type": "resource", "emailAddress": map[string]string{"address": room + "@contoso.example"}}},
	}, "Authorization", "Bearer "+o.token))
	if a.StatusCode != http.StatusCreated {
		o.t.Fatalf("booking in Outlook: %d %s", a.StatusCode, a.body)
	}
	return a.json(o.t)["id"].(string)
}

// Whether Microsoft takes the three permissions for getSchedule or not, a connected room
// shows what its calendar shows, and everything says how it knows.
func TestRoomViews(t *testing.T) {
	for _, scopes := range []string{m365.ScopesSuperset, m365.ScopesTables} {
		t.Run(scopes, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *m365.Config) {
				c.Scopes = scopes
				app := &c.Tenants[0].Apps[0]
				app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
				c.Tenants[0].Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
			})
			w.write(map[string]any{"Auth": "admins contoso/" + alice})
			p := w.gateway()
			admin := newVisitor(t, w.home)
			admin.signIn(alice)
			admin.connect("boardroom", boardroom)
			person := newVisitor(t, w.home)
			person.signIn(bob)
			sees := scopes == m365.ScopesSuperset // the rooms are shared so that people see subjects

			window := func(room string, days int) string {
				begin, err := time.Parse(time.RFC3339, meeting(room, days, 0)["start"].(string))
				if err != nil {
					t.Fatal(err)
				}
				return "/v1/rooms/" + room + "/schedule?from=" + url.QueryEscape(begin.Format(time.RFC3339)) + "&to=" + url.QueryEscape(begin.AddDate(0, 0, 1).Format(time.RFC3339))
			}
			service := func(room string, days int) answer { return w.serve(http.MethodGet, window(room, days), nil) }
			// within waits until the room shows, or doesn't show, what it should.
			within := func(what string, shows bool) answer {
				t.Helper()
				for deadline := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
					a := service("boardroom", 3)
					if a.StatusCode == http.StatusOK && strings.Contains(a.body, what) == shows {
						return a
					}
					if time.Now().After(deadline) {
						t.Fatalf("the boardroom: %q should be %t: %d %s", what, shows, a.StatusCode, a.body)
					}
				}
			}

			within("Outlook", false)
			carol := w.outlook("carol@contoso.example")
			id := carol.meets("boardroom", 3, 10, "Outlook", "normal")
			carol.meets("boardroom", 3, 14, "Salaries", "private")
			begun := time.Now()
			a := within("Outlook", true)
			seen, err := time.Parse(time.RFC3339, a.json(t)["as_of"].(string))
			if age := time.Since(begun) + time.Minute; err != nil || time.Since(seen) > age {
				t.Errorf("as_of: %v, %v", a.json(t)["as_of"], err)
			}
			mine := person.call(http.MethodGet, "/api/m365"+window("boardroom", 3), nil)
			if mine.json(t)["as_of"] == nil || len(mine.json(t)["blocks"].([]any)) != 2 || strings.Contains(mine.body, "Outlook") != sees {
				t.Errorf("bob sees %s", mine.body)
			}
			if strings.Contains(a.body+mine.body, "Salaries") {
				t.Errorf("what is private is shown: %s %s", a.body, mine.body)
			}
			for _, hour := range []int{10, 14} {
				a = w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, hour), "Ones-Act-As", bob)
				if a.StatusCode != http.StatusConflict || a.json(t)["code"] != "room_conflict" || strings.Contains(a.body, "Salaries") {
					t.Errorf("booking what is taken: %d %s", a.StatusCode, a.body)
				}
			}

			// What is cancelled in Outlook is free, also where rounds have to begin anew.
			w.sim(http.MethodPost, "/_sim/sync", map[string]any{})
			carol.send(carol.request(http.MethodDelete, "/v1.0/me/events/"+url.PathEscape(id), nil, "Authorization", "Bearer "+carol.token))
			within("Outlook", false)

			// Who isn't connected shows no more than somebody else may see.
			carol.meets("harbour", 3, 10, "Elsewhere", "normal")
			if as := service("harbour", 3).json(t)["as_of"]; as != nil {
				t.Errorf("nobody's grant looks into the harbour, but it was seen at %v", as)
			}
			mine = person.call(http.MethodGet, "/api/m365"+window("harbour", 3), nil)
			if (mine.json(t)["as_of"] != nil) != sees {
				t.Errorf("bob sees of the harbour: %s", mine.body)
			}
			a = w.serve(http.MethodPost, "/v1/bookings", meeting("harbour", 3, 10), "Ones-Act-As", bob)
			if a.StatusCode != http.StatusConflict || a.json(t)["code"] != "room_conflict" {
				t.Errorf("booking the harbour: %d %s", a.StatusCode, a.body)
			}
			free := func(hour int, headers ...string) (checked string) {
				t.Helper()
				ask := meeting("boardroom", 3, hour)
				delete(ask, "room")
				delete(ask, "subject")
				ask["rooms"] = []string{"boardroom", "harbour"}
				a := w.serve(http.MethodPost, "/v1/availability", ask, headers...)
				if a.StatusCode != http.StatusOK {
					t.Fatalf("availability: %d %s", a.StatusCode, a.body)
				}
				for _, r := range a.json(t)["rooms"].([]any) {
					room := r.(map[string]any)
					checked += room["room"].(string)
					if room["free"] == true {
						checked += " free"
					}
					if room["checked"] == true {
						checked += " checked"
					}
					checked += ";"
				}
				return checked
			}
			if got, want := free(14), "boardroom checked;harbour free;"; got != want {
				t.Errorf("the service is told %q, want %q", got, want)
			}
			// Where he sees no schedules, he may still ask whether a room is free.
			if got, want := free(14, "Ones-Act-As", bob), "boardroom checked;harbour free checked;"; got != want {
				t.Errorf("bob is told %q, want %q", got, want)
			}
			rooms := w.serve(http.MethodGet, "/v1/rooms", nil)
			for i, connection := range []string{"connected", "not_connected"} {
				room := rooms.json(t)["rooms"].([]any)[i].(map[string]any)
				if room["connection"] != connection || i == 0 && room["as_of"] == nil {
					t.Errorf("room %d: %v", i, room)
				}
			}

			// The room's account is lost: the next source answers, or nobody does.
			w.ended(p, func() { w.sim(http.MethodPost, "/_sim/revoke", map[string]any{"mail": boardroom}) })
			a = service("boardroom", 3)
			if a.StatusCode != http.StatusOK || a.json(t)["as_of"] != nil {
				t.Errorf("without its account: %d %s", a.StatusCode, a.body)
			}
			mine = person.call(http.MethodGet, "/api/m365"+window("boardroom", 3), nil)
			if mine.StatusCode != http.StatusOK || (mine.json(t)["as_of"] != nil) != sees {
				t.Errorf("without its account bob sees: %d %s", mine.StatusCode, mine.body)
			}
			if got, want := free(14), "boardroom free;harbour free;"; got != want {
				t.Errorf("without its account the service is told %q, want %q", got, want)
			}
			if got := w.serve(http.MethodGet, "/v1/rooms/boardroom", nil).json(t)["connection"]; got != "needs_sign_in" {
				t.Errorf("the boardroom is %v", got)
			}
			a = w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 14), "Ones-Act-As", bob)
			if a.StatusCode != http.StatusConflict || a.json(t)["code"] != "room_conflict" {
				t.Errorf("without its account, booking what is taken: %d %s", a.StatusCode, a.body)
			}
		})
	}
}
