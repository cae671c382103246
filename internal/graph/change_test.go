package graph

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestUpdateEvent(t *testing.T) {
	tests := []struct {
		name    string
		changes EventChanges
		ifMatch string
		want    string
	}{
		{"nothing", EventChanges{}, "", `{}`},
		{"the subject", EventChanges{Subject: new("s")}, `W/"1"`, `{"subject":"s"}`},
		{"to no text", EventChanges{Subject: new(""), Body: &Body{ContentType: "text"}}, "", `{"subject":"","body":{"contentType":"text","content":""}}`},
		{"no longer all day", EventChanges{IsAllDay: new(false)}, "", `{"isAllDay":false}`},
		{"the end", EventChanges{End: &DateTime{Time: noon}}, "", `{"end":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"}}`},
		{"moved", EventChanges{
			Start: &DateTime{Time: noon}, End: &DateTime{Time: noon.Add(time.Hour)},
			Location: &Location{DisplayName: "R", LocationEmailAddress: "r@x"}, Sensitivity: new("private"),
		}, "", `{"start":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T13:00:00","timeZone":"UTC"},` +
			`"location":{"displayName":"R","locationEmailAddress":"r@x"},"sensitivity":"private"}`},
		{"attendees, without their answers", EventChanges{Attendees: &[]Attendee{
			{Type: Resource, EmailAddress: EmailAddress{Address: "r@x"}, Status: &Response{Response: Accepted}},
		}}, "", `{"attendees":[{"type":"resource","emailAddress":{"address":"r@x"}}]}`},
		{"nobody", EventChanges{Attendees: &[]Attendee{}}, "", `{"attendees":[]}`},
		{"a series", EventChanges{Recurrence: &PatternedRecurrence{
			RecurrencePattern{Type: "absoluteMonthly", Interval: 1, DayOfMonth: 1},
			RecurrenceRange{Type: "numbered", StartDate: "2026-12-01", NumberOfOccurrences: 3, TimeZone: "UTC"},
		}}, "", `{"recurrence":{"pattern":{"type":"absoluteMonthly","interval":1,"dayOfMonth":1},` +
			`"range":{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":3,"recurrenceTimeZone":"UTC"}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) != tt.want || r.Header.Get("If-Match") != tt.ifMatch || r.Method+r.URL.EscapedPath() != "PATCH/v1.0/me/events/AAMk%2Fx=" {
					t.Errorf("got %s %s %s with If-Match %q\nwant %s with %q", r.Method, r.URL, body, r.Header.Get("If-Match"), tt.want, tt.ifMatch)
				}
				_, _ = io.WriteString(w, stored)
			})
			e, err := c.UpdateEvent(t.Context(), mailbox("tok"), "AAMk/x=", tt.changes, tt.ifMatch)
			if err != nil || e.ID != "e1" || e.ETag == "" || e.Body == nil {
				t.Errorf("got %+v, %v; want the event", e, err)
			}
			if list := tt.changes.Attendees; list != nil && len(*list) > 0 && (*list)[0].Status == nil {
				t.Error("the caller's attendees were changed")
			}
		})
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 412, "ErrorIrresolvableConflict") })
	if _, err := c.UpdateEvent(t.Context(), mailbox("tok"), "e1", EventChanges{}, "old"); !IsConflict(err) {
		t.Errorf("changed meanwhile: got %v, want a conflict", err)
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	if _, err := c.UpdateEvent(t.Context(), mailbox("tok"), "e1", EventChanges{}, ""); !MaybeDone(err) {
		t.Errorf("an answer without an event: got %v, want it to be maybe done", err)
	}
}

func TestEndings(t *testing.T) {
	type ending = func(ctx context.Context, mb Mailbox, id, comment string) error
	tests := []struct {
		name string
		end  func(*Client) ending
		want string
	}{
		{"cancel", func(c *Client) ending { return c.CancelEvent }, `POST /v1.0/me/events/AAMk%2Fx=/cancel {"comment":"sorry"}`},
		{"decline", func(c *Client) ending { return c.Decline }, `POST /v1.0/me/events/AAMk%2Fx=/decline {"comment":"sorry","sendResponse":true}`},
		{"delete", func(c *Client) ending {
			return func(ctx context.Context, mb Mailbox, id, _ string) error { return c.DeleteEvent(ctx, mb, id) }
		}, `DELETE /v1.0/me/events/AAMk%2Fx= `},
	}
	answers := []struct {
		status int
		code   string
		fails  bool
	}{{202, "", false}, {404, CodeItemNotFound, false}, {404, CodeNoMailbox, true}, {400, "ErrorInvalidRequest", true}, {503, "", true}}
	for _, tt := range tests {
		for _, a := range answers {
			t.Run(tt.name+" "+a.code, func(t *testing.T) {
				calls := 0
				c := serve(t, func(w http.ResponseWriter, r *http.Request) {
					calls++
					body, _ := io.ReadAll(r.Body)
					if got := r.Method + " " + r.URL.EscapedPath() + " " + string(body); got != tt.want {
						t.Errorf("got %s, want %s", got, tt.want)
					}
					if a.status == 202 {
						w.WriteHeader(202)
						return
					}
					refuse(w, a.status, a.code)
				})
				if err := tt.end(c)(t.Context(), mailbox("tok"), "AAMk/x=", "sorry"); (err != nil) != a.fails || calls != 1 {
					t.Errorf("got %v after %d calls, want it to fail: %v", err, calls, a.fails)
				}
			})
		}
	}
}
