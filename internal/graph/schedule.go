package graph

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Schedule is what of a mailbox's calendar the asking person may see.
type Schedule struct {
	Items []ScheduleItem
	// WorkZone is the zone of the mailbox's working hours; the zero one is not told.
	WorkZone WorkZone
	// Err is why this mailbox could not be looked at; the others still count.
	Err error
}

// A ScheduleItem is one block. Subject and IsPrivate are there only if the
// calendar is shared with the asking person at that level.
type ScheduleItem struct {
	Status    string   `json:"status"`
	Subject   string   `json:"subject"`
	IsPrivate bool     `json:"isPrivate"`
	Start     DateTime `json:"start"`
	End       DateTime `json:"end"`
}

// A ScheduleError is Graph's word on one mailbox of a getSchedule.
type ScheduleError struct {
	Message      string `json:"message"`
	ResponseCode string `json:"responseCode"`
}

func (e *ScheduleError) Error() string {
	return fmt.Sprintf("Microsoft Graph cannot see this calendar: %s %s", clean(e.ResponseCode), clean(e.Message))
}

// SchedulesPerCall is the documented limit of one getSchedule.
const SchedulesPerCall = 20

// Schedules asks for the busy times of mailboxes between two instants, less
// than 62 days apart (https://learn.microsoft.com/graph/outlook-get-free-busy-schedule).
// The answer has an entry for every address, under the spelling it was asked by.
func (c *Client) Schedules(ctx context.Context, mb Mailbox, addresses []string, from, to time.Time) (map[string]Schedule, error) {
	found := make(map[string]Schedule, len(addresses))
	for chunk := range slices.Chunk(addresses, SchedulesPerCall) {
		body := struct {
			Schedules []string `json:"schedules"`
			Start     DateTime `json:"startTime"`
			End       DateTime `json:"endTime"`
			Interval  int      `json:"availabilityViewInterval"`
		}{chunk, DateTime{Time: from}, DateTime{Time: to}, 60}
		var answer struct {
			Value []struct {
				ID    string         `json:"scheduleId"`
				Items []ScheduleItem `json:"scheduleItems"`
				Error *ScheduleError `json:"error"`
				Hours struct {
					Zone WorkZone `json:"timeZone"`
				} `json:"workingHours"`
			} `json:"value"`
		}
		err := c.do(ctx, mb, call{name: "get_schedule", method: http.MethodPost, target: "/me/calendar/getSchedule", body: body, read: true}, &answer)
		if err != nil {
			return nil, err
		}
		for _, address := range chunk {
			s := Schedule{Err: &ScheduleError{Message: "it is missing in the answer"}}
			for _, v := range answer.Value {
				if !strings.EqualFold(v.ID, address) {
					continue
				}
				s = Schedule{Items: v.Items, WorkZone: v.Hours.Zone}
				if v.Error != nil {
					s.Err = v.Error
				}
			}
			found[address] = s
		}
	}
	return found, nil
}
