package graph

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestRoomFree(t *testing.T) {
	suggestion := func(from, to, address, availability string) string {
		return fmt.Sprintf(`{"emptySuggestionsReason":"","meetingTimeSuggestions":[{"confidence":100,"organizerAvailability":"busy",
			"meetingTimeSlot":{"start":{"dateTime":"2026-12-01T%s:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T%s:00.0000000","timeZone":"UTC"}},
			"attendeeAvailability":[{"availability":"busy","attendee":{"emailAddress":{"address":"other@x"}}},
				{"availability":%q,"attendee":{"type":"resource","emailAddress":{"address":%q}}}]}]}`, from, to, availability, address)
	}
	empty := func(reason string) string {
		return fmt.Sprintf(`{"emptySuggestionsReason":%q,"meetingTimeSuggestions":[]}`, reason)
	}
	tests := []struct {
		name, answer string
		free, known  bool
	}{
		{"free", suggestion("12:00", "13:30", "Room@X", "free"), true, true},
		{"elsewhere", suggestion("12:00", "13:30", "room@x", "workingElsewhere"), true, true},
		{"busy", suggestion("12:00", "13:30", "room@x", "busy"), false, true},
		{"tentative", suggestion("12:00", "13:30", "room@x", "tentative"), false, true},
		{"out of office", suggestion("12:00", "13:30", "room@x", "oof"), false, true},
		{"unknown", suggestion("12:00", "13:30", "room@x", "unknown"), false, false},
		{"another room's", suggestion("12:00", "13:30", "room2@x", "free"), false, false},
		{"another time", suggestion("12:30", "14:00", "room@x", "free"), false, false},
		{"another duration", suggestion("12:00", "13:00", "room@x", "free"), false, false},
		{"left out as busy", empty("attendeesUnavailable"), false, true},
		{"left out as unknown", empty("attendeesUnavailableOrUnknown"), false, false},
		{"left out for no reason", empty(""), false, false},
		{"an empty answer", `{}`, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				want := `{"attendees":[{"type":"resource","emailAddress":{"address":"room@x"}}],"timeConstraint":{"activityDomain":"unrestricted","timeSlots":[` +
					`{"start":{"dateTime":"2026-12-01T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T13:30:00","timeZone":"UTC"}}]},` +
					`"meetingDuration":"PT90M","maxCandidates":1,"minimumAttendeePercentage":0,"isOrganizerOptional":true}`
				if r.URL.Path != "/v1.0/me/findMeetingTimes" || string(body) != want {
					t.Errorf("got  %s %s\nwant %s", r.URL.Path, body, want)
				}
				_, _ = io.WriteString(w, tt.answer)
			})
			free, known, err := c.RoomFree(t.Context(), mailbox("tok"), "room@x", noon, noon.Add(90*time.Minute))
			if free != tt.free || known != tt.known || err != nil {
				t.Errorf("got free %v, known %v, %v; want %v, %v", free, known, err, tt.free, tt.known)
			}
		})
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, CodeAccessDenied) })
	var refused *Error
	if _, known, err := c.RoomFree(t.Context(), mailbox("tok"), "room@x", noon, noon.Add(time.Hour)); known || !errors.As(err, &refused) {
		t.Errorf("refused: got known %v, %v", known, err)
	}
}

func TestClouds(t *testing.T) {
	for root, has := range map[string]bool{
		"https://graph.microsoft.com": true, "https://graph.microsoft.us": true, "https://dod-graph.microsoft.us/": true,
		"https://microsoftgraph.chinacloudapi.cn": false, "https://MicrosoftGraph.ChinaCloudAPI.cn/": false, "https://microsoftgraph.chinacloudapi.cn:443": false,
		"http://localhost:8081": true, "https://graph.example/microsoftgraph.chinacloudapi.cn": true,
	} {
		c := NewClient(root, http.DefaultClient, time.Now)
		if got := c.cloud.has(findMeetingTimes); got != has {
			t.Errorf("%s has findMeetingTimes: got %v, want %v", root, got, has)
		}
		if has {
			continue
		}
		if _, _, err := c.RoomFree(t.Context(), mailbox("tok"), "room@x", noon, noon); !errors.Is(err, ErrNotInThisCloud) || Transient(err) || MaybeDone(err) {
			t.Errorf("%s: got %v, want ErrNotInThisCloud", root, err)
		}
	}
}
