package caddymodule

import (
	"errors"
	"net/http"

	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/people"
)

// mergeRequest says who has come back as whom, each as in userRequest.
type mergeRequest struct {
	User string `json:"user"`
	Into string `json:"into"`
	// Force has it done though they may be two people.
	Force bool `json:"force,omitempty"`
}

// merged is what a merge has done: Bookings are those that have moved.
type merged struct {
	User string `json:"user"`
	Into string `json:"into"`
	offboard.Erased
}

// serveUserMerge makes one of two people, or goes on with that. Like an erasure, it goes
// on though whoever asked has gone.
func serveUserMerge(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked mergeRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	into, err := e.user(r.Context(), asked.Into)
	if err != nil {
		return err
	}
	old, err := e.userOrStruck(r.Context(), asked.User)
	if err != nil {
		return err
	}
	done, err := e.office.Merge(e.running, old, into.ID, offboard.ByOperator, asked.Force)
	var refused *offboard.NotMergedError
	var needed *offboard.StandsForError
	switch {
	case errors.As(err, &refused) && refused.Force:
		return refuse(http.StatusConflict, "nobody is merged: %w; --force does it all the same", refused)
	case errors.As(err, &refused):
		return refuse(http.StatusConflict, "nobody is merged: %w", refused)
	case errors.As(err, &needed):
		return refuse(http.StatusConflict, "nobody is merged: %w", needed)
	case errors.Is(err, people.ErrUnknown):
		return errUnknownUser
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "not all of %s has moved to %s; the rest does when you try again, or by itself within a day: %w", old, into.ID, err)
	}
	return answer(w, merged{User: old, Into: into.ID, Erased: done})
}
