package booking

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/store"
)

// A Brief is what a census needs of a booking: it looks at all of them.
type Brief struct {
	Integration, Room string
	Status            Status
	Created, Updated  time.Time
	// End is that of a series' last occurrence.
	End time.Time
	// Refusal is why the room has declined it; "" if it has not.
	Refusal string
	// Meeting is by what it is known in every mailbox; "": there is none, or it is not
	// the room's any more, or one of a series, whose occurrences have other names.
	Meeting string

	subject string
	private bool
}

// BriefOf reads a record of the store; ok is false of what is no booking, or damaged.
func BriefOf(rec store.Record) (b Brief, ok bool) {
	if !strings.HasPrefix(rec.Key, recordPrefix) {
		return Brief{}, false
	}
	var r struct {
		Integration string          `json:"integration"`
		Status      Status          `json:"status"`
		CreatedAt   time.Time       `json:"created_at"`
		UpdatedAt   time.Time       `json:"updated_at"`
		End         time.Time       `json:"end"`
		Refusal     string          `json:"refusal"`
		ICalUID     string          `json:"ical_uid"`
		Rule        json.RawMessage `json:"rule"`
		Request     struct {
			Room    string `json:"room"`
			Subject string `json:"subject"`
			Private bool   `json:"private"`
		} `json:"request"`
	}
	if err := json.Unmarshal(rec.Value, &r); err != nil {
		return Brief{}, false
	}
	b = Brief{
		Integration: r.Integration, Room: r.Request.Room, Status: r.Status, Created: r.CreatedAt, Updated: r.UpdatedAt,
		End: r.End, Refusal: r.Refusal, subject: r.Request.Subject, private: r.Request.Private,
	}
	if r.Status == Confirmed && r.Rule == nil {
		b.Meeting = r.ICalUID
	}
	if r.Rule != nil && r.Status.holdsRoom() {
		var series record
		if err := json.Unmarshal(rec.Value, &series); err != nil {
			return Brief{}, false
		}
		b.End = series.lastEnd()
	}
	return b, true
}

// Waiting says whether it is neither confirmed nor at its end.
func (b Brief) Waiting() bool { return b.Status.onItsWay() }

// Holds says whether it keeps its room to itself, now or later.
func (b Brief) Holds(now time.Time) bool { return b.Status.holdsRoom() && now.Before(b.End) }

// In tells what the room's mailbox has made of the meeting, as its own calendar shows it:
// whether its subject has given way to the organizer's name, or to nothing, and whether
// it is private no more
// (https://learn.microsoft.com/powershell/module/exchangepowershell/set-calendarprocessing,
// AddOrganizerToSubject, DeleteSubject, RemovePrivateProperty).
func (b Brief) In(shown roomview.Block) (replaced, exposed bool) {
	told := shown.Subject != "" || shown.Organizer != (roomview.Block{}).Organizer
	if b.private || !told {
		return false, b.private && told
	}
	name := shown.Organizer.Name
	return b.subject != "" && b.subject != shown.Subject && (shown.Subject == "" || name != "" && strings.HasPrefix(shown.Subject, name)), false
}
