package booking

import (
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/trail"
)

// An Event is what has become of a booking, for whoever counts or reports it. It says
// neither whose the booking is nor what it is about.
type Event struct {
	Booking, Integration, Room string
	// Status that the booking has come to. Accepted is told once, when it was accepted.
	Status Status
	// Reason is why, in words; "": there is nothing to say.
	Reason string
	// Took is how long that was after it had been accepted.
	Took time.Duration
	// GraphRequest is what Microsoft calls the last request that it has answered for it.
	GraphRequest string
}

// began tells that a booking was accepted.
func (s *Service) began(r *record) { s.tell(r) }

// became tells what a booking has become that had a status before.
func (s *Service) became(before Status, r *record) {
	if r.Status != before && r.Status != Accepted {
		s.tell(r)
	}
}

func (s *Service) tell(r *record) {
	if s.observe == nil {
		return
	}
	s.observe(Event{
		Booking: r.ID, Integration: r.Integration, Room: r.Request.Room, Status: r.Status, Reason: r.Reason,
		Took: max(s.now().Sub(r.CreatedAt), 0), GraphRequest: r.GraphRequest,
	})
}

// mark is the trail of whoever asks for something of a booking, as its record keeps it.
func (s *Service) mark(ctx context.Context) trail.Mark {
	s.tracers.Learn(ctx)
	return trail.MarkOf(ctx)
}

// about is what a span says of a booking.
func about(r *record) []string {
	return []string{"ones.booking.id", r.ID, "ones.integration", r.Integration, "ones.room", r.Request.Room}
}

// inVain is what a span says of an error, whose words may name somebody.
func inVain(err error) string {
	if err != nil {
		return "in vain"
	}
	return ""
}

// Changing stands for the status of a confirmed booking of which a change, or its
// cancellation, is on its way.
const Changing Status = "changing"

// Pending are the bookings of an integration that are on their way, by their status.
type Pending struct {
	Integration string
	// Status is Accepted, AwaitingRoom, NeedsSignIn or Changing.
	Status Status
	Count  int
	// Oldest is when the first of them was accepted.
	Oldest time.Time
}

// Pending counts what is on its way, from the journal: what every gateway on it has accepted.
func (s *Service) Pending(ctx context.Context) ([]Pending, error) {
	var all []Pending
	at := map[[2]string]int{}
	open, err := s.allOpen(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range open {
		r, err := s.journal.get(ctx, d.id)
		status := r.Status
		switch {
		case errors.Is(err, errNotFound):
			continue
		case err != nil:
			return nil, err
		case status == Confirmed && !r.rests():
			status = Changing
		case !status.onItsWay():
			continue
		}
		key := [2]string{r.Integration, string(status)}
		n, known := at[key]
		if !known {
			n = len(all)
			at[key], all = n, append(all, Pending{Integration: r.Integration, Status: status, Oldest: r.CreatedAt})
		}
		all[n].Count++
		if r.CreatedAt.Before(all[n].Oldest) {
			all[n].Oldest = r.CreatedAt
		}
	}
	return all, nil
}
