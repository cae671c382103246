package m365sim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (s *Server) createEvent(g *graphCall) (reply, *graphError) {
	props, refusal := parseProperties(g.body)
	if refusal != nil {
		return reply{}, refusal
	}
	e := &event{
		ID: newEventID(), ICalUID: newICalUID(), Created: g.now, Content: props.fingerprint(),
		Organizer: emailAddress{Name: g.person.Name, Address: g.person.Mail}, Response: answerOrganizer,
		ShowAs: "busy", Sensitivity: "normal", Importance: "normal", Body: itemBody{ContentType: "text"},
		ResponseRequested: true, AllowNewTimes: true, ReminderOn: true, ReminderMinutes: 15,
	}
	if refusal := e.apply(props); refusal != nil {
		return reply{}, refusal
	}
	if made := g.box.byTransaction(e.TransactionID); made != nil {
		if made.Content != e.Content {
			return reply{}, &graphError{http.StatusConflict, "ErrorDuplicateTransactionId", "Your request can't be completed. The TransactionId specified in the request has already been used to create a different event."}
		}
		return s.created(g, made), nil
	}
	g.box.Events = append(g.box.Events, e)
	s.distribute(g.tenant, e, true, g.now)
	return s.created(g, e), nil
}

// fingerprint tells whether two creations are the same.
func (p properties) fingerprint() string {
	text, _ := json.Marshal(p) // it was JSON a moment ago; keys come sorted
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (d *calendarData) byTransaction(id string) *event {
	if id == "" {
		return nil
	}
	return d.find(func(e *event) bool { return e.TransactionID == id })
}

func (s *Server) created(g *graphCall, e *event) reply {
	at := s.base + graphRoot + "users('" + g.person.ID + "')/events('" + url.PathEscape(e.ID) + "')"
	return s.entity(g, http.StatusCreated, e).with("Location", at)
}

func (s *Server) entity(g *graphCall, status int, e *event) reply {
	m := s.render(e, g.prefer)
	m["@odata.context"] = s.context(g, "events/$entity")
	return jsonReply(status, m).with("Etag", e.etag())
}

// clone shares nothing with the event.
func (e *event) clone() *event {
	c := *e
	c.Locations, c.Attendees = slices.Clone(e.Locations), slices.Clone(e.Attendees)
	c.Categories, c.Properties = slices.Clone(e.Categories), slices.Clone(e.Properties)
	return &c
}

// own finds the event of the path and checks If-Match.
func (g *graphCall) own() (*event, *graphError) {
	e := g.box.byID(g.PathValue("event"))
	if e == nil {
		return nil, errNotFound
	}
	if tag := g.Header.Get("If-Match"); tag != "" && tag != "*" && tag != e.etag() {
		return nil, &graphError{http.StatusPreconditionFailed, "ErrorIrresolvableConflict", "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item."}
	}
	return e, nil
}

// updateEvent changes the organizer's event and with it everybody's copy; an
// attendee changes only their own.
func (s *Server) updateEvent(g *graphCall) (reply, *graphError) {
	e, refusal := g.own()
	if refusal != nil {
		return reply{}, refusal
	}
	props, refusal := parseProperties(g.body)
	if refusal != nil {
		return reply{}, refusal
	}
	changed := e.clone()
	if refusal := changed.apply(props); refusal != nil {
		return reply{}, refusal
	}
	if changed.TransactionID != e.TransactionID {
		return reply{}, errValidation // it is set once
	}
	moved := !changed.Start.Equal(e.Start) || !changed.End.Equal(e.End)
	*e = *changed
	if e.organized() {
		s.distribute(g.tenant, e, moved, g.now)
	} else {
		e.touch(g.now)
	}
	return s.entity(g, http.StatusOK, e), nil
}

// distribute brings the attendees' copies up to the organizer's event. anew: it
// is new or has moved, so that everybody has to answer.
func (s *Server) distribute(t *Tenant, e *event, anew bool, now time.Time) {
	e.touch(now)
	invited := map[string]bool{}
	for i := range e.Attendees {
		a := &e.Attendees[i]
		if a.EmailAddress.Name == "" {
			a.EmailAddress.Name = t.displayName(a.EmailAddress.Address)
		}
		if anew {
			a.Status = responseStatus{Response: answerNone}
		}
		if !t.hasMailbox(a.EmailAddress.Address) || strings.EqualFold(a.EmailAddress.Address, e.Organizer.Address) {
			continue
		}
		invited[strings.ToLower(a.EmailAddress.Address)] = true
		s.deliver(t, e, *a, now)
	}
	for address, box := range s.state.Calendars {
		if other := box.byICalUID(e.ICalUID); other != nil && other != e && !invited[address] {
			box.remove(other)
		}
	}
}

// deliver puts an attendee's copy into their calendar, or renews it. Until it
// is answered it stands there as tentative.
func (s *Server) deliver(t *Tenant, e *event, a attendee, now time.Time) {
	box := s.state.calendar(a.EmailAddress.Address)
	before := box.byICalUID(e.ICalUID)
	waits := a.Status.Response == answerNone
	if before == nil && !waits {
		return // declined before
	}
	c := e.clone()
	c.ID, c.Response, c.ResponseAt, c.ShowAs = newEventID(), answerNotResponded, time.Time{}, "tentative"
	c.TransactionID, c.Content, c.Properties = "", "", nil // these stay with the organizer
	if before != nil {
		c.ID = before.ID
		if !waits {
			c.Response, c.ResponseAt, c.ShowAs = before.Response, before.ResponseAt, before.ShowAs
		}
		box.remove(before)
	}
	if room := t.room(a.EmailAddress.Address); room != nil && waits && a.Type == "resource" && room.answers() {
		c.AnswerDue = now.Add(time.Duration(room.AnswerDelay))
		if before != nil && before.Start.Equal(c.Start) && before.End.Equal(c.End) && !before.AnswerDue.IsZero() {
			c.AnswerDue = before.AnswerDue // the same question
		}
	}
	c.touch(now)
	box.Events = append(box.Events, c)
}

func (s *Server) getEvent(g *graphCall) (reply, *graphError) {
	e := g.box.byID(g.PathValue("event"))
	if e == nil {
		return reply{}, errNotFound
	}
	m := s.render(e, g.prefer)
	if refusal := expand(g.URL.Query(), e, m); refusal != nil {
		return reply{}, refusal
	}
	if refusal := selectProperties(g.URL.Query(), m); refusal != nil {
		return reply{}, refusal
	}
	m["@odata.context"] = s.context(g, "events/$entity")
	return jsonReply(http.StatusOK, m).with("Etag", e.etag()), nil
}

// deleteEvent removes the event; the organizer's deletion cancels the meeting.
func (s *Server) deleteEvent(g *graphCall) (reply, *graphError) {
	e, refusal := g.own()
	if refusal != nil {
		return reply{}, refusal
	}
	s.withdraw(g, e)
	return reply{status: http.StatusNoContent}, nil
}

func (s *Server) cancelEvent(g *graphCall) (reply, *graphError) {
	e, refusal := g.own()
	if refusal != nil {
		return reply{}, refusal
	}
	if len(g.body) > 0 {
		var comment struct{ Comment string } // either case
		if err := decodeStrictly(g.body, &comment); err != nil {
			return reply{}, badRequest("RequestBodyRead", "The parameters of the action can't be read: %v", err)
		}
	}
	if !e.organized() {
		return reply{}, badRequest("ErrorInvalidRequest", "Your request can't be completed. You need to be an organizer to cancel a meeting.")
	}
	s.withdraw(g, e)
	return reply{status: http.StatusAccepted}, nil
}

// withdraw takes an event out of the caller's calendar and, if they organize
// it, out of the rooms'; people keep it as cancelled.
func (s *Server) withdraw(g *graphCall, e *event) {
	g.box.remove(e)
	if !e.organized() {
		return
	}
	for address, box := range s.state.Calendars {
		c := box.byICalUID(e.ICalUID)
		switch {
		case c == nil:
		case g.tenant.room(address) != nil:
			box.remove(c)
		default:
			c.Cancelled, c.ShowAs, c.Subject = true, "free", "Canceled: "+c.Subject
			c.touch(g.now)
		}
	}
}
