package exchange

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// attends says whether an attendant answers for a mailbox that is invited. A
// room that is invited as a person is asked, but doesn't answer.
func (m *Mailbox) attends(attendeeType string) bool {
	return m.room != nil && attendeeType == "resource" && m.room.Rules().Automate == world.AutoAccept
}

// AnswerDelay is how long the room takes to answer an invitation that is sent now.
func (m *Mailbox) AnswerDelay() world.Duration {
	if m.record.AnswerDelay != nil {
		return *m.record.AnswerDelay
	}
	return m.room.AnswerDelay
}

// Declines says whether the room declines everything, whatever its rules are.
func (m *Mailbox) Declines() bool { return m.record.Declines }

// Switch changes how a room answers from now on, and returns its mailbox; what is nil
// stays. Invitations that wait for an answer keep their time, but not their answer.
func (x *Exchange) Switch(room string, answerDelay *world.Duration, declines *bool) (*Mailbox, error) {
	m := x.Mailbox(room)
	switch {
	case m == nil || !m.IsRoom():
		return nil, fmt.Errorf("there is no room %q", room)
	case m.room.Rules().Automate != world.AutoAccept:
		return nil, fmt.Errorf("the room %s answers nobody by itself: its automate_processing is %s, not %s", room, m.room.Rules().Automate, world.AutoAccept)
	case answerDelay != nil && *answerDelay < 0:
		return nil, errors.New("answer_delay is negative")
	}
	if answerDelay != nil {
		m.record.AnswerDelay = answerDelay
	}
	if declines != nil {
		m.record.Declines = *declines
	}
	x.records.Put(m.address, m.record)
	return m, nil
}

// unanswered is how an invitation stands in the calendar before it is answered.
// That a room doesn't put it there at all is shown as its not taking any time.
func (m *Mailbox) unanswered() string {
	if m.room != nil && (m.room.Rules().Automate == world.AutoNone || !m.room.Rules().AddTentatively) {
		return "free"
	}
	return "tentative"
}

// process is a room's attendant at work.
func (x *Exchange) process(it Item, now time.Time) {
	m := x.boxes[it.stored().Mailbox]
	v := x.judge(m, it, now)
	if v.answer != "" {
		x.conclude(m, it, v, now)
		return
	}
	r := Reply{Answer: NotResponded, Reason: v.reason, pending: true}
	if m.room.Rules().TentativePending {
		r.Answer, r.Send = Tentative, true
	}
	x.answer(it, r, now)
}

// conclude gives a room's answer.
func (x *Exchange) conclude(m *Mailbox, it Item, v verdict, now time.Time) {
	uid := it.ICalUID()
	if v.last != 0 {
		v.declined = append(v.declined, x.cut(it.Event, v.last)...)
	}
	x.answer(it, Reply{Answer: v.answer, Send: true, Reason: v.reason}, now)
	for _, day := range v.declined {
		x.drop(it.Event, day, now)
		x.tellOrganizer(uidOn(uid, day), m.address, Reply{Answer: Declined, Reason: v.reason}, nil, now)
	}
}

// cut ends a series on a day, and returns the days of exceptions after it.
func (x *Exchange) cut(e *Event, last Day) (after []Day) {
	x.buryOccurrences(e)
	r := *e.Recurrence
	r.Range.Type, r.Range.EndDate, r.Range.NumberOfOccurrences = EndDate, last.String(), 0
	e.Recurrence = &r
	for day := range e.Exceptions {
		if day > last {
			after = append(after, day)
		}
	}
	return after
}

// tidy makes a copy that a room has accepted as its rules want it.
func (m *Mailbox) tidy(e *Event) {
	if m.room == nil || e.Response != Accepted {
		return
	}
	rules := m.room.Rules()
	if rules.DeleteSubject {
		e.Subject = ""
	}
	if rules.OrganizerToSubject {
		e.Subject = strings.TrimSpace(e.Organizer.Name + " " + e.Subject)
	}
	if rules.DeleteComments {
		e.Body = Body{ContentType: "text"}
	}
	if rules.RemovePrivate && e.Private() {
		e.Sensitivity = "normal"
	}
}

// Decide is a delegate's decision about an invitation of a room, or somebody
// changing their mind about what was accepted. The event is named by its id in
// any mailbox, or by its iCalUId.
func (x *Exchange) Decide(room, event, answer, reason string, now time.Time) error {
	m := x.Mailbox(room)
	switch {
	case m == nil || !m.IsRoom():
		return fmt.Errorf("there is no room %q", room)
	case !slices.Contains([]string{Accepted, Declined, Tentative}, answer):
		return fmt.Errorf("%q is no answer; there are %s, %s and %s", answer, Accepted, Declined, Tentative)
	}
	it, found := m.named(x.uidOf(event))
	switch {
	case !found:
		return fmt.Errorf("the room %s holds no event %q; it may have declined it", room, event)
	case it.Organized():
		return fmt.Errorf("the room %s organizes the event %q itself", room, event)
	}
	x.conclude(m, it, verdict{answer: answer, reason: reason}, now)
	return nil
}

// uidOf is the UID of what an id in any mailbox stands for; anything else is
// taken for a UID.
func (x *Exchange) uidOf(name string) string {
	if p, ok := parseID(name); ok {
		if e := x.events.Get(hex.EncodeToString(p.key[:])); e != nil && x.boxes[e.Mailbox] != nil {
			if it, err := x.boxes[e.Mailbox].Find(name); err == nil {
				return it.ICalUID()
			}
		}
	}
	return name
}
