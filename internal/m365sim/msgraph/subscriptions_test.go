package msgraph

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A hook is who is told of changes.
type hook struct {
	url      string
	received chan record // notifications
	answers  chan int    // statuses to answer first; then 202
}

// newHook starts a hook. handshake, if given, answers validations.
func newHook(t *testing.T, handshake ...http.HandlerFunc) *hook {
	t.Helper()
	h := &hook{received: make(chan record, 100), answers: make(chan int, 10)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("validationToken") {
			if handshake != nil {
				handshake[0](w, r)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
			return
		}
		var body struct{ Value []record }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		status := http.StatusAccepted
		select {
		case status = <-h.answers:
		default:
		}
		for _, n := range body.Value {
			h.received <- n
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// next is the next notification.
func (h *hook) next(t *testing.T) record {
	t.Helper()
	select {
	case n := <-h.received:
		return n
	case <-time.After(20 * time.Second):
		t.Fatal("no notification came")
		return nil
	}
}

func subscriptionTo(url string) record {
	return record{
		"changeType": "created,updated,deleted", "resource": "me/events", "notificationUrl": url, "clientState": "secret",
		"expirationDateTime": "2026-11-24T01:00:00Z",
	}
}

func (m mailbox) subscribe(url string, headers ...string) string {
	m.t.Helper()
	return m.must(http.StatusCreated, http.MethodPost, "/subscriptions", subscriptionTo(url), headers...).json(m.t)["id"].(string)
}

func TestNotifications(t *testing.T) {
	s := newSim(t)
	m, h, other := s.as(alice), newHook(t), newHook(t)
	id := m.subscribe(h.url)
	s.as(bob).subscribe(other.url)
	e := m.create(plain("Review", 2, 3))
	n := h.next(t)
	data := n["resourceData"].(record)
	if n["subscriptionId"] != id || n["changeType"] != "created" || n["clientState"] != "secret" || n["tenantId"] != s.tenant().ID ||
		data["id"] != e["id"] || data["@odata.etag"] != e["@odata.etag"] || data["@odata.type"] != "#Microsoft.Graph.Event" ||
		n["resource"] != data["@odata.id"] || !strings.HasSuffix(n["resource"].(string), "/Events/"+e["id"].(string)) {
		t.Errorf("created: %v", n)
	}
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+e["id"].(string), record{"subject": "Renamed"})
	if n := h.next(t); n["changeType"] != "updated" {
		t.Errorf("updated: %v", n)
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+e["id"].(string), nil)
	if n := h.next(t); n["changeType"] != "deleted" || n["resourceData"].(record)["id"] != e["id"] {
		t.Errorf("deleted: %v", n)
	}
	s.as(bob).create(plain("His", 2, 3))
	if n := other.next(t); n["subscriptionId"] == id || len(h.received) != 0 {
		t.Errorf("bob's event: %v; alice is told too: %d", n, len(h.received))
	}
}

func TestNotificationsOfSomeKinds(t *testing.T) {
	s := newSim(t)
	m, h := s.as(alice), newHook(t)
	body := subscriptionTo(h.url)
	body["changeType"] = "deleted"
	m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body, "Prefer", `IdType="ImmutableId"`)
	e := m.create(plain("Review", 2, 3))
	immutable := m.must(http.StatusOK, http.MethodGet, "/me/events/"+e["id"].(string), nil, "Prefer", `IdType="ImmutableId"`).json(t)["id"]
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+e["id"].(string), nil)
	if n := h.next(t); n["changeType"] != "deleted" || n["resourceData"].(record)["id"] != immutable {
		t.Errorf("%v, want the deletion of %v", n, immutable)
	}
}

// A room answers late, and nobody calls meanwhile.
func TestNotificationWithoutACall(t *testing.T) {
	s := newSim(t, func(s *sim) {
		s.now = time.Now
		for i := range s.tenant().Rooms {
			s.tenant().Rooms[i].AnswerDelay = world.Duration(50 * time.Millisecond)
		}
	})
	m, h := s.as(alice), newHook(t)
	body := subscriptionTo(h.url)
	body["expirationDateTime"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body)
	soon := time.Now().UTC().Add(time.Hour)
	e := meeting("Review", boardroom, 0, 0)
	e["start"], e["end"] = clockAt(soon.Format("2006-01-02T15:04:05"), "UTC"), clockAt(soon.Add(time.Hour).Format("2006-01-02T15:04:05"), "UTC")
	m.create(e)
	if n := h.next(t); n["changeType"] != "created" {
		t.Errorf("first: %v", n)
	}
	if n := h.next(t); n["changeType"] != "updated" {
		t.Errorf("second: %v", n)
	}
}

func TestNotificationIsRetried(t *testing.T) {
	s := newSim(t)
	m, h := s.as(alice), newHook(t)
	m.subscribe(h.url)
	h.answers <- http.StatusInternalServerError
	m.create(plain("Review", 2, 3))
	first, second := h.next(t), h.next(t)
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("%v is repeated as %v", first, second)
	}
}

func TestSubscriptionEnds(t *testing.T) {
	s := newSim(t)
	m, h := s.as(alice), newHook(t)
	id := m.subscribe(h.url)
	s.clock.advance(25 * time.Hour)
	m.create(plain("Too late", 2, 3))
	if a := m.call(http.MethodGet, "/subscriptions/"+id, nil); !a.is(http.StatusNotFound, "ResourceNotFound") {
		t.Errorf("an old subscription: %d %s", a.StatusCode, a.body)
	}
	body := subscriptionTo(h.url)
	body["expirationDateTime"] = "2026-11-25T01:00:00Z"
	s.clock.advance(-2 * time.Hour)
	m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body) // is no duplicate
	e := m.create(plain("In time", 2, 3))
	if n := h.next(t); n["resourceData"].(record)["id"] != e["id"] {
		t.Errorf("the first notification is %v, want of %v", n, e["id"])
	}
}

func TestSubscriptionLife(t *testing.T) {
	s := newSim(t)
	m, h := s.as(alice), newHook(t)
	id := m.subscribe(h.url)
	if a := m.call(http.MethodPost, "/subscriptions", subscriptionTo(h.url)); !a.is(http.StatusConflict, "Conflict") {
		t.Errorf("a duplicate: %d %s", a.StatusCode, a.body)
	}
	body := subscriptionTo(h.url + "/other")
	body["expirationDateTime"] = "2026-11-23T01:01:00Z"
	short := m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body).json(t)
	if short["expirationDateTime"] != "2026-11-23T01:45:00.0000000Z" {
		t.Errorf("a minute became %v, want 45", short["expirationDateTime"])
	}
	if list := m.must(http.StatusOK, http.MethodGet, "/subscriptions", nil).value(t); len(list) != 2 {
		t.Errorf("the list: %v", list)
	}
	renewed := m.must(http.StatusOK, http.MethodPatch, "/subscriptions/"+id, record{"expirationDateTime": "2026-11-29T01:00:00Z"}).json(t)
	if renewed["expirationDateTime"] != "2026-11-29T01:00:00.0000000Z" {
		t.Errorf("renewed: %v", renewed)
	}
	for until, why := range map[string]string{"2026-12-01T01:00:00Z": "only be 10080 minutes", "2026-11-22T01:00:00Z": "in the future"} {
		a := m.call(http.MethodPatch, "/subscriptions/"+id, record{"expirationDateTime": until})
		if !a.is(http.StatusBadRequest, "ExtensionError") || !strings.Contains(a.body, why) {
			t.Errorf("until %s: %d %s", until, a.StatusCode, a.body)
		}
	}
	if got := m.must(http.StatusOK, http.MethodGet, "/subscriptions/"+id, nil).json(t); got["expirationDateTime"] != renewed["expirationDateTime"] {
		t.Errorf("refused renewals changed it: %v", got)
	}
	m.must(http.StatusNoContent, http.MethodPost, "/subscriptions/"+id+"/reauthorize", nil)
	stranger, otherApp := s.as(bob), mailbox{sim: s, token: alice + " 1 " + readWrite}
	for name, who := range map[string]mailbox{"somebody else": stranger, "another app": otherApp} {
		if a := who.call(http.MethodDelete, "/subscriptions/"+id, nil); !a.is(http.StatusNotFound, "ResourceNotFound") {
			t.Errorf("%s deletes it: %d %s", name, a.StatusCode, a.body)
		}
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/subscriptions/"+id, nil)
	if a := m.call(http.MethodGet, "/subscriptions/"+id, nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("deleted: %d %s", a.StatusCode, a.body)
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/subscriptions/"+short["id"].(string), nil)
	m.create(plain("Unheard", 2, 3))
	m.subscribe(h.url)
	e := m.create(plain("Heard", 2, 3))
	if n := h.next(t); n["resourceData"].(record)["id"] != e["id"] {
		t.Errorf("after its end a subscription is told of %v", n)
	}
}

func TestSubscriptionRefusals(t *testing.T) {
	s := newSim(t, share(bob, alice, world.RoleDelegateAll))
	m, h := s.as(alice), newHook(t)
	for name, tt := range map[string]struct {
		change record
		status int
		code   string
	}{
		"an unknown kind":            {record{"changeType": "moved"}, 400, "ExtensionError"},
		"no kind":                    {record{"changeType": ""}, 400, "ExtensionError"},
		"a shared mailbox":           {record{"resource": "users/" + bob + "/events"}, 403, "ErrorAccessDenied"},
		"a room":                     {record{"resource": "users/" + boardroom + "/events"}, 403, "ErrorAccessDenied"},
		"mail":                       {record{"resource": "me/messages"}, 400, "ExtensionError"},
		"nobody's events":            {record{"resource": "events"}, 400, "ExtensionError"},
		"another machine":            {record{"notificationUrl": "https://example.com/"}, 400, "ValidationError"},
		"another machine's life":     {record{"lifecycleNotificationUrl": "http://10.0.0.1/"}, 400, "ValidationError"},
		"no address":                 {record{"notificationUrl": ""}, 400, "ValidationError"},
		"a file":                     {record{"notificationUrl": "file:///etc/passwd"}, 400, "ValidationError"},
		"a name and a password":      {record{"notificationUrl": "http://a:b@localhost/"}, 400, "ValidationError"},
		"eight days":                 {record{"expirationDateTime": "2026-12-01T01:00:01Z"}, 400, "ExtensionError"},
		"the past":                   {record{"expirationDateTime": "2026-11-23T00:59:59Z"}, 400, "ExtensionError"},
		"no end":                     {record{"expirationDateTime": nil}, 400, "ExtensionError"},
		"resource data":              {record{"includeResourceData": true}, 400, "ExtensionError"},
		"too long a secret":          {record{"clientState": strings.Repeat("x", 129)}, 400, "ExtensionError"},
		"a property that isn't":      {record{"colour": "red"}, 400, "RequestBodyRead"},
		"a connection that's closed": {record{"notificationUrl": "http://localhost:1/"}, 400, "ValidationError"},
	} {
		body := subscriptionTo(h.url)
		maps.Copy(body, tt.change)
		if a := m.call(http.MethodPost, "/subscriptions", body); !a.is(tt.status, tt.code) {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, tt.status, tt.code)
		}
	}
	if a := s.as(eve).call(http.MethodPost, "/subscriptions", subscriptionTo(h.url)); !a.is(http.StatusBadRequest, "ExtensionError") {
		t.Errorf("without a mailbox: %d %s", a.StatusCode, a.body)
	}
	for _, resource := range []string{"/me/events", "Users('" + alice + "')/Events", "users/" + s.world.Tenants[0].Person(alice).ID + "/calendar/events"} {
		body := subscriptionTo(h.url)
		body["resource"] = resource
		m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body)
	}
}

func TestSubscriptionsOfAMailboxAreLimited(t *testing.T) {
	s := newSim(t)
	m, h := s.as(alice), newHook(t)
	s.do(func(now time.Time) {
		for i := range maxPerMailbox {
			s.graph.news.add(&subscription{ID: fmt.Sprint(i), Mailbox: alice, Expires: now.Add(time.Hour)})
		}
	})
	if a := m.call(http.MethodPost, "/subscriptions", subscriptionTo(h.url)); !a.is(http.StatusBadRequest, "ExtensionError") {
		t.Errorf("one too many: %d %s", a.StatusCode, a.body)
	}
	s.as(bob).subscribe(h.url)
}

func TestHandshakes(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	elsewhere := newHook(t)
	for name, answer := range map[string]http.HandlerFunc{
		"another token": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "hello")
		},
		"escaped": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, strings.TrimPrefix(r.URL.RawQuery, "validationToken="))
		},
		"as HTML": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
		},
		"with 202": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
		},
		"sent elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.url+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		},
	} {
		h := newHook(t, answer)
		if a := m.call(http.MethodPost, "/subscriptions", subscriptionTo(h.url)); !a.is(http.StatusBadRequest, "ValidationError") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
		body := subscriptionTo(elsewhere.url)
		body["lifecycleNotificationUrl"] = h.url
		if a := m.call(http.MethodPost, "/subscriptions", body); !a.is(http.StatusBadRequest, "ValidationError") {
			t.Errorf("%s, of the other address: %d %s", name, a.StatusCode, a.body)
		}
	}
}

// Two ask for the same at once: while one shakes hands the other gets it.
func TestHandshakeRace(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	asked, answer := make(chan bool, 2), make(chan bool)
	h := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-answer
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
	})
	statuses := make(chan int, 2)
	for range 2 {
		go func() {
			a, err := m.try(http.MethodPost, s.base+"/v1.0/subscriptions", subscriptionTo(h.url))
			if err != nil {
				t.Error(err)
			}
			statuses <- a.StatusCode
		}()
	}
	<-asked
	<-asked
	close(answer)
	if a, b := <-statuses, <-statuses; a+b != http.StatusCreated+http.StatusConflict {
		t.Errorf("%d and %d, want 201 and 409", a, b)
	}
}

func TestLifecycle(t *testing.T) {
	s := newSim(t)
	m, h, life := s.as(alice), newHook(t), newHook(t)
	body := subscriptionTo(h.url)
	body["lifecycleNotificationUrl"] = life.url
	created := m.must(http.StatusCreated, http.MethodPost, "/subscriptions", body).json(t)
	for _, event := range lifecycleEvents {
		s.do(func(now time.Time) {
			if n, err := s.graph.Lifecycle("Alice@contoso.example", event, now); n != 1 && event != "missed" || err != nil {
				t.Errorf("%s: %d subscriptions, %v", event, n, err)
			}
		})
		if event == "missed" {
			continue // nobody is left
		}
		n := life.next(t)
		if n["lifecycleEvent"] != event || n["subscriptionId"] != created["id"] || n["clientState"] != "secret" || n["resource"] != "me/events" {
			t.Errorf("%s: %v", event, n)
		}
	}
	if a := m.call(http.MethodGet, "/subscriptions/"+created["id"].(string), nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("the removed subscription: %d %s", a.StatusCode, a.body)
	}
	s.do(func(now time.Time) {
		if _, err := s.graph.Lifecycle(alice, "born", now); err == nil {
			t.Error("an unknown event passes")
		}
	})
}

func TestNobodyMaySubscribeWithoutAClient(t *testing.T) {
	s := newSim(t)
	s.graph.news.client = nil
	if a := s.as(alice).call(http.MethodPost, "/subscriptions", subscriptionTo("http://localhost:1/")); !a.is(http.StatusBadRequest, "ExtensionError") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	s.fail(front.Fault{Match: "GET /v1.0/me/calendar", Code: "ServiceUnavailable"})
	if a := s.as(alice).call(http.MethodGet, "/me/calendar", nil); !a.is(http.StatusServiceUnavailable, "ServiceUnavailable") {
		t.Errorf("a fault: %d %s", a.StatusCode, a.body)
	}
}
