package msgraph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// context is an @odata.context below the mailbox's owner.
func (v *call) context(what string) string {
	return fmt.Sprintf("%s%s/$metadata#users('%s')/%s", v.Cloud.Graph, root, url.PathEscape(v.box.ID), what)
}

// createEvent makes an event. In somebody else's calendar they become its
// organizer, rooms too: nobody asks whether the room is free then.
func (g *Graph) createEvent(v *call) (front.Reply, error) {
	props, err := parseProperties(v.Body)
	if err != nil {
		return front.Reply{}, err
	}
	e := exchange.NewEvent(v.Now, v.box.Owner)
	e.Content = props.fingerprint()
	if e.Calendar = v.calendar(); e.Calendar == "*" {
		e.Calendar = ""
	}
	if err := apply(e, props); err != nil {
		return front.Reply{}, err
	}
	made, err := g.exchange.Create(v.box, e, v.Now)
	if err != nil {
		return front.Reply{}, err
	}
	it := exchange.Item{Event: made}
	at := fmt.Sprintf("%s%s/users('%s')/events('%s')", v.Cloud.Graph, root, url.PathEscape(v.box.ID), url.PathEscape(it.ID(v.prefer.immutableID)))
	if v.prefer.minimal {
		return front.Reply{Status: http.StatusNoContent}.With("Location", at), nil
	}
	return v.entity(http.StatusCreated, it).With("Location", at), nil
}

func (v *call) entity(status int, it exchange.Item) front.Reply {
	m := v.render(it)
	m["@odata.context"] = v.context("events/$entity")
	return front.JSON(status, m).With("Etag", it.ETag())
}

func (g *Graph) getEvent(v *call) (front.Reply, error) {
	it, err := v.item()
	if err != nil {
		return front.Reply{}, err
	}
	q, err := parseQuery(v.URL.Query(), v.isEventProperty)
	if err != nil {
		return front.Reply{}, err
	}
	m := v.shown(q, it)
	m["@odata.context"] = v.context("events/$entity")
	return front.JSON(http.StatusOK, m).With("Etag", it.ETag()), nil
}

func (g *Graph) updateEvent(v *call) (front.Reply, error) {
	it, err := v.itemToChange()
	if err != nil {
		return front.Reply{}, err
	}
	props, err := parseProperties(v.Body)
	if err != nil {
		return front.Reply{}, err
	}
	changed := it.Clone()
	if err := apply(changed, props); err != nil {
		return front.Reply{}, err
	}
	if it.Master != nil && changed.Recurrence != nil {
		return front.Reply{}, badRequest("ErrorInvalidRequest", "Your request can't be completed. The recurrence can be set on the series master only.")
	}
	if it, err = g.exchange.Update(it, changed, v.Now); err != nil {
		return front.Reply{}, err
	}
	if v.prefer.minimal {
		return front.Reply{Status: http.StatusNoContent}, nil
	}
	return v.entity(http.StatusOK, it), nil
}

// deleteEvent removes the event; the organizer's deletion cancels the meeting.
func (g *Graph) deleteEvent(v *call) (front.Reply, error) {
	it, err := v.itemToChange()
	if err != nil {
		return front.Reply{}, err
	}
	g.exchange.Withdraw(v.box, it, v.Now)
	return front.Reply{Status: http.StatusNoContent}, nil
}

func (g *Graph) cancelEvent(v *call) (front.Reply, error) {
	it, err := v.itemToChange()
	if err != nil {
		return front.Reply{}, err
	}
	var comment struct{ Comment string }
	if err := v.parameters(&comment); err != nil {
		return front.Reply{}, err
	}
	if !it.Organized() {
		return front.Reply{}, exchange.ErrNotOrganizer
	}
	g.exchange.Withdraw(v.box, it, v.Now)
	return front.Reply{Status: http.StatusAccepted}, nil
}

// parameters reads an action's, if there are any. Their names are matched
// without regard to case.
func (v *call) parameters(into any) error {
	if len(v.Body) == 0 {
		return nil
	}
	props, err := parseProperties(v.Body)
	if err != nil {
		return err
	}
	text, _ := json.Marshal(props) // it was JSON a moment ago
	return readProperty(text, into)
}

// A truth is a boolean parameter. Written as text it passes too: the
// documentation's own examples do that.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(bytes.Trim(b, `"`), (*bool)(t))
}

// respond answers an invitation.
func (g *Graph) respond(answer string) func(*call) (front.Reply, error) {
	return func(v *call) (front.Reply, error) {
		it, err := v.openItem()
		if err != nil {
			return front.Reply{}, err
		}
		var given struct {
			Comment         string
			SendResponse    *truth
			ProposedNewTime *struct{ Start, End json.RawMessage }
		}
		if err := v.parameters(&given); err != nil {
			return front.Reply{}, err
		}
		r := exchange.Reply{Answer: answer, Send: given.SendResponse == nil || bool(*given.SendResponse), Reason: given.Comment}
		if !r.Send && (given.Comment != "" || given.ProposedNewTime != nil) {
			return front.Reply{}, badRequest("ErrorInvalidParameter", "A comment or a proposed time can't be given with SendResponse false.")
		}
		if given.ProposedNewTime != nil {
			if err := v.propose(it, &r, given.ProposedNewTime.Start, given.ProposedNewTime.End); err != nil {
				return front.Reply{}, err
			}
		}
		if err := g.exchange.Respond(it, r, v.Now); err != nil {
			return front.Reply{}, err
		}
		return front.Reply{Status: http.StatusAccepted}, nil
	}
}

// propose adds another time to an answer. Accepting proposes none, and only the
// global cloud knows it.
func (v *call) propose(it exchange.Item, r *exchange.Reply, start, end json.RawMessage) (err error) {
	if r.Answer == exchange.Accepted || v.Cloud.Name != "microsoft" {
		return badRequest("RequestBodyRead", "The property 'ProposedNewTime' does not exist on the action.")
	}
	if !it.AllowNewTimes {
		return badRequest("ErrorInvalidRequest", "Your request can't be completed. The meeting request doesn't allow new time proposals.")
	}
	if r.ProposedStart, _, err = parseClock(start); err != nil {
		return err
	}
	r.ProposedEnd, _, err = parseClock(end)
	return err
}

// forwardEvent checks what it is given: the mail that it would send isn't
// simulated.
func (g *Graph) forwardEvent(v *call) (front.Reply, error) {
	if v.Cloud.Name == "us_gov" || v.Cloud.Name == "us_gov_dod" {
		return front.Reply{}, badRequest("BadRequest", "Resource not found for the segment 'forward'.")
	}
	if _, err := v.openItem(); err != nil {
		return front.Reply{}, err
	}
	var given struct {
		Comment      string
		ToRecipients []struct{ EmailAddress exchange.Address }
	}
	if err := v.parameters(&given); err != nil {
		return front.Reply{}, err
	}
	for _, to := range given.ToRecipients {
		if !strings.Contains(to.EmailAddress.Address, "@") {
			return front.Reply{}, badRequest("ErrorInvalidRecipients", "At least one recipient isn't valid.")
		}
	}
	if len(given.ToRecipients) == 0 {
		return front.Reply{}, badRequest("ErrorInvalidRecipients", "At least one recipient has to be given.")
	}
	return front.Reply{Status: http.StatusAccepted}, nil
}

func (g *Graph) snoozeReminder(v *call) (front.Reply, error) {
	var given struct{ NewReminderTime json.RawMessage }
	if err := v.parameters(&given); err != nil {
		return front.Reply{}, err
	}
	if _, _, err := parseClock(given.NewReminderTime); err != nil {
		return front.Reply{}, err
	}
	return g.dismissReminder(v)
}

// dismissReminder answers only: reminders ring in clients.
func (g *Graph) dismissReminder(v *call) (front.Reply, error) {
	if _, err := v.item(); err != nil {
		return front.Reply{}, err
	}
	return front.Reply{Status: http.StatusOK}, nil
}
