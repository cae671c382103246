package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// serve starts a Graph that handles by h, and a client whose waits are only noted.
func serve(t *testing.T, h http.HandlerFunc) (c *Client, waits *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(h)
	hc := server.Client()
	t.Cleanup(func() {
		server.Close()
		hc.CloseIdleConnections()
	})
	c = NewClient(server.URL, hc, func() time.Time { return noon })
	waits = &[]time.Duration{}
	c.sleep = func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	c.jitter = func() float64 { return 0.5 }
	return c, waits
}

func mailbox(tokens ...string) Mailbox {
	n := 0
	return Mailbox{Key: "alice", Token: func(_ context.Context, refused Refused) (string, error) {
		if refused.Token == "" {
			return tokens[0], nil
		}
		if n++; n >= len(tokens) {
			return "", errors.New("no more tokens")
		}
		return tokens[n], nil
	}}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"why","innerError":{"request-id":"r-1"}}}`, code)
}

func TestRequest(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
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

func TestRetries(t *testing.T) {
	read := func(c *Client) error {
		_, err := c.Event(context.Background(), mailbox("tok"), "e1")
		return err
	}
	create := func(c *Client) error {
		_, err := c.CreateEvent(context.Background(), mailbox("tok"), Event{})
		return err
	}
	cancel := func(c *Client) error {
		return c.CancelEvent(context.Background(), mailbox("tok"), "e1", "")
	}
	tests := []struct {
		name       string
		call       func(*Client) error
		status     int
		retryAfter string
		wantCalls  int
		wantWaits  string
	}{
		{"read, throttled, seconds", read, 429, "2", 3, "[2s 2s]"},
		{"read, throttled, fraction", read, 429, "2.128", 3, "[2.128s 2.128s]"},
		{"read, throttled, date", read, 429, "Tue, 01 Dec 2026 12:00:07 GMT", 3, "[7s 7s]"},
		{"read, throttled, no word", read, 429, "", 3, "[1.25s 2.5s]"},
		{"read, throttled, nonsense", read, 429, "soon", 3, "[1.25s 2.5s]"},
		{"read, throttled, too long", read, 429, "3600", 1, "[]"},
		{"read, unavailable", read, 503, "1", 3, "[1s 1s]"},
		{"read, gateway", read, 504, "1", 3, "[1s 1s]"},
		{"read, broken", read, 500, "1", 1, "[]"},
		{"create, throttled", create, 429, "1", 3, "[1s 1s]"},
		{"create, unavailable: may have happened", create, 503, "1", 1, "[]"},
		{"create, gateway: may have happened", create, 504, "1", 1, "[]"},
		{"cancel, unavailable", cancel, 503, "1", 1, "[]"},
		{"cancel, throttled", cancel, 429, "1", 3, "[1s 1s]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			c, waits := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				refuse(w, tt.status, "ApplicationThrottled")
			})
			var refused *Error
			if err := tt.call(c); !errors.As(err, &refused) || refused.Status != tt.status {
				t.Errorf("error: got %v, want status %d", err, tt.status)
			}
			if calls != tt.wantCalls {
				t.Errorf("calls: got %d, want %d", calls, tt.wantCalls)
			}
			if got := fmt.Sprint(*waits); got != tt.wantWaits {
				t.Errorf("waits: got %s, want %s", got, tt.wantWaits)
			}
		})
	}
}

func TestDeadlineIsKept(t *testing.T) {
	c, waits := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		refuse(w, 429, "")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := c.Event(ctx, mailbox("tok"), "e1")
	var refused *Error
	if !errors.As(err, &refused) || refused.RetryAfter != 20*time.Second {
		t.Errorf("error: got %v, want one with Retry-After 20s", err)
	}
	if len(*waits) != 0 {
		t.Errorf("waits: got %v, want none: the deadline comes first", *waits)
	}
}

func TestAfter503ANewConnection(t *testing.T) {
	var addresses []string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		addresses = append(addresses, r.RemoteAddr)
		if len(addresses) == 1 {
			refuse(w, 503, "")
			return
		}
		if !r.Close {
			t.Error("the second try keeps its connection, want one of its own")
		}
		_, _ = io.WriteString(w, `{}`)
	})
	_, _ = c.Event(t.Context(), mailbox("tok"), "e1")
	if len(addresses) != 2 {
		t.Errorf("tries: got %d, want 2", len(addresses))
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
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
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

func TestMaybeDone(t *testing.T) {
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	tests := []struct {
		name                string
		answer              http.HandlerFunc
		closed              bool
		wantMaybe, wantPass bool
	}{
		{name: "connection cut after the request", answer: cut, wantMaybe: true, wantPass: true},
		{name: "nobody listens", closed: true, wantMaybe: false, wantPass: true},
		{name: "truncated answer", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"id":`)
		}, wantMaybe: true, wantPass: true},
		{name: "answer that names nothing", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{}`)
		}, wantMaybe: true, wantPass: true},
		{name: "endless answer", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"id":"`+strings.Repeat("x", maxAnswer)+`"}`)
		}, wantMaybe: true, wantPass: true},
		{name: "500", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "") }, wantMaybe: true, wantPass: true},
		{name: "503", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "") }, wantMaybe: true, wantPass: true},
		{name: "429", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429, "") }, wantMaybe: false, wantPass: true},
		{name: "403", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, "") }, wantMaybe: false, wantPass: false},
		{name: "redirect", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, wantMaybe: false, wantPass: false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, tt.answer)
			if tt.closed {
				gone := httptest.NewServer(nil)
				gone.Close()
				c.root = gone.URL
			}
			_, err := c.CreateEvent(t.Context(), mailbox("tok"), Event{})
			if err == nil {
				t.Fatal("got no error, want one")
			}
			if got := MaybeDone(err); got != tt.wantMaybe {
				t.Errorf("MaybeDone(%v): got %v, want %v", err, got, tt.wantMaybe)
			}
			if got := Transient(err); got != tt.wantPass {
				t.Errorf("Transient(%v): got %v, want %v", err, got, tt.wantPass)
			}
		})
	}
}

func TestErrorBody(t *testing.T) {
	tests := []struct {
		name, body, wantCode, wantID string
	}{
		{"plain", `{"error":{"code":"ErrorItemNotFound","message":"m","innerError":{"request-id":"r"}}}`, "ErrorItemNotFound", "r"},
		{"deeper and known", `{"error":{"code":"UnknownError","innererror":{"code":"x","innerError":{"code":"ErrorAccessDenied"}}}}`, "ErrorAccessDenied", ""},
		{"deeper and unknown", `{"error":{"code":"ErrorAccessDenied","innerError":{"code":"whatever"}}}`, "ErrorAccessDenied", ""},
		{"no code", `{"error":{"code":""}}`, "NotFound", ""},
		{"not Graph's", `<html>proxy</html>`, "NotFound", ""},
		{"control characters", "{\"error\":{\"code\":\"a\\u0000\\nb\"}}", "ab", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(404)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := c.Event(t.Context(), mailbox("tok"), "e1")
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want *Error", err)
			}
			if refused.Code != tt.wantCode || refused.RequestID != tt.wantID {
				t.Errorf("got code %q and request-id %q, want %q and %q", refused.Code, refused.RequestID, tt.wantCode, tt.wantID)
			}
		})
	}
}

func TestMailboxLimit(t *testing.T) {
	var now, most atomic.Int32
	enough, release := make(chan struct{}), make(chan struct{})
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		if n == mailboxLimit {
			close(enough)
		}
		<-release
		_, _ = io.WriteString(w, `{}`)
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = c.Event(context.Background(), mailbox("tok"), "e1") })
	}
	<-enough
	close(release)
	all.Wait()
	if got := most.Load(); got != mailboxLimit {
		t.Errorf("at once: got %d, want %d", got, mailboxLimit)
	}
	if n := len(c.gates.open); n != 0 {
		t.Errorf("gates left: got %d, want none", n)
	}
}

func TestBackgroundLeavesAPlace(t *testing.T) {
	g := gates{open: map[string]*gate{}}
	ctx, cancel := context.WithCancel(t.Context())
	var leaves []func()
	for range backgroundLimit {
		leave, err := g.enter(ctx, Mailbox{Key: "alice", Background: true})
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	cancelled, stop := context.WithCancel(ctx)
	stop()
	if _, err := g.enter(cancelled, Mailbox{Key: "alice", Background: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("a background call more: got %v, want to wait", err)
	}
	leave, err := g.enter(ctx, Mailbox{Key: "alice"})
	if err != nil {
		t.Errorf("an interactive call: got %v, want a place", err)
	}
	for _, l := range append(leaves, leave) {
		l()
	}
	cancel()
	if len(g.open) != 0 {
		t.Errorf("gates left: got %d, want none", len(g.open))
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
			c, _ = serve(t, func(w http.ResponseWriter, r *http.Request) {
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

func TestCancelEvent(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got, want := r.URL.EscapedPath()+" "+string(body), `/v1.0/me/events/AAMk%2Fx=/cancel {"comment":"sorry"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		refuse(w, 404, CodeItemNotFound)
	})
	if err := c.CancelEvent(t.Context(), mailbox("tok"), "AAMk/x=", "sorry"); err != nil {
		t.Errorf("an event that is gone: got %v, want no error", err)
	}
}

func TestSchedules(t *testing.T) {
	var sizes []int
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
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
	if got["room4@x"].Err == nil {
		t.Error("room4, missing in the answer: got no error, want one")
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
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
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
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
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

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "2.128", "-1", "NaN", "1e300", "Tue, 01 Dec 2026 12:00:07 GMT", " 3 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := retryAfter(s, noon)
		if d < 0 || d > 24*time.Hour || !ok && d != 0 {
			t.Errorf("retryAfter(%q): got %v, %v; want 0 to 24h", s, d, ok)
		}
	})
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
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, foreign.URL, status) })
		if _, err := c.DefaultCalendarOwner(t.Context(), mailbox("tok")); err == nil {
			t.Errorf("a redirect with %d was followed", status)
		}
	}
}
