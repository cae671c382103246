package booking

import (
	"errors"
	"strconv"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// A Step is something that has become of a booking. It never says what the booking is about.
type Step struct {
	At time.Time `json:"at"`
	// What is a status that the booking has come into; KIND_asked, KIND_made, KIND_declined
	// or KIND_failed of a change of that kind; or one of the words below.
	What string `json:"what"`
	// By is who wanted it: a service's name, "session", "operator"; empty: nobody did.
	By string `json:"by,omitempty"`
	// Code is why it came so, in the codes of Microsoft Graph or of the booking API.
	Code string `json:"code,omitempty"`
	// Times counts what was alike and came one after the other, until Until; zero: once.
	Times int       `json:"times,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Steps that are neither statuses nor those of a change.
const (
	stepTried     = "tried"      // in vain
	stepAsked     = "room_asked" // and had not answered yet
	stepCancel    = "cancel_asked"
	stepRetry     = "retry_asked"
	stepCheckedIn = "checked_in"
	stepMoved     = "moved" // to its organizer's new user id
)

// maxSteps bounds the steps that a booking keeps: the first and the last ones.
const maxSteps = 20

// A glimpse is what of a record makes steps when it changes.
type glimpse struct {
	status     Status
	person     string
	change     string
	last       string
	back       bool
	withdraw   bool
	tries      int
	checkedIns int
}

func (r *record) glimpse() glimpse {
	g := glimpse{status: r.Status, person: r.PersonID, withdraw: r.Withdraw, tries: r.Tries}
	if r.Change != nil {
		g.change, g.back = r.Change.ID, r.Change.Back
	}
	if r.Last != nil {
		g.last = r.Last.ID
	}
	if !r.CheckedInAt.IsZero() {
		g.checkedIns++
	}
	for _, e := range r.Exceptions {
		if !e.CheckedInAt.IsZero() {
			g.checkedIns++
		}
	}
	return g
}

// remember adds to the booking's steps what has become of it since before. It costs no
// commit of its own.
func (r *record) remember(before glimpse, now time.Time) {
	now = now.UTC().Truncate(time.Second)
	after := r.glimpse()
	add := func(what string) { r.step(Step{At: now, What: what, By: r.by, Code: r.trouble}) }
	if r.retried {
		add(stepRetry)
	}
	if after.person != before.person && before.person != "" {
		add(stepMoved)
	}
	if r.Last != nil && after.last != before.last {
		add(string(r.Last.Kind) + "_" + r.Last.Status)
	}
	if r.Change != nil && after.change != before.change {
		add(string(r.Change.Kind) + "_asked")
	}
	if after.back && !before.back {
		add(string(r.Change.Kind) + "_" + changeDeclined)
	}
	if after.withdraw && !before.withdraw && r.Status.holdsRoom() {
		add(stepCancel)
	}
	if after.checkedIns > before.checkedIns {
		add(stepCheckedIn)
	}
	switch {
	case after.status != before.status:
		add(string(r.Status))
	case r.trouble != "":
		add(stepTried)
	case after.tries > before.tries:
		add(stepAsked)
	}
}

// step adds one, or counts it with the one before if they are alike.
func (r *record) step(s Step) {
	n := len(r.Steps)
	if n > 0 {
		last := r.Steps[n-1]
		if last.What == s.What && last.By == s.By && last.Code == s.Code {
			last.Times, last.Until = max(last.Times, 1)+1, s.At
			r.Steps = append(r.Steps[:n-1:n-1], last)
			return
		}
	}
	steps := append(r.Steps[:n:n], s)
	if n == maxSteps {
		steps = append(steps[:1:1], steps[2:]...)
	}
	r.Steps = steps
}

// troubleOf is the code of an error by which a step was not taken.
func troubleOf(err error) string {
	var refused *graph.Error
	var busy *graph.BusyError
	switch {
	case errors.Is(err, grant.ErrNeedsSignIn):
		return string(codeNeedsSignIn)
	case errors.Is(err, grant.ErrNeedsAdminConsent):
		return string(codeNeedsAdminConsent)
	case errors.Is(err, grant.ErrIntegrationDown):
		return string(codeIntegrationDown)
	case errors.Is(err, errUnconfigured):
		return "not_configured"
	case errors.As(err, &busy):
		return string(codeThrottled)
	case errors.As(err, &refused):
		return strconv.Itoa(refused.Status) + " " + refused.Code
	}
	return string(codeGraphUnavailable)
}
