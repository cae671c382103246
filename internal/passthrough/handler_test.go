package passthrough

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Path and query go on byte by byte.
func TestOriginalBytesAreForwarded(t *testing.T) {
	for _, target := range []string{
		"/ME/events('AAMk%2D_x%3D')?%24top=1&$filter=subject%20eq%20'a%26b'&",
		"/users/bob%40contoso.example/Calendar/events?$select=id",
		"/me/calendarView/microsoft.graph.delta()?startDateTime=2026-12-01T00:00:00%2B08:00&endDateTime=x",
		"/me/events?",
	} {
		b := newHouse(t, ok)
		if a := b.call(get, target, ""); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", target, a.StatusCode, a.body)
			continue
		}
		if got := b.only().RequestURI; strings.TrimSuffix(got, "?") != strings.TrimSuffix("/v1.0"+target, "?") {
			t.Errorf("%s went on as %s", target, got)
		}
	}
}

func TestHeaders(t *testing.T) {
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Type": "application/json", "ETag": `W/"1"`, "request-id": "g-1", "Preference-Applied": "outlook.timezone=\"UTC\"",
			"Set-Cookie": "a=b", "WWW-Authenticate": "Bearer", "Server": "x", "X-Ones-User-Id": "x", "Strict-Transport-Security": "max-age=1",
			"Access-Control-Allow-Origin": "*", "Location": "http://" + r.Host + "/v1.0/users('x')/events('y')",
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{}`)
	})
	a := b.call(patch, "/me/events/x", `{}`, "Authorization", "Bearer service", "Ones-Act-As", "alice", "Cookie", "a=b", "X-Ones-User-Id", "x",
		"X-Forwarded-For", "1.2.3.4", "Forwarded", "for=x", "X-Http-Method-Override", "DELETE", "X-Http-Method", "DELETE", "X-Original-Url", "/x", "Te", "trailers",
		"Proxy-Authorization", "x", "Connection", "close, Prefer-Nothing", "Prefer-Nothing", "x", "Idempotency-Key", "k",
		"Prefer", `outlook.timezone="UTC"`, "If-Match", `W/"0"`, "client-request-id", "c-1", "SdkVersion", "s", "Accept", "application/json")
	got := b.only().Header.Clone()
	for name, want := range map[string]string{
		"Authorization": "Bearer token-0", "Prefer": `outlook.timezone="UTC", IdType="ImmutableId"`, "If-Match": `W/"0"`, "Client-Request-Id": "c-1",
		"Sdkversion": "s", "Accept": "application/json", "Content-Type": "application/json", "Content-Length": "2", "Accept-Encoding": "gzip", "User-Agent": "Go-http-client/1.1",
	} {
		if is := strings.Join(got[name], ", "); is != want {
			t.Errorf("Graph got %s: %q, want %q", name, is, want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("Graph also got %v", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Etag": `W/"1"`, "Request-Id": "g-1", "Preference-Applied": "outlook.timezone=\"UTC\"",
		"Location": b.us.URL + "/graph/v1.0/users('x')/events('y')", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Content-Length": "2", "Date": a.Header.Get("Date"),
	} {
		if is := a.Header.Get(name); is != want {
			t.Errorf("the caller got %s: %q, want %q", name, is, want)
		}
		a.Header.Del(name)
	}
	if len(a.Header) > 0 {
		t.Errorf("the caller also got %v", a.Header)
	}
}

func TestKindOfIDs(t *testing.T) {
	for _, tt := range []struct{ prefer, want string }{
		{"", `IdType="ImmutableId"`},
		{`idtype="Default"`, `idtype="Default"`},
		{`return=minimal, IdType="ImmutableId"`, `return=minimal, IdType="ImmutableId"`},
	} {
		b := newHouse(t, ok)
		var headers []string
		if tt.prefer != "" {
			headers = []string{"Prefer", tt.prefer}
		}
		b.call(get, "/me/events", "", headers...)
		if got := strings.Join(b.only().Header["Prefer"], ", "); got != tt.want {
			t.Errorf("%q goes on as %q, want %q", tt.prefer, got, tt.want)
		}
	}
}

func TestCreationsHaveATransactionID(t *testing.T) {
	b := newHouse(t, ok)
	ids := []string{}
	for _, headers := range [][]string{nil, nil, {"Idempotency-Key", "k"}, {"Idempotency-Key", "k"}, {"client-request-id", "k2"}} {
		b.call(post, "/me/calendar/events", `{"subject":"x"}`, headers...)
		var event struct{ TransactionID, Subject string }
		if err := json.Unmarshal([]byte(b.seen[len(b.seen)-1].body), &event); err != nil || event.Subject != "x" {
			t.Fatal(err, event)
		}
		ids = append(ids, event.TransactionID)
	}
	if ids[2] != ids[3] {
		t.Errorf("repeated under one key, two events: %q", ids)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 4 || ids[0] == "" {
		t.Errorf("%d ids, want 4: %q", n, ids)
	}
	b.call(patch, "/me/events/x", `{"subject":"x"}`)
	if got := b.seen[len(b.seen)-1].body; got != `{"subject":"x"}` {
		t.Errorf("a change went on as %s", got)
	}
}

// A calendar in one's list may be another's; its id doesn't say so.
func TestOtherPeoplesCalendarsInTheList(t *testing.T) {
	owner := ""
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "$select=owner" {
			ok(w, r)
			return
		}
		switch owner {
		case "gone":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":"ErrorItemNotFound","message":""}}`)
		case "torn":
			_, _ = io.WriteString(w, `{"owner":`)
		default:
			_, _ = fmt.Fprintf(w, `{"owner":{"address":%q}}`, owner)
		}
	})
	for _, tt := range []struct {
		owner  string
		status int
		calls  int
	}{
		{boardroom, 403, 1},
		{"bob@contoso.example", 403, 1},
		{"", 403, 1},
		{"torn", 403, 1},
		{"gone", 404, 1},
		{strings.ToUpper(alice.Mailbox), 200, 2},
		{boardroom, 200, 1}, // remembered
	} {
		owner = tt.owner
		before := b.count()
		a := b.call(post, "/me/calendars/AAMk/events", `{}`)
		if a.StatusCode != tt.status || b.count()-before != tt.calls {
			t.Errorf("%q: %d after %d calls, want %d after %d: %s", tt.owner, a.StatusCode, b.count()-before, tt.status, tt.calls, a.body)
		}
	}
	owner = boardroom
	for _, tt := range []struct{ method, path string }{
		{post, "/me/calendarGroups/x/calendars/BBBB/events"},
		{patch, "/me/calendars/BBBB"},
		{del, "/me/calendars('BBBB')/events('x')"},
		{post, "/users/" + aliceOID + "/calendars/BBBB/events/x/cancel"},
	} {
		if a := b.call(tt.method, tt.path, ""); tt.method != patch && a.StatusCode/100 == 2 {
			t.Errorf("%s %s: %d", tt.method, tt.path, a.StatusCode)
		}
	}
	before := b.count()
	if a := b.call(get, "/me/calendars/BBBB/events", ""); a.StatusCode != 200 || b.count()-before != 1 {
		t.Errorf("reading: %d after %d calls", a.StatusCode, b.count()-before)
	}
}

func TestOwnedIsBounded(t *testing.T) {
	o := owned{of: map[string]struct{}{}}
	for i := range maxOwned + 10 {
		o.add(fmt.Sprint(i))
	}
	if len(o.of) != maxOwned || !o.has(fmt.Sprint(maxOwned+9)) {
		t.Errorf("%d calendars are remembered, the last one: %t", len(o.of), o.has(fmt.Sprint(maxOwned+9)))
	}
}

// Who is refused, and that Graph hears nothing of it.
func TestRefusals(t *testing.T) {
	stranger, elsewhere := *alice, *alice
	stranger.ID, elsewhere.Integration = "t.stranger", "fabrikam"
	for name, tt := range map[string]struct {
		who            Caller
		method, target string
		body           string
		headers        []string
		status         int
		code           string
		graphCode      string
	}{
		"a session":            {Caller{Person: alice}, get, "/me/events", "", nil, 403, "forbidden", "ErrorAccessDenied"},
		"nobody":               {Caller{Service: "ones"}, get, "/me/events", "", nil, 400, "malformed", "BadRequest"},
		"a room":               {Caller{Service: "ones", Room: "harbour"}, get, "/me/events", "", nil, 403, "forbidden", "ErrorAccessDenied"},
		"no grant":             {Caller{Service: "ones", Person: &stranger}, get, "/me/events", "", nil, 403, "needs_sign_in", "ErrorAccessDenied"},
		"no integration":       {Caller{Service: "ones", Person: &elsewhere}, get, "/me/events", "", nil, 503, "graph_unavailable", "serviceNotAvailable"},
		"mail":                 {Caller{Service: "ones", Person: alice}, get, "/me/messages", "", nil, 403, "forbidden", "ErrorAccessDenied"},
		"a dot":                {Caller{Service: "ones", Person: alice}, get, "/me/events/%2e%2e/messages", "", nil, 400, "malformed", "BadRequest"},
		"no object":            {Caller{Service: "ones", Person: alice}, post, "/me/events", "[]", nil, 400, "malformed", "BadRequest"},
		"no body":              {Caller{Service: "ones", Person: alice}, post, "/me/events", "", nil, 400, "malformed", "BadRequest"},
		"a binding":            {Caller{Service: "ones", Person: alice}, post, "/me/events", `{"calendar@odata.bind":"x"}`, nil, 403, "forbidden", "ErrorAccessDenied"},
		"a binding in a patch": {Caller{Service: "ones", Person: alice}, patch, "/me/events/x", `{"calendar@odata.bind":"x"}`, nil, 403, "forbidden", "ErrorAccessDenied"},
		"two keys":             {Caller{Service: "ones", Person: alice}, post, "/me/events", "{}", []string{"Idempotency-Key", "1", "Idempotency-Key", "2"}, 400, "malformed", "BadRequest"},
		"too much":             {Caller{Service: "ones", Person: alice}, post, "/me/events", strings.Repeat(" ", maxBody+1), nil, 413, "request_entity_too_large", "RequestEntityTooLarge"},
		"packed":               {Caller{Service: "ones", Person: alice}, post, "/me/events", "{}", []string{"Content-Encoding", "gzip"}, 415, "unsupported_media_type", "UnsupportedMediaType"},
		"no host":              {Caller{Service: "ones", Person: alice}, get, "/me/events", "", []string{"Test-Base", "http://a\"b"}, 400, "malformed", "BadRequest"},
		"no host, but a user":  {Caller{Service: "ones", Person: alice}, get, "/me/events", "", []string{"Test-Base", "http://a@b"}, 400, "malformed", "BadRequest"},
		"the metadata":         {Caller{Service: "ones", Person: alice}, get, "/$metadata", "", nil, 403, "forbidden", "ErrorAccessDenied"},
		"a batch by GET":       {Caller{Service: "ones", Person: alice}, get, "/$batch", "", nil, 403, "forbidden", "ErrorAccessDenied"},
		"a batch with a query": {Caller{Service: "ones", Person: alice}, post, "/$batch?x=y", `{"requests":[{"id":"1","method":"GET","url":"/me/events"}]}`, nil, 403, "forbidden", "ErrorAccessDenied"},
	} {
		b := newHouse(t, ok)
		b.who = tt.who
		a := b.call(tt.method, tt.target, tt.body, tt.headers...)
		var told struct {
			Code   string
			Status int
			Error  struct {
				Code, Message string
				InnerError    struct{ Code string }
			}
		}
		if err := json.Unmarshal([]byte(a.body), &told); err != nil {
			t.Errorf("%s: %d %s: %v", name, a.StatusCode, a.body, err)
			continue
		}
		if a.StatusCode != tt.status || told.Status != tt.status || told.Code != tt.code || told.Error.Code != tt.graphCode ||
			told.Error.InnerError.Code != tt.code || told.Error.Message == "" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s; want %d %s %s", name, a.StatusCode, a.body, tt.status, tt.code, tt.graphCode)
		}
		if has := strings.Contains(a.body, `"login_url":"https://ones.example/.ones/login"`); has != (tt.code == "needs_sign_in") || !has && strings.Contains(a.body, "login_url") {
			t.Errorf("%s: where to sign in: %s", name, a.body)
		}
		if n := b.count(); n != 0 {
			t.Errorf("%s: Graph got %d requests", name, n)
		}
	}
}

// A token that Graph refuses is renewed; if that doesn't help, the caller is not
// told to renew theirs.
func TestAccessTokenRefused(t *testing.T) {
	accepts := "Bearer token-1"
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != accepts {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		ok(w, r)
	})
	if a := b.call(get, "/me/events", ""); a.StatusCode != http.StatusOK {
		t.Errorf("with a new token: %d %s", a.StatusCode, a.body)
	}
	accepts = "none"
	if a := b.call(get, "/me/events", ""); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, `"code":"bad_gateway"`) || a.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("with none: %d %s", a.StatusCode, a.body)
	}
}

func TestThrottlingIsWaitedFor(t *testing.T) {
	left := 1
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		if left--; left >= 0 {
			w.Header().Set("Retry-After", "0.01")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		ok(w, r)
	})
	if a := b.call(post, "/me/events", `{"subject":"x"}`); a.StatusCode != http.StatusOK || b.count() != 2 || b.seen[0].body != b.seen[1].body {
		t.Errorf("%d after %d calls", a.StatusCode, b.count())
	}
}

// An answer of any length passes as it comes.
func TestLongAnswersAreStreamed(t *testing.T) {
	more := make(chan struct{})
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"@odata.nextLink":"http://`+r.Host+`/v1.0/me/events?$skip=1","value":["`+strings.Repeat("x", 64<<10))
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, strings.Repeat("x", 6<<20)+`"]}`)
	})
	req, err := http.NewRequestWithContext(t.Context(), get, b.us.URL+Prefix+"/me/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	begin := make([]byte, 32<<10)
	if _, err := io.ReadFull(res.Body, begin); err != nil {
		t.Fatal(err)
	}
	if want := `{"@odata.nextLink":"` + b.us.URL + `/graph/v1.0/me/events?$skip=1"`; !strings.HasPrefix(string(begin), want) {
		t.Errorf("it begins %.120s", begin)
	}
	close(more)
	rest, err := io.Copy(io.Discard, res.Body)
	if err != nil || rest < 6<<20 {
		t.Errorf("%d more bytes, %v", rest, err)
	}
}

// Half an answer never looks like a whole one.
func TestBrokenAnswersBreakOff(t *testing.T) {
	b := newHouse(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, `{"value":[`+strings.Repeat(" ", 50_000))
		panic(http.ErrAbortHandler)
	})
	req, err := http.NewRequestWithContext(t.Context(), get, b.us.URL+Prefix+"/me/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
	}
	if err == nil {
		t.Error("half an answer has come as a whole one")
	}
}

// Whoever doesn't read their answer, or doesn't send what they have announced, holds
// nothing up for longer than a call may take.
func TestSlowCallers(t *testing.T) {
	for name, request := range map[string]string{
		"reads nothing": "GET /graph/v1.0/me/events HTTP/1.1\r\nHost: us\r\n\r\n",
		"sends no body": "POST /graph/v1.0/me/events HTTP/1.1\r\nHost: us\r\nContent-Length: 9\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(w http.ResponseWriter, _ *http.Request) {
				for {
					if _, err := w.Write(make([]byte, 1<<20)); err != nil {
						return
					}
				}
			})
			over := make(chan struct{})
			h.within, h.served = 200*time.Millisecond, func() { close(over) }
			conn, err := net.Dial("tcp", h.us.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			<-over
		})
	}
}

// No call lasts for ever.
func TestCallsEnd(t *testing.T) {
	b := newHouse(t, ok)
	before := time.Now()
	b.call(get, "/me/events", "")
	if b.until.Before(before) || b.until.After(time.Now().Add(maxTime)) {
		t.Errorf("a call of %s may last until %s", before, b.until)
	}
}

// Whoever calls it by whatever name, a mailbox serves four at once.
func TestOneMailboxOneLimit(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		ok(w, r)
	})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() { b.call(get, "/me/events", "", "Test-As", "bob") })
		calls.Go(func() { b.call(get, "/users/Bob@contoso.example/events", "") })
	}
	calls.Wait()
	if b.count() != 16 || most > 4 {
		t.Errorf("%d calls, %d at once; want 16, and 4 at most", b.count(), most)
	}
}

// What changes something is in the audit log, with what became of it, and nothing
// of what it is about.
func TestAudit(t *testing.T) {
	b := newHouse(t, ok)
	b.call(get, "/me/events/AAMk", "")
	b.call(patch, "/me/events/AAMk", `{"subject":"secret"}`)
	b.call(post, "/users/"+aliceOID+"/events", `{"subject":"secret"}`)
	b.call(post, "/users/bob@contoso.example/events", `{"subject":"secret"}`)
	b.call(post, "/$batch", `{"requests":[{"id":"1","method":"POST","url":"/me/events/AAMk/cancel","body":{"comment":"secret"}}]}`)
	log := b.audit.String()
	if n := strings.Count(log, "\n"); n != 4 || strings.Contains(log, "secret") || strings.Contains(log, "AAMk") {
		t.Errorf("%d lines, want 4:\n%s", n, log)
	}
	for _, want := range []string{
		"by=ones user=t.alice integration=contoso method=PATCH path=/me/events/{id} outcome=200",
		"method=POST path=/users/{id}/events outcome=200",
		`method=POST path=/users/{id}/events outcome="refused: forbidden"`,
		"method=POST path=/me/events/{id}/cancel outcome=200",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}
