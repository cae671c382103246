package exchange

import (
	"slices"
	"strings"
	"time"
)

// A verdict is what an attendant makes of an invitation.
type verdict struct {
	answer   string // Accepted, Declined, or "": a delegate decides
	reason   string
	declined []Day // occurrences of an accepted series that are not
	last     Day   // of an accepted series that goes on for too long: where it is cut; else 0
}

// judge decides about an invitation
// (https://learn.microsoft.com/powershell/module/exchange/set-calendarprocessing).
func (x *Exchange) judge(m *Mailbox, it Item, now time.Time) verdict {
	if m.Declines() {
		return verdict{answer: Declined, reason: "The room is not available."}
	}
	rules := m.room.Rules()
	if sender := x.Mailbox(it.Organizer.Address); !rules.External && (sender == nil || sender.Tenant != m.Tenant) {
		return verdict{answer: Declined, reason: "The organizer is outside of the organization."}
	}
	v := verdict{answer: Accepted}
	violation, last := m.violation(it, now)
	switch {
	case violation == "":
	case rules.AllRequestOutOf || m.names(rules.RequestOutOf, it):
		return m.refer(violation)
	default:
		return verdict{answer: Declined, reason: violation}
	}
	v.last = last
	if !rules.AllowConflicts {
		clashes, total := m.clashes(it, now)
		tooMany := len(clashes) > rules.ConflictInstances || 100*len(clashes) > rules.ConflictPercentage*total
		switch {
		case len(clashes) == 0:
		case it.Recurrence == nil || tooMany:
			return verdict{answer: Declined, reason: "The room is not available at that time."}
		default:
			v.declined, v.reason = clashes, "Some occurrences were declined: the room is not available at that time."
		}
	}
	switch {
	case rules.AllBookIn || m.names(rules.BookIn, it):
		return v
	case rules.AllRequestIn || m.names(rules.RequestIn, it):
		return m.refer("Your request is pending approval.")
	}
	return verdict{answer: Declined, reason: "You do not have permission to book this room."}
}

// refer leaves the decision to the delegates; without any it is a no.
func (m *Mailbox) refer(reason string) verdict {
	if len(m.room.Rules().Delegates) == 0 {
		return verdict{answer: Declined, reason: reason}
	}
	return verdict{reason: reason}
}

// names says whether a list of addresses and groups names the organizer.
func (m *Mailbox) names(list []string, it Item) bool {
	if p := m.Tenant.Person(it.Organizer.Address); p != nil {
		return p.OneOf(list)
	}
	return slices.ContainsFunc(list, func(name string) bool { return strings.EqualFold(name, it.Organizer.Address) })
}

// horizon is until when the room can be booked. A window of no days is what
// remains of today.
func (m *Mailbox) horizon(now time.Time) time.Time {
	days := m.room.Rules().BookingWindowDays
	if days == 0 {
		y, month, d := now.In(m.zone).Date()
		return time.Date(y, month, d+1, 0, 0, 0, 0, m.zone).Add(-1)
	}
	return now.AddDate(0, 0, days)
}

// violation says which rule an invitation breaks, or "". last is the day to cut
// a series at, where it may go on beyond the booking window; else 0.
func (m *Mailbox) violation(it Item, now time.Time) (why string, last Day) {
	rules, horizon := m.room.Rules(), m.horizon(now)
	switch {
	case it.Recurrence != nil && !rules.AllowRecurring:
		return "The room doesn't accept recurring meetings.", 0
	case rules.MaximumMinutes > 0 && it.End.Sub(it.Start) > time.Duration(rules.MaximumMinutes)*time.Minute:
		return "The meeting is longer than the room allows.", 0
	case it.Recurrence == nil && it.End.Before(now):
		return "The meeting is in the past.", 0
	case it.Start.After(horizon):
		return "The meeting is too far in the future.", 0
	case rules.OnlyDuringWorkHours && !WorkHours(it.Start.In(m.zone), it.End.In(m.zone)):
		return "The meeting is outside of the room's working hours.", 0
	}
	for o := range it.since(0) {
		if !o.Start.After(horizon) {
			last = o.Day
			continue
		}
		if rules.EnforceHorizon || last == 0 {
			return "The series ends after the room's booking window.", 0
		}
		return "", last
	}
	return "", 0
}

// Working hours of every room: Monday to Friday.
const (
	WorkBegins = 8
	WorkEnds   = 17
)

// WorkHours says whether an interval lies in the working hours of a day.
func WorkHours(start, end time.Time) bool {
	day := DayOf(start)
	closing := time.Date(start.Year(), start.Month(), start.Day(), WorkEnds, 0, 0, 0, start.Location())
	return day.weekday() != time.Saturday && day.weekday() != time.Sunday && start.Hour() >= WorkBegins && !end.After(closing)
}

// clashes returns on which of its days an invitation clashes with what the room
// has accepted or holds for a delegate's decision, and on how many days it
// happens; those of 0 stand for a single meeting.
func (m *Mailbox) clashes(it Item, now time.Time) (days []Day, total int) {
	asked, from, until := []Item{it}, it.Start, it.End
	if it.Recurrence != nil {
		from, until = now, m.horizon(now).Add(1)
		asked = it.Occurrences(from, until)
	}
	taken := slices.DeleteFunc(m.View("*", from, until), func(other Item) bool {
		itself := other.stored() == it.stored() && (it.Recurrence != nil || other.Day == it.Day)
		return itself || !other.Organized() && other.Response != Accepted && !(other.Pending && m.room.Rules().TentativePending)
	})
	for _, o := range asked {
		if slices.ContainsFunc(taken, func(other Item) bool { return other.Overlaps(o.Start, o.End) }) {
			days = append(days, o.Day)
		}
	}
	return days, len(asked)
}
