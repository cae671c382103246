package m365sim

import "time"

// settle carries out the answers of rooms that have fallen due, in their order
// and at their times, as if nobody had to ask for them.
func (s *Server) settle(now time.Time) {
	for {
		t, room, next := s.nextAnswer(now)
		if next == nil {
			return
		}
		s.answerInvitation(t, room, next)
	}
}

// nextAnswer finds the invitation that is answered first, of those due by now.
func (s *Server) nextAnswer(now time.Time) (t *Tenant, r *Room, next *event) {
	for i := range s.cfg.Tenants {
		for j := range s.cfg.Tenants[i].Rooms {
			room := &s.cfg.Tenants[i].Rooms[j]
			for _, e := range s.state.calendar(room.Address).Events {
				if !e.AnswerDue.IsZero() && !e.AnswerDue.After(now) && (next == nil || e.AnswerDue.Before(next.AnswerDue)) {
					t, r, next = &s.cfg.Tenants[i], room, e
				}
			}
		}
	}
	return t, r, next
}

// answerInvitation is the room's attendant, with AutomateProcessing AutoAccept
// and AllowConflicts $false
// (https://learn.microsoft.com/powershell/module/exchange/set-calendarprocessing).
func (s *Server) answerInvitation(t *Tenant, room *Room, invitation *event) {
	box, at := s.state.calendar(room.Address), invitation.AnswerDue
	invitation.AnswerDue = time.Time{}
	answer := answerAccepted
	for _, other := range box.Events {
		if other != invitation && other.Response == answerAccepted && other.overlaps(invitation.Start, invitation.End) {
			answer = answerDeclined
		}
	}
	invitation.Response, invitation.ResponseAt, invitation.ShowAs = answer, at, "busy"
	invitation.touch(at)
	if answer == answerDeclined {
		box.remove(invitation)
	}
	original := s.state.calendar(invitation.Organizer.Address).byICalUID(invitation.ICalUID)
	if original == nil {
		return
	}
	for i := range original.Attendees {
		if a := &original.Attendees[i]; t.room(a.EmailAddress.Address) == room {
			a.Status = responseStatus{Response: answer, Time: at}
		}
	}
	original.touch(at)
}

// seed fills the calendars of a world that has no state yet.
func (s *Server) seed(now time.Time) {
	for i := range s.cfg.Tenants {
		t := &s.cfg.Tenants[i]
		for _, m := range t.Events {
			s.seedMeeting(t, m, now)
		}
	}
}

// clockTime is a time of the day in a configuration.
const clockTime = "15:04"

func (s *Server) seedMeeting(t *Tenant, m Meeting, now time.Time) {
	room, organizer := t.room(m.Room), t.person(m.Organizer)
	zone, err := time.LoadLocation(room.TimeZone)
	if err != nil {
		zone = time.UTC // validate has refused it
	}
	day := now.In(zone).AddDate(0, 0, m.Day)
	at := func(clock string) time.Time {
		c, _ := time.Parse(clockTime, clock) // validate has read it
		return time.Date(day.Year(), day.Month(), day.Day(), c.Hour(), c.Minute(), 0, 0, zone).UTC()
	}
	e := &event{
		ID: newEventID(), ICalUID: newICalUID(), Created: now, Subject: m.Subject, Body: itemBody{ContentType: "text"},
		Start: at(m.Start), End: at(m.End), StartZone: "UTC", EndZone: "UTC",
		Organizer: emailAddress{organizer.Name, organizer.Mail}, Response: answerOrganizer,
		ShowAs: "busy", Sensitivity: "normal", Importance: "normal", ResponseRequested: true, AllowNewTimes: true,
		Locations: []location{{DisplayName: room.Name, LocationEmailAddress: room.Address}},
		Attendees: []attendee{{Type: "resource", EmailAddress: emailAddress{room.Name, room.Address}}},
	}
	if m.Private {
		e.Sensitivity = "private"
	}
	box := s.state.calendar(organizer.Mail)
	box.Events = append(box.Events, e)
	s.distribute(t, e, true, now)
	if invitation := s.state.calendar(room.Address).byICalUID(e.ICalUID); invitation != nil {
		invitation.AnswerDue = now
		s.answerInvitation(t, room, invitation)
	}
}
