package signin

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/status"
)

// An office is a lobby whose admins can look at the gateway.
type office struct {
	*lobby
	audit  bytes.Buffer
	asked  []PeopleFilter
	broken error

	listed  []BookingsFilter
	retried []string
	refused string // why nothing is retried
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{lobby: newLobby(t)}
	o.site.Audit = slog.New(slog.NewTextHandler(&o.audit, nil))
	o.site.Insight = Insight{
		Picture: func(context.Context) (*status.Picture, error) {
			return &status.Picture{Version: "v1.2.3", Rooms: []status.Room{{Name: "boardroom", Title: "The Boardroom", Connection: "connected"}}}, o.broken
		},
		People: func(_ context.Context, f PeopleFilter) ([]pages.Person, string, error) {
			o.asked = append(o.asked, f)
			return []pages.Person{{ID: "tid.bob", Name: "Bob", Connection: "connected"}}, "more", o.broken
		},
		BookingStates: []string{"waiting", "failed"},
		Bookings: func(_ context.Context, f BookingsFilter) ([]pages.Booking, string, error) {
			o.listed = append(o.listed, f)
			return []pages.Booking{{ID: "b1", Room: "boardroom", Organizer: "Bob"}}, "more/2", o.broken
		},
		Booking: func(_ context.Context, id string) (pages.Journal, bool, error) {
			return pages.Journal{Booking: pages.Booking{ID: id, Room: "boardroom", Organizer: "Bob", State: "waiting"}}, id == "b1", o.broken
		},
		Retry: func(_ context.Context, id string) (string, error) {
			o.retried = append(o.retried, id)
			return o.refused, o.broken
		},
	}
	return o
}

// post sends a form from our own page.
func (o *office) post(t *testing.T, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "__Host-onesgate="+o.cookie)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	if err := o.Serve(w, r, r.URL, o.next); err != nil {
		t.Fatal(err)
	}
	return w
}

// The pages for operators are for admins, and their forms for our own pages.
func TestStatusIsForAdmins(t *testing.T) {
	o := newOffice(t)
	origin, page := []string{"Origin", "https://ones.example"}, []string{"Accept", "text/html"}
	for _, tt := range []struct {
		name, method, path string
		headers            []string
		admin, signedIn    bool
		status             int
		has                string
	}{
		{"an admin", "GET", "/.ones/status", page, true, true, 200, `data-kind="status"`},
		{"an admin's script", "GET", "/.ones/status", nil, true, true, 200, `data-kind="status"`},
		{"an admin looks at people", "GET", "/.ones/status/people", page, true, true, 200, `data-kind="people"`},
		{"an admin looks for people", "POST", "/.ones/status/people", origin, true, true, 200, `data-kind="people"`},
		{"nobody", "GET", "/.ones/status", page, false, false, 303, "return_to=%2F.ones%2Fstatus"},
		{"nobody's script", "GET", "/.ones/status", nil, false, false, 401, `"sign_in_required"`},
		{"no admin", "GET", "/.ones/status", page, false, true, 403, `data-kind="not_admin"`},
		{"no admin's script", "GET", "/.ones/status", nil, false, true, 403, `"forbidden"`},
		{"no admin looks at people", "GET", "/.ones/status/people", page, false, true, 403, `data-kind="not_admin"`},
		{"no admin looks for people", "POST", "/.ones/status/people", origin, false, true, 403, `"forbidden"`},
		{"an admin looks at bookings", "GET", "/.ones/status/bookings?state=failed", page, true, true, 200, `data-kind="bookings"`},
		{"an admin looks at a booking", "GET", "/.ones/status/bookings/b1", page, true, true, 200, `data-kind="booking"`},
		{"there is no such booking", "GET", "/.ones/status/bookings/b2", page, true, true, 404, `data-kind="not_found"`},
		{"an admin retries a booking", "POST", "/.ones/status/bookings/b1", origin, true, true, 303, "/.ones/status/bookings/b1"},
		{"no admin looks at bookings", "GET", "/.ones/status/bookings", page, false, true, 403, `data-kind="not_admin"`},
		{"no admin looks at a booking", "GET", "/.ones/status/bookings/b1", page, false, true, 403, `data-kind="not_admin"`},
		{"no admin retries a booking", "POST", "/.ones/status/bookings/b1", origin, false, true, 403, `"forbidden"`},
		{"retrying from another site", "POST", "/.ones/status/bookings/b1", []string{"Origin", "https://evil.example"}, true, true, 403, `"forbidden"`},
		{"from another site", "POST", "/.ones/status/people", []string{"Origin", "https://evil.example"}, true, true, 403, `"forbidden"`},
		{"from nowhere", "POST", "/.ones/status/people", nil, true, true, 403, `"forbidden"`},
		{"a form that isn't there", "POST", "/.ones/status", origin, true, true, 405, `"method_not_allowed"`},
		{"the script", "GET", "/.ones/assets/status.js", nil, false, false, 200, "use strict"},
		{"the style", "GET", "/.ones/assets/status.css", nil, false, false, 200, "body.operator"},
	} {
		o.Admins = Admins{}
		if tt.admin {
			o.Admins = adminsOf(t, "contoso/"+o.alice.ID)
		}
		asked := len(o.asked)
		w := o.send(t, tt.method, tt.path, tt.signedIn, tt.headers...)
		if w.Code != tt.status || !strings.Contains(w.Body.String()+w.Header().Get("Location"), tt.has) {
			t.Errorf("%s: %d to %q with %s; want %d with %q", tt.name, w.Code, w.Header().Get("Location"), w.Body, tt.status, tt.has)
		}
		if tt.status != 200 && (len(o.asked) != asked || strings.Contains(w.Body.String(), "Bob") || strings.Contains(w.Body.String(), "v1.2.3")) {
			t.Errorf("%s: told %s", tt.name, w.Body)
		}
	}
	if len(o.retried) != 1 {
		t.Errorf("retried %q", o.retried)
	}
	if !strings.Contains(o.audit.String(), "people were shown to an admin") || !strings.Contains(o.audit.String(), "a page for admins was refused") {
		t.Errorf("the audit log: %s", o.audit.String())
	}
}

// The form of a room leads to Microsoft, so the page's policy lets it.
func TestStatusPage(t *testing.T) {
	o := newOffice(t)
	w := o.send(t, http.MethodGet, "/.ones/status", true, "Accept", "text/html")
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "form-action 'self' "+o.base+";") || !strings.Contains(policy, "script-src 'self';") {
		t.Errorf("the policy is %q", policy)
	}
	if body := w.Body.String(); !strings.Contains(body, `action="/.ones/rooms/boardroom/connect"`) || !strings.Contains(body, "v1.2.3") {
		t.Errorf("the page: %s", body)
	}
	o.broken = errors.New("away")
	for _, path := range []string{"/.ones/status", "/.ones/status/people", "/.ones/status/bookings", "/.ones/status/bookings/b1"} {
		if w := o.send(t, http.MethodGet, path, true, "Accept", "text/html"); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "Bob") {
			t.Errorf("%s without a store: %d %s", path, w.Code, w.Body)
		}
	}
}

// Without Microsoft the page is shown all the same.
func TestStatusPageInAnOutage(t *testing.T) {
	o := newOffice(t)
	away := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("away") })}
	p := entra.NewProvider("https://idp.example", away, time.Now)
	t.Cleanup(p.Close)
	o.site.Integrations[0].Entra = entra.NewClient(entra.Config{TenantID: o.alice.TenantID}, p, slog.New(slog.DiscardHandler))
	w := o.send(t, http.MethodGet, "/.ones/status", true, "Accept", "text/html")
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action 'self';") {
		t.Errorf("%d, %q", w.Code, w.Header().Get("Content-Security-Policy"))
	}
}

// Who is looked for stands in the form, and in no log.
func TestLookForPeople(t *testing.T) {
	o := newOffice(t)
	form := url.Values{"search": {"b<b"}, "state": {"connected"}, "integration": {"contoso"}, "cursor": {"tid.anna"}}
	w := o.post(t, "/.ones/status/people", form, "Origin", "https://ones.example")
	want := PeopleFilter{Integration: "contoso", State: "connected", Search: "b<b", Cursor: "tid.anna", Limit: atOnce}
	if len(o.asked) != 1 || o.asked[0] != want {
		t.Errorf("asked for %+v, want %+v", o.asked, want)
	}
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "Bob") || strings.Contains(body, "b<b") || !strings.Contains(body, `name="cursor" value="more"`) {
		t.Errorf("%d %s", w.Code, body)
	}
	if log := o.audit.String(); !strings.Contains(log, "user="+o.alice.ID) || strings.Contains(log, "b<b") || strings.Contains(log, "bob") {
		t.Errorf("the audit log: %s", log)
	}
}

// Bookings are listed by a state that there is, and carried on by a form that is audited.
func TestBookingsOfAnOperator(t *testing.T) {
	o := newOffice(t)
	for query, want := range map[string]BookingsFilter{
		"": {Limit: atOnce}, "?state=failed&cursor=0001%2Fb1": {State: "failed", Cursor: "0001/b1", Limit: atOnce}, "?state=evil": {Limit: atOnce},
	} {
		o.listed = nil
		w := o.send(t, http.MethodGet, "/.ones/status/bookings"+query, true, "Accept", "text/html")
		if w.Code != http.StatusOK || len(o.listed) != 1 || o.listed[0] != want || !strings.Contains(w.Body.String(), "cursor=more%2f2") {
			t.Errorf("%q: %d, %+v, %s", query, w.Code, o.listed, w.Body)
		}
	}
	for _, refused := range []string{"", "Nothing is left to do."} {
		o.audit.Reset()
		o.refused = refused
		w := o.post(t, "/.ones/status/bookings/b1", nil, "Origin", "https://ones.example")
		want := http.StatusSeeOther
		if refused != "" {
			want = http.StatusConflict
		}
		if w.Code != want || !strings.Contains(w.Body.String(), refused) {
			t.Errorf("refused with %q: %d %s", refused, w.Code, w.Body)
		}
		if audited := strings.Contains(o.audit.String(), "booking=b1") && strings.Contains(o.audit.String(), "user="+o.alice.ID); audited != (refused == "") {
			t.Errorf("refused with %q, the audit log says %s", refused, o.audit.String())
		}
	}
	o.broken = errors.New("away")
	if w := o.post(t, "/.ones/status/bookings/b1", nil, "Origin", "https://ones.example"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a store: %d", w.Code)
	}
}

// Disconnecting from the status page leads back there, and nowhere else.
func TestDisconnectFromStatus(t *testing.T) {
	o := newOffice(t)
	for back, want := range map[string]string{"status": "/.ones/status#rooms", "": boardroom, "https://evil.example": boardroom} {
		o.connects(t, boardroom, own)
		o.audit.Reset()
		w := o.post(t, "/.ones/rooms/boardroom/disconnect", url.Values{"back": {back}}, "Origin", "https://ones.example")
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("back to %q: %d to %q, want %q", back, w.Code, got, want)
		}
		if _, _, err := o.site.RoomAccounts.Get(t.Context(), "contoso", "boardroom"); !errors.Is(err, rooms.ErrNotConnected) {
			t.Errorf("still connected: %v", err)
		}
		if !strings.Contains(o.audit.String(), `msg="room disconnected"`) {
			t.Errorf("the audit log: %s", o.audit.String())
		}
	}
}
