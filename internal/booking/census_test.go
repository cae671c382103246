package booking_test

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/store"
)

func TestBriefs(t *testing.T) {
	for name, tt := range map[string]struct {
		key, value string
		ok         bool
		waiting    bool
		meeting    string
	}{
		"accepted":      {"booking/1", `{"integration":"contoso","status":"accepted","request":{"room":"boardroom"}}`, true, true, ""},
		"awaiting room": {"booking/1", `{"integration":"contoso","status":"awaiting_room","ical_uid":"U","request":{"room":"boardroom"}}`, true, true, ""},
		"needs sign-in": {"booking/1", `{"integration":"contoso","status":"needs_sign_in","request":{"room":"boardroom"}}`, true, true, ""},
		"confirmed":     {"booking/1", `{"integration":"contoso","status":"confirmed","ical_uid":"U","request":{"room":"boardroom"}}`, true, false, "U"},
		"a series":      {"booking/1", `{"integration":"contoso","status":"confirmed","ical_uid":"U","rule":{},"request":{"room":"boardroom"}}`, true, false, ""},
		"cancelled":     {"booking/1", `{"integration":"contoso","status":"cancelled","ical_uid":"U","request":{"room":"boardroom"}}`, true, false, ""},
		"damaged":       {"booking/1", `{`, false, false, ""},
		"an index":      {"booking-open/1", `{"integration":"contoso","status":"accepted"}`, false, false, ""},
		"no booking":    {"grant/1", `{"integration":"contoso","status":"accepted"}`, false, false, ""},
	} {
		b, ok := booking.BriefOf(store.Record{Key: tt.key, Value: []byte(tt.value)})
		if ok != tt.ok || b.Waiting() != tt.waiting || b.Meeting != tt.meeting || ok && (b.Integration != "contoso" || b.Room != "boardroom") {
			t.Errorf("%s: %+v, %t", name, b, ok)
		}
	}
	b, _ := booking.BriefOf(store.Record{Key: "booking/1", Value: []byte(
		`{"status":"declined","refusal":"no","created_at":"2026-11-26T08:00:00Z","updated_at":"2026-11-26T09:00:00Z"}`)})
	if b.Refusal != "no" || b.Updated.Sub(b.Created) != time.Hour {
		t.Errorf("%+v", b)
	}
}

// Whether it holds its room is told by its status and its end; that of a series is its last
// occurrence's.
func TestBriefsHoldRooms(t *testing.T) {
	const hour, daily = `"start":"2026-11-23T09:00:00Z","end":"2026-11-23T10:00:00Z","zone":"UTC","status":`,
		`,"rule":{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2026-11-23","numberOfOccurrences":4}}`
	for name, tt := range map[string]struct {
		value string
		at    string
		holds bool
	}{
		"confirmed":           {hour + `"confirmed"`, "2026-11-23T09:59:00Z", true},
		"on its way":          {hour + `"needs_sign_in"`, "2026-11-20T09:00:00Z", true},
		"over":                {hour + `"confirmed"`, "2026-11-23T10:00:00Z", false},
		"cancelled":           {hour + `"cancelled"`, "2026-11-20T09:00:00Z", false},
		"a series":            {hour + `"confirmed"` + daily, "2026-11-26T09:00:00Z", true},
		"a series that ended": {hour + `"confirmed"` + daily, "2026-11-26T10:00:00Z", false},
	} {
		b, ok := booking.BriefOf(store.Record{Key: "booking/1", Value: []byte(`{"integration":"contoso",` + tt.value + `}`)})
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || b.Holds(at) != tt.holds {
			t.Errorf("%s: %+v, %t; holds: %t", name, b, ok, b.Holds(at))
		}
	}
}

// A room's mailbox may replace subjects, and expose what is private.
func TestWhatARoomMakesOfAMeeting(t *testing.T) {
	alice := graph.EmailAddress{Name: "Alice Chan", Address: "alice@contoso.com"}
	const private = true
	for name, tt := range map[string]struct {
		subject           string
		private           bool
		shown             roomview.Block
		replaced, exposed bool
	}{
		"as it is":                     {"Review", !private, roomview.Block{Subject: "Review", Organizer: alice}, false, false},
		"changed in Outlook":           {"Review", !private, roomview.Block{Subject: "Review, second part", Organizer: alice}, false, false},
		"the organizer's name":         {"Review", !private, roomview.Block{Subject: "Alice Chan", Organizer: alice}, true, false},
		"their name before it":         {"Review", !private, roomview.Block{Subject: "Alice Chan Review", Organizer: alice}, true, false},
		"taken out":                    {"Review", !private, roomview.Block{Organizer: alice}, true, false},
		"it had none":                  {"", !private, roomview.Block{Organizer: alice}, false, false},
		"made private there":           {"Review", !private, roomview.Block{}, false, false},
		"private":                      {"Salaries", private, roomview.Block{}, false, false},
		"private, and exposed":         {"Salaries", private, roomview.Block{Subject: "Salaries", Organizer: alice}, false, true},
		"private, with their name":     {"Salaries", private, roomview.Block{Subject: "Alice Chan", Organizer: alice}, false, true},
		"private, and without subject": {"Salaries", private, roomview.Block{Organizer: alice}, false, true},
	} {
		value := `{"status":"confirmed","ical_uid":"U","request":{"subject":"` + tt.subject + `"}}`
		if tt.private {
			value = `{"status":"confirmed","ical_uid":"U","request":{"private":true,"subject":"` + tt.subject + `"}}`
		}
		b, _ := booking.BriefOf(store.Record{Key: "booking/1", Value: []byte(value)})
		if replaced, exposed := b.In(tt.shown); replaced != tt.replaced || exposed != tt.exposed {
			t.Errorf("%s: replaced %t, exposed %t", name, replaced, exposed)
		}
	}
}
