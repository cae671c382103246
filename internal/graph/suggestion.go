package graph

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// RoomFree asks whether the room with an address is free for a meeting from start
// to end of the mailbox's owner, whose own calendar doesn't count. It is what the
// permission Calendars.ReadWrite.Shared surely reaches, if Schedules is refused
// (https://learn.microsoft.com/graph/api/user-findmeetingtimes). known is false if
// Graph can't tell. ErrNotInThisCloud: it has to be asked in another way.
func (c *Client) RoomFree(ctx context.Context, mb Mailbox, address string, start, end time.Time) (free, known bool, err error) {
	if !c.cloud.has(findMeetingTimes) {
		return false, false, fmt.Errorf("asking whether a room is free: %w", ErrNotInThisCloud)
	}
	type slot struct {
		Start DateTime `json:"start"`
		End   DateTime `json:"end"`
	}
	meeting := slot{DateTime{Time: start}, DateTime{Time: end}}
	var body struct {
		Attendees  [1]Attendee `json:"attendees"`
		Constraint struct {
			Domain string  `json:"activityDomain"`
			Slots  [1]slot `json:"timeSlots"`
		} `json:"timeConstraint"`
		Duration          string `json:"meetingDuration"`
		MaxCandidates     int    `json:"maxCandidates"`
		MinimumPercentage int    `json:"minimumAttendeePercentage"`
		OrganizerOptional bool   `json:"isOrganizerOptional"`
	}
	body.Attendees[0] = Attendee{Type: Resource, EmailAddress: EmailAddress{Address: address}}
	body.Constraint.Domain, body.Constraint.Slots[0] = "unrestricted", meeting // not only in working hours
	body.Duration = fmt.Sprintf("PT%dM", end.Sub(start)/time.Minute)
	body.MaxCandidates, body.OrganizerOptional = 1, true
	var answer struct {
		Suggestions []struct {
			Slot      slot `json:"meetingTimeSlot"`
			Attendees []struct {
				Availability string   `json:"availability"`
				Attendee     Attendee `json:"attendee"`
			} `json:"attendeeAvailability"`
		} `json:"meetingTimeSuggestions"`
		EmptyReason string `json:"emptySuggestionsReason"`
	}
	err = c.do(ctx, mb, call{name: "find_meeting_times", method: http.MethodPost, target: "/me/" + findMeetingTimes, body: body, read: true}, &answer)
	if err != nil {
		return false, false, err
	}
	for _, s := range answer.Suggestions {
		if !s.Slot.Start.Equal(start) || !s.Slot.End.Equal(end) {
			continue // of another time
		}
		for _, a := range s.Attendees {
			if strings.EqualFold(a.Attendee.EmailAddress.Address, address) {
				switch strings.ToLower(a.Availability) {
				case "free", "workingelsewhere":
					return true, true, nil
				case "tentative", "busy", "oof":
					return false, true, nil
				}
			}
		}
	}
	// a time with too few attendees may also be left out
	return false, len(answer.Suggestions) == 0 && strings.EqualFold(answer.EmptyReason, "attendeesUnavailable"), nil
}
