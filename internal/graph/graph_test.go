package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRequest(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"Authorization": "Bearer tok", "Prefer": `IdType="ImmutableId"`, "Content-Type": "application/json",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("header %s: got %q, want %q", name, got, want)
			}
		}
		if got := r.Header.Get("client-request-id"); len(got) != 36 {
			t.Errorf("client-request-id: got %q, want a UUID", got)
		}
		if got, want := r.Method+" "+r.URL.Path, "POST /v1.0/me/events"; got != want {
			t.Errorf("request: got %q, want %q", got, want)
		}
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if got, want := fmt.Sprint(body["start"]), "map[dateTime:2026-12-01T12:00:00 timeZone:UTC]"; got != want {
			t.Errorf("start: got %s, want %s", got, want)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"e1","start":{"dateTime":"2026-12-01T12:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T13:00:00.0000000","timeZone":"UTC"}}`)
	})
	e, err := c.CreateEvent(t.Context(), mailbox("tok"), Event{Start: DateTime{Time: noon.In(time.FixedZone("", 8*3600))}, End: DateTime{Time: noon}})
	if err != nil {
		t.Fatal(err)
	}
	if !e.Start.Equal(noon) || e.ID != "e1" {
		t.Errorf("event: got %q at %v, want e1 at %v", e.ID, e.Start, noon)
	}
}

func TestOtherZoneIsRefused(t *testing.T) {
	var d DateTime
	if err := json.Unmarshal([]byte(`{"dateTime":"2026-12-01T12:00:00","timeZone":"Pacific Standard Time"}`), &d); err == nil {
		t.Errorf("got %v, want an error: the time would be read wrong", d)
	}
}

func TestUnauthorized(t *testing.T) {
	tests := []struct {
		name   string
		good   string
		tokens []string
		want   string // error; "" none
		calls  int
	}{
		{"renewed", "new", []string{"old", "new"}, "", 2},
		{"still refused", "other", []string{"old", "new"}, "401", 2},
		{"no new one", "new", []string{"old"}, "no more tokens", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				if r.Header.Get("Authorization") != "Bearer "+tt.good {
					refuse(w, 401, "InvalidAuthenticationToken")
					return
				}
				w.WriteHeader(201)
				_, _ = io.WriteString(w, `{"id":"e1","start":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"}}`)
			})
			_, err := c.CreateEvent(t.Context(), mailbox(tt.tokens...), Event{})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error: got %v, want %q", err, tt.want)
			}
			if MaybeDone(err) {
				t.Errorf("MaybeDone(%v): got true, want false: nothing was accepted", err)
			}
			if calls != tt.calls {
				t.Errorf("calls: got %d, want %d", calls, tt.calls)
			}
		})
	}
}

func TestFindEvent(t *testing.T) {
	event := func(tx string) string {
		return fmt.Sprintf(`{"id":"id-%s","transactionId":%q,"start":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T13:00:00","timeZone":"UTC"}}`, tx, tx)
	}
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token went to another host") }))
	defer foreign.Close()
	tests := []struct {
		name      string
		next      func(root string) string
		wantFound bool
		wantErr   bool
	}{
		{"on the second page", func(root string) string { return root + "/v1.0/me/calendarView?$skip=10" }, true, false},
		{"no second page", func(string) string { return "" }, false, false},
		{"another host", func(string) string { return foreign.URL + "/v1.0/me/calendarView" }, false, true},
		{"out of the root", func(root string) string { return root + "/v1.0/../secret" }, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c *Client
			c = serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("$skip") {
					fmt.Fprintf(w, `{"value":[%s]}`, event("mine"))
					return
				}
				if got, want := r.URL.Query().Get("startDateTime"), "2026-11-30T12:00:00Z"; got != want {
					t.Errorf("startDateTime: got %s, want %s", got, want)
				}
				fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":%q}`, event("other"), tt.next(c.root))
			})
			e, found, err := c.FindEvent(t.Context(), mailbox("tok"), "mine", noon, noon.Add(time.Hour))
			if found != tt.wantFound || (err != nil) != tt.wantErr {
				t.Errorf("got %v, %v; want found %v, error %v", found, err, tt.wantFound, tt.wantErr)
			}
			if found && e.ID != "id-mine" {
				t.Errorf("id: got %q, want id-mine", e.ID)
			}
		})
	}
}

func TestSchedules(t *testing.T) {
	var sizes []int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Schedules []string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		sizes = append(sizes, len(in.Schedules))
		var out []string
		for _, a := range in.Schedules {
			switch a {
			case "room3@x":
				out = append(out, `{"scheduleId":"room3@x","scheduleItems":null,"error":{"message":"no","responseCode":"5016"}}`)
			case "room4@x": // left out
			case "room5@x":
				out = append(out, `{"scheduleId":"room5@x","scheduleItems":[],"workingHours":{"timeZone":{"@odata.type":"#microsoft.graph.customTimeZone","name":"Customized Time Zone","bias":-480}}}`)
			case "room6@x":
				out = append(out, `{"scheduleId":"room6@x","scheduleItems":[],"workingHours":{"timeZone":{"name":"China Standard Time"}}}`)
			default:
				out = append(out, fmt.Sprintf(`{"scheduleId":%q,"scheduleItems":[{"status":"busy","start":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T13:00:00","timeZone":"UTC"}}]}`, strings.ToUpper(a)))
			}
		}
		fmt.Fprintf(w, `{"value":[%s]}`, strings.Join(out, ","))
	})
	var addresses []string
	for i := range 25 {
		addresses = append(addresses, fmt.Sprintf("room%d@x", i))
	}
	got, err := c.Schedules(t.Context(), mailbox("tok"), addresses, noon, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(sizes) != "[20 5]" {
		t.Errorf("chunks: got %v, want [20 5]", sizes)
	}
	if len(got) != 25 || len(got["room24@x"].Items) != 1 || got["room24@x"].Err != nil {
		t.Errorf("got %d schedules, the last %+v; want 25 and one item", len(got), got["room24@x"])
	}
	var itemErr *ScheduleError
	if !errors.As(got["room3@x"].Err, &itemErr) || itemErr.ResponseCode != "5016" {
		t.Errorf("room3: got %v, want 5016", got["room3@x"].Err)
	}
	if five, six := got["room5@x"].WorkZone.String(), got["room6@x"].WorkZone.String(); five != "UTC+08:00" || six != "China Standard Time" {
		t.Errorf("zones: got %q and %q, want UTC+08:00 and China Standard Time", five, six)
	}
	if got["room4@x"].Err == nil {
		t.Error("room4, missing in the answer: got no error, want one")
	}
}

func TestHasMailbox(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		answer string
		there  bool
		fails  bool
	}{
		"shared":      {200, `{"isDefaultCalendar":true}`, true, false},
		"not shared":  {404, `{"error":{"code":"ErrorItemNotFound"}}`, true, false},
		"forbidden":   {403, `{"error":{"code":"ErrorAccessDenied"}}`, true, false},
		"nobody":      {404, `{"error":{"code":"ErrorInvalidUser"}}`, false, false},
		"no mailbox":  {404, `{"error":{"code":"UnknownError","innerError":{"code":"MailboxNotEnabledForRESTAPI"}}}`, false, false},
		"unreachable": {400, `{"error":{"code":"BadRequest"}}`, false, true},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/v1.0/users/room@x/calendar") {
				t.Errorf("%s: asked for %s", name, r.URL)
			}
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.answer)
		})
		there, err := c.HasMailbox(t.Context(), mailbox("tok"), "room@x")
		if there != tt.there || (err != nil) != tt.fails {
			t.Errorf("%s: %v, %v; want %v", name, there, err, tt.there)
		}
	}
}

func TestDefaultCalendarOwner(t *testing.T) {
	tests := []struct {
		name      string
		direct    int
		calendars string
		want      string
		wantErr   bool
	}{
		{"direct", 200, "", "alice@x", false},
		{"from the list", 403, `{"value":[{"owner":{"address":"team@x"}},{"isDefaultCalendar":true,"owner":{"address":"al@x"}}]}`, "al@x", false},
		{"in no list", 403, `{"value":[]}`, "", true},
		{"no mailbox", 404, "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/v1.0/me/calendars":
					_, _ = io.WriteString(w, tt.calendars)
				case tt.direct == 200:
					_, _ = io.WriteString(w, `{"owner":{"name":"Alice","address":"alice@x"}}`)
				default:
					refuse(w, tt.direct, "ErrorAccessDenied")
				}
			})
			got, err := c.DefaultCalendarOwner(t.Context(), mailbox("tok"))
			if got.Address != tt.want || (err != nil) != tt.wantErr {
				t.Errorf("got %+v, %v; want %q, error %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestCanEdit(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		calendar  string
		calendars string
		want      bool
		wantErr   bool
	}{
		{"an editor", 200, `{"canEdit":true}`, "", true, false},
		{"a reader", 200, `{"canEdit":false}`, "", false, false},
		{"not told", 200, `{}`, "", false, false},
		{"an editor, by the list", 403, "", `{"value":[{"canEdit":false},{"isDefaultCalendar":true,"canEdit":true}]}`, true, false},
		{"an editor of another one", 403, "", `{"value":[{"canEdit":true},{"isDefaultCalendar":true,"canEdit":false}]}`, false, false},
		{"in no list", 403, "", `{"value":[]}`, false, false},
		{"refused", 403, "", "", false, false},
		{"not shared, or nobody", 404, "", "", false, false},
		{"nobody knows", 400, "", "", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case tt.calendars != "" && r.URL.EscapedPath() == "/v1.0/users/board%2Froom@x/calendars":
					_, _ = io.WriteString(w, tt.calendars)
				case tt.status == 200 && r.URL.EscapedPath() == "/v1.0/users/board%2Froom@x/calendar":
					_, _ = io.WriteString(w, tt.calendar)
				case tt.status == 200:
					t.Errorf("asked for %s", r.URL.EscapedPath())
				default:
					refuse(w, tt.status, "ErrorAccessDenied")
				}
			})
			got, err := c.CanEdit(t.Context(), mailbox("tok"), "board/room@x")
			if got != tt.want || (err != nil) != tt.wantErr {
				t.Errorf("got %v, %v; want %v, error %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestCheckRoot(t *testing.T) {
	for root, ok := range map[string]bool{
		"https://graph.microsoft.com": true, "https://graph.microsoft.com/": true, "http://localhost:8081": true,
		"http://127.0.0.1:1/sim": true, "http://[::1]:1": true, "http://graph.microsoft.com": false, "graph.microsoft.com": false,
		"https://graph.microsoft.com/v1.0": false, "https://u@graph.microsoft.com": false, "https://x/?a": false, "ftp://x": false, "": false,
	} {
		if err := CheckRoot(root); (err == nil) != ok {
			t.Errorf("CheckRoot(%q): got %v, want ok %v", root, err, ok)
		}
	}
}

// R16: a token goes to the configured Graph and nowhere else, wherever a link or
// a redirect points.
func TestR16TokensStayOnGraph(t *testing.T) {
	c := NewClient("https://graph.example/tenant", http.DefaultClient, time.Now)
	for link, want := range map[string]bool{
		"https://graph.example/tenant/v1.0/me/events?$skip=10":    true,
		"https://GRAPH.example/tenant/v1.0/me/events":             true,
		"https://graph.example/tenant/v1.0/../../secret":          false,
		"https://graph.example/tenant/v1.0/%2e%2e/secret":         false,
		"https://graph.example/tenant/v1.0/me/..%2f..%2fsecret":   false,
		"https://graph.example/v1.0/me/events":                    false,
		"https://graph.example/tenant/v1.0x":                      false,
		"https://graph.example.evil.example/tenant/v1.0/me":       false,
		"https://graph.example@evil.example/tenant/v1.0/me":       false,
		"https://user@graph.example/tenant/v1.0/me":               false,
		"https://graph.example:8443/tenant/v1.0/me":               false,
		"http://graph.example/tenant/v1.0/me":                     false,
		"//graph.example/tenant/v1.0/me":                          false,
		"/tenant/v1.0/me":                                         false,
		"https://graph.example\\@evil.example/tenant/v1.0/me":     false,
		"https://evil.example/?https://graph.example/tenant/v1.0": false,
		"": false,
	} {
		if got := c.sameRoot(link); got != want {
			t.Errorf("sameRoot(%q) = %v, want %v", link, got, want)
		}
	}
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token went to another host") }))
	defer foreign.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, foreign.URL, status) })
		if _, err := c.DefaultCalendarOwner(t.Context(), mailbox("tok")); err == nil {
			t.Errorf("a redirect with %d was followed", status)
		}
	}
}
