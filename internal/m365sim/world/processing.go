package world

import (
	"bytes"
	"encoding/json"
)

// Processing is how a room deals with invitations: the parameters of
// Set-CalendarProcessing, by their names
// (https://learn.microsoft.com/powershell/module/exchange/set-calendarprocessing).
// In JSON, what isn't given is as in a room that was just made.
type Processing struct {
	// Automate is AutomateProcessing: "AutoAccept", "AutoUpdate" (tentative
	// until a delegate decides) or "None" (nothing happens).
	Automate string `json:"automate_processing"`
	// Delegates decide what the rules leave to them; without any it is
	// declined. At Microsoft they get the request by mail, here the answer is
	// given by POST /_sim/rooms.
	Delegates []string `json:"resource_delegates,omitempty"`

	AllowConflicts      bool `json:"allow_conflicts"`
	AllowRecurring      bool `json:"allow_recurring_meetings"`
	ConflictPercentage  int  `json:"conflict_percentage_allowed"` // of a series' occurrences
	ConflictInstances   int  `json:"maximum_conflict_instances"`
	BookingWindowDays   int  `json:"booking_window_in_days"`
	EnforceHorizon      bool `json:"enforce_scheduling_horizon"`
	MaximumMinutes      int  `json:"maximum_duration_in_minutes"` // 0: no limit
	OnlyDuringWorkHours bool `json:"schedule_only_during_work_hours"`
	External            bool `json:"process_external_meeting_messages"`

	// Who is accepted without being asked, and who has to wait for a delegate:
	// addresses or groups. The lists count only where "all" is false.
	AllBookIn       bool     `json:"all_book_in_policy"`
	BookIn          []string `json:"book_in_policy,omitempty"`
	AllRequestIn    bool     `json:"all_request_in_policy"`
	RequestIn       []string `json:"request_in_policy,omitempty"`
	AllRequestOutOf bool     `json:"all_request_out_of_policy"`
	RequestOutOf    []string `json:"request_out_of_policy,omitempty"`

	// What becomes of the room's copy.
	TentativePending   bool `json:"tentative_pending_approval"`
	AddTentatively     bool `json:"add_new_requests_tentatively"`
	DeleteSubject      bool `json:"delete_subject"`
	OrganizerToSubject bool `json:"add_organizer_to_subject"`
	DeleteComments     bool `json:"delete_comments"`
	RemovePrivate      bool `json:"remove_private_property"`
}

// Values of Processing.Automate.
const (
	AutoAccept = "AutoAccept"
	AutoUpdate = "AutoUpdate"
	AutoNone   = "None"
)

// NewRoomProcessing is what a room has when it is made in the admin center.
func NewRoomProcessing() *Processing {
	return &Processing{
		Automate: AutoAccept, AllowRecurring: true, BookingWindowDays: 180, EnforceHorizon: true, MaximumMinutes: 1440,
		AllBookIn: true, TentativePending: true, AddTentatively: true,
		DeleteSubject: true, OrganizerToSubject: true, DeleteComments: true, RemovePrivate: true,
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Processing) UnmarshalJSON(b []byte) error {
	type plain Processing
	given := plain(*NewRoomProcessing())
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&given); err != nil {
		return err
	}
	*p = Processing(given)
	return nil
}

// Rules returns how the room deals with invitations.
func (r *Room) Rules() *Processing {
	if r.Processing == nil {
		return NewRoomProcessing()
	}
	return r.Processing
}
