package graph

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

const times = `"start":{"dateTime":"2026-12-01T12:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T13:00:00.0000000","timeZone":"UTC"}`

// stored is an event as Graph shows it, with all that an Event takes from it.
const stored = `{"@odata.etag":"W/\"ck==\"","id":"e1","transactionId":"t","iCalUId":"u","webLink":"https://outlook.example/e1",
	"lastModifiedDateTime":"2026-11-15T02:15:00.0654529Z","subject":"s","body":{"contentType":"html","content":"<p>b</p>"},` + times + `,
	"isAllDay":false,"isCancelled":false,"location":{"displayName":"R","locationType":"default"},
	"attendees":[{"type":"resource","status":{"response":"accepted","time":"2026-11-15T02:15:00Z"},"emailAddress":{"name":"R","address":"r@x"}}],
	"sensitivity":"private","type":"seriesMaster","seriesMasterId":null,"originalStart":null,
	"recurrence":{"pattern":{"type":"weekly","interval":2,"month":0,"dayOfMonth":0,"daysOfWeek":["tuesday"],"firstDayOfWeek":"monday","index":"first"},
		"range":{"type":"numbered","startDate":"2026-12-01","endDate":"0001-01-01","recurrenceTimeZone":"China Standard Time","numberOfOccurrences":5}},
	"isOnlineMeeting":true,"onlineMeeting":{"joinUrl":"https://teams.example/x"}}`

func TestEvent(t *testing.T) {
	want := Event{
		ID: "e1", TransactionID: "t", ICalUID: "u", ETag: `W/"ck=="`, WebLink: "https://outlook.example/e1",
		LastModified: time.Date(2026, 11, 15, 2, 15, 0, 65452900, time.UTC), Subject: "s", Body: &Body{"html", "<p>b</p>"},
		Start: DateTime{Time: noon}, End: DateTime{Time: noon.Add(time.Hour)}, Location: &Location{DisplayName: "R"},
		Attendees: []Attendee{{
			Type: Resource, EmailAddress: EmailAddress{"R", "r@x"},
			Status: &Response{Accepted, time.Date(2026, 11, 15, 2, 15, 0, 0, time.UTC)},
		}},
		Sensitivity: "private", Type: "seriesMaster", IsOnlineMeeting: true, OnlineMeeting: &OnlineMeeting{"https://teams.example/x"},
		Recurrence: &PatternedRecurrence{
			RecurrencePattern{Type: "weekly", Interval: 2, DaysOfWeek: []string{"tuesday"}, Index: "first", FirstDayOfWeek: "monday"},
			RecurrenceRange{Type: "numbered", StartDate: "2026-12-01", EndDate: "0001-01-01", NumberOfOccurrences: 5, TimeZone: "China Standard Time"},
		},
	}
	for _, withBody := range []bool{false, true} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			fields := strings.Split(r.URL.Query().Get("$select"), ",")
			if got := fields[len(fields)-1] == "body"; got != withBody || len(fields) < 15 || r.URL.EscapedPath() != "/v1.0/me/events/AAMk%2Fx=" {
				t.Errorf("got %s, want the body %v", r.URL, withBody)
			}
			_, _ = io.WriteString(w, stored)
		})
		look := c.Event
		if withBody {
			look = c.EventWithBody
		}
		if got, err := look(t.Context(), mailbox("tok"), "AAMk/x="); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
		}
	}
}

// What an event is created with is what is set, and nothing that Graph decides.
func TestCreateSeries(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := `{"subject":"s",` + strings.ReplaceAll(times, ".0000000", "") +
			`,"recurrence":{"pattern":{"type":"weekly","interval":1,"daysOfWeek":["tuesday"]},"range":{"type":"endDate","startDate":"2026-12-01","endDate":"2026-12-31"}}}`
		if string(body) != want {
			t.Errorf("got  %s\nwant %s", body, want)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, stored)
	})
	_, err := c.CreateEvent(t.Context(), mailbox("tok"), Event{
		Subject: "s", Start: DateTime{Time: noon}, End: DateTime{Time: noon.Add(time.Hour)},
		Recurrence: &PatternedRecurrence{
			RecurrencePattern{Type: "weekly", Interval: 1, DaysOfWeek: []string{"tuesday"}},
			RecurrenceRange{Type: "endDate", StartDate: "2026-12-01", EndDate: "2026-12-31"},
		},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFindByFilter(t *testing.T) {
	property := func(c *Client) (Event, bool, error) {
		return c.FindByProperty(t.Context(), mailbox("tok"), "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ones/Id", "b+'1 2")
	}
	uid := func(c *Client) (Event, bool, error) { return c.EventByICalUID(t.Context(), mailbox("tok"), "04'0000") }
	const (
		wantProperty = "%24filter=singleValueExtendedProperties%2FAny%28ep%3A%20ep%2Fid%20eq%20%27String%20%7B66f5a359-4659-4830-9070-00047ec6ac6e%7D%20Name%20Ones%2FId%27%20and%20ep%2Fvalue%20eq%20%27b%2B%27%271%202%27%29&"
		wantUID      = "%24filter=iCalUId%20eq%20%2704%27%270000%27&"
		cancelled    = `{"id":"gone","isCancelled":true,` + times + `}`
		live         = `{"id":"e1",` + times + `}`
	)
	tests := []struct {
		name   string
		look   func(*Client) (Event, bool, error)
		filter string
		pages  []string
		want   string // id; "": not found
	}{
		{"a property", property, wantProperty, []string{live}, "e1"},
		{"a cancelled one and another", property, wantProperty, []string{cancelled + "," + live}, "e1"},
		{"on the next page", uid, wantUID, []string{cancelled, live}, "e1"},
		{"only a cancelled one", uid, wantUID, []string{cancelled}, "gone"},
		{"another and a cancelled one", uid, wantUID, []string{live, cancelled}, "e1"},
		{"none", uid, wantUID, []string{""}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if page == 0 && (r.URL.Path != "/v1.0/me/events" || !strings.HasPrefix(r.URL.RawQuery, tt.filter)) {
					t.Errorf("asked for %s", r.RequestURI)
				}
				next := ""
				if page++; page < len(tt.pages) {
					next = "http://" + graphAddr + "/v1.0/me/events?$skip=1"
				}
				fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":%q}`, tt.pages[page-1], next)
			})
			e, found, err := tt.look(c)
			if err != nil || found != (tt.want != "") || e.ID != tt.want {
				t.Errorf("got %q, %v, %v; want %q", e.ID, found, err, tt.want)
			}
		})
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, CodeAccessDenied) })
	if _, found, err := uid(c); found || err == nil {
		t.Errorf("refused: got %v, %v; want an error", found, err)
	}
}

func TestInstances(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("$skip") {
			fmt.Fprintf(w, `{"value":[{"id":"o2","type":"exception","seriesMasterId":"e1","originalStart":"2026-12-08T12:00:00Z",%s},{"id":"o3",%[1]s}]}`, times)
			return
		}
		if got, want := r.URL.EscapedPath(), "/v1.0/me/events/AAMk%2Fx=/instances"; got != want {
			t.Errorf("path: got %s, want %s", got, want)
		}
		if q := r.URL.Query(); q.Get("startDateTime") != "2026-12-01T12:00:00Z" || q.Get("endDateTime") != "2026-12-15T12:00:00Z" {
			t.Errorf("window: got %s", r.URL.RawQuery)
		}
		fmt.Fprintf(w, `{"value":[{"id":"o1","type":"occurrence","seriesMasterId":"e1",%s}],"@odata.nextLink":"http://%s/v1.0/me/events/e1/instances?$skip=1"}`, times, graphAddr)
	})
	zone := time.FixedZone("", 8*3600)
	var ids []string
	err := c.Instances(t.Context(), mailbox("tok"), "AAMk/x=", noon.In(zone), noon.AddDate(0, 0, 14), func(e Event) bool {
		if ids = append(ids, e.ID); e.SeriesMasterID != "e1" {
			t.Errorf("got %+v, want one of the series", e)
		}
		if want := map[string]time.Time{"o1": noon, "o2": noon.AddDate(0, 0, 7)}[e.ID]; !e.OriginalStart.Equal(want) {
			t.Errorf("%s was to begin at %v, want %v", e.ID, e.OriginalStart, want)
		}
		return e.ID != "o2"
	})
	if got := fmt.Sprint(ids); err != nil || got != "[o1 o2]" {
		t.Errorf("got %s, %v; want [o1 o2], and to stop there", got, err)
	}
}

func TestListIsBounded(t *testing.T) {
	pages := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		pages++
		fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"http://%s/v1.0/me/events?$skip=1"}`, graphAddr)
	})
	if _, _, err := c.EventByICalUID(t.Context(), mailbox("tok"), "u"); err == nil || pages != maxPages {
		t.Errorf("got %v after %d pages, want an error after %d", err, pages, maxPages)
	}
}
