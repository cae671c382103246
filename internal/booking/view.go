package booking

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onesgate/onesgate/internal/recurrence"
)

// A Booking is what callers are told.
type Booking struct {
	ID            string               `json:"id"`
	Status        Status               `json:"status" enum:"accepted,awaiting_room,confirmed,declined,needs_sign_in,failed,expired,cancelled,released"`
	Reason        string               `json:"reason,omitempty" doc:"Why it is not confirmed, for people"`
	Room          string               `json:"room"`
	Subject       string               `json:"subject"`
	Start         time.Time            `json:"start"`
	End           time.Time            `json:"end"`
	TimeZone      string               `json:"time_zone"`
	AllDay        bool                 `json:"all_day"`
	Attendees     []string             `json:"attendees" nullable:"false"`
	Body          string               `json:"body,omitempty"`
	Private       bool                 `json:"private"`
	OnlineMeeting bool                 `json:"online_meeting"`
	Recurrence    *PatternedRecurrence `json:"recurrence" doc:"Of a series, as it is now, else null"`
	ExternalID    string               `json:"external_id,omitempty"`
	Organizer     Organizer            `json:"organizer"`
	RoomResponse  RoomResponse         `json:"room_response"`
	PendingChange *PendingChange       `json:"pending_change,omitempty" doc:"What it is to become, once Microsoft 365 and the room have taken it; missing: nothing else"`
	LastChange    *LastChange          `json:"last_change,omitempty" doc:"What became of the change before; missing: there was none"`
	Graph         GraphIDs             `json:"graph"`
	CreatedAt     time.Time            `json:"created_at"`
	UpdatedAt     time.Time            `json:"updated_at"`
	Version       int                  `json:"version" doc:"Also the ETag"`
	CheckedInAt   *time.Time           `json:"checked_in_at"`
}

// TransformSchema implements huma.SchemaTransformer: huma has no tag for an object that may be null.
func (Booking) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	rule := s.Properties["recurrence"]
	s.Properties["recurrence"] = &huma.Schema{Description: rule.Description, OneOf: []*huma.Schema{{Ref: rule.Ref}, {Type: "null"}}}
	return s
}

// A PatternedRecurrence is what Graph calls so, and can be sent back with the start and the
// time zone that it was told with.
type PatternedRecurrence struct {
	Pattern RecurrencePattern `json:"pattern"`
	Range   RecurrenceRange   `json:"range"`
}

// A RecurrencePattern has the members that its type uses.
type RecurrencePattern struct {
	Type           string   `json:"type" enum:"daily,weekly,absoluteMonthly,relativeMonthly,absoluteYearly,relativeYearly"`
	Interval       int      `json:"interval" doc:"In days, weeks, months or years"`
	DaysOfWeek     []string `json:"daysOfWeek,omitempty" nullable:"false" doc:"Of weekly, relativeMonthly and relativeYearly: sunday to saturday"`
	DayOfMonth     int      `json:"dayOfMonth,omitempty" doc:"Of absoluteMonthly and absoluteYearly"`
	Month          int      `json:"month,omitempty" doc:"Of absoluteYearly and relativeYearly"`
	Index          string   `json:"index,omitempty" enum:"first,second,third,fourth,last" doc:"Of relativeMonthly and relativeYearly"`
	FirstDayOfWeek string   `json:"firstDayOfWeek,omitempty" doc:"Of weekly"`
}

// A RecurrenceRange is in days of the booking's time zone.
type RecurrenceRange struct {
	Type                string `json:"type" enum:"endDate,numbered"`
	StartDate           string `json:"startDate" doc:"Date of the first occurrence, like 2026-12-01"`
	EndDate             string `json:"endDate,omitempty" doc:"Of endDate: no occurrence is after it"`
	NumberOfOccurrences int    `json:"numberOfOccurrences,omitempty" doc:"Of numbered"`
}

// patterned is how a rule is told, nil for none.
func patterned(rule *recurrence.Rule) *PatternedRecurrence {
	if rule == nil {
		return nil
	}
	g := rule.Range
	return &PatternedRecurrence{RecurrencePattern(rule.Pattern), RecurrenceRange{g.Type, g.StartDate, g.EndDate, g.NumberOfOccurrences}}
}

// An Organizer is the person a booking was made by or for.
type Organizer struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// A RoomResponse is the room's answer to the invitation.
type RoomResponse struct {
	Status string     `json:"status" enum:"none,accepted,tentative,declined"`
	Reason string     `json:"reason,omitempty"`
	At     *time.Time `json:"at"`
}

// A PendingChange is what a booking is to become.
type PendingChange struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" enum:"update,extend,end,release,cancel,truncate"`
	Original  *time.Time `json:"original_start,omitempty" doc:"Of which occurrence; missing: of the booking as a whole"`
	Room      string     `json:"room"`
	Subject   string     `json:"subject"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	TimeZone  string     `json:"time_zone"`
	AllDay    bool       `json:"all_day"`
	Attendees []string   `json:"attendees" nullable:"false"`
	Reverting bool       `json:"reverting,omitempty" doc:"The room declined it, and the booking is being put back"`
	Reason    string     `json:"reason,omitempty" doc:"Why the room declined it"`
}

// A LastChange tells how a change has ended.
type LastChange struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind" enum:"update,extend,end,release,cancel,truncate"`
	Status string    `json:"status" enum:"made,declined,failed" doc:"declined: the room didn't take it, and the booking is as it was"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// GraphIDs lead to the event in the organizer's calendar.
type GraphIDs struct {
	EventID string `json:"event_id,omitempty"`
	ICalUID string `json:"ical_uid,omitempty"`
	WebLink string `json:"web_link,omitempty"`
}

// booking is the answer about r for somebody who may see it; withPrivate tells
// whether a private one shows what it is about.
func (r *record) booking(withPrivate bool) Booking {
	zone := r.location()
	b := Booking{
		ID: r.ID, Status: r.Status, Reason: r.Reason,
		Room: r.Request.Room, Subject: r.Request.Subject, Body: r.Request.Body,
		Start: r.Start.In(zone), End: r.End.In(zone), TimeZone: r.Zone, AllDay: r.Request.AllDay,
		Attendees: r.Request.Attendees, Private: r.Request.Private, OnlineMeeting: r.Request.OnlineMeeting,
		Recurrence: patterned(r.Rule), ExternalID: r.Request.ExternalID,
		Organizer: Organizer{ID: r.PersonID, Name: r.PersonName, Email: r.PersonEmail},
		RoomResponse: RoomResponse{
			Status: r.Response,
		},
		Graph:     GraphIDs{EventID: r.EventID, ICalUID: r.ICalUID, WebLink: r.WebLink},
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Revision,
	}
	if b.RoomResponse.Status == "" {
		b.RoomResponse.Status = "none"
	}
	if !r.ResponseAt.IsZero() {
		b.RoomResponse.At = &r.ResponseAt
	}
	if r.Status == Declined {
		b.RoomResponse.Reason = r.Refusal
	}
	if b.Attendees == nil {
		b.Attendees = []string{}
	}
	if !r.CheckedInAt.IsZero() {
		b.CheckedInAt = &r.CheckedInAt
	}
	if c := r.Change; c != nil {
		b.PendingChange = &PendingChange{
			ID: c.ID, Kind: string(c.Kind), Room: c.Request.Room, Subject: c.Request.Subject, Start: c.Start.In(zone), End: c.End.In(zone),
			TimeZone: c.Zone, AllDay: c.Request.AllDay, Attendees: append([]string{}, c.Request.Attendees...), Reverting: c.Back,
			Reason: c.Reason,
		}
		if !c.Original.IsZero() {
			original := c.Original.In(zone)
			b.PendingChange.Original = &original
		}
	}
	if r.beingCancelled() {
		b.PendingChange = &PendingChange{
			ID: r.ID, Kind: string(cancelling), Room: r.Request.Room, Subject: r.Request.Subject, Start: r.Start.In(zone), End: r.End.In(zone),
			TimeZone: r.Zone, AllDay: r.Request.AllDay, Attendees: append([]string{}, r.Request.Attendees...),
		}
	}
	if l := r.Last; l != nil {
		b.LastChange = &LastChange{ID: l.ID, Kind: string(l.Kind), Status: l.Status, Reason: l.Reason, At: l.At}
	}
	if withPrivate {
		return b
	}
	if r.Request.Private {
		b.Subject, b.Body, b.Attendees, b.Graph.WebLink = "", "", []string{}, ""
	}
	if p := b.PendingChange; p != nil && (r.Request.Private || r.Change != nil && r.Change.Request.Private) {
		p.Subject, p.Attendees = "", []string{}
	}
	return b
}
