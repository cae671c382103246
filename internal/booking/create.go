package booking

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/trail"
)

const (
	// lookTimeout bounds how long an acceptance waits for the room's schedule.
	lookTimeout = 5 * time.Second
	// writeTimeout bounds a write of the journal, which goes on though its
	// caller has left: half a write helps nobody.
	writeTimeout = 10 * time.Second
)

// durable is ctx for a write of the journal.
func durable(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// Create accepts a booking: it is durable when Create returns, and its first
// attempt has been handed to Run. key is the caller's Idempotency-Key or empty.
// A request that was accepted before is answered with the present state of its
// booking, and replayed is true.
func (s *Service) Create(ctx context.Context, c Caller, req Request, key string) (b Booking, replayed bool, err error) {
	c = s.organizing(c)
	if c.Person == nil {
		return Booking{}, false, errForWhom
	}
	if req.ExternalID != "" && c.Service == "" {
		return Booking{}, false, invalid{{"body.external_id", "only a service may give it", req.ExternalID}}
	}
	requestHash, err := req.hash(c.Person.ID)
	if err != nil {
		return Booking{}, false, err
	}
	claims := claimKeys(c, req, key)
	// Before the checks: what was valid when it was accepted may be past by now.
	if r, ok, err := s.replay(ctx, claims, requestHash); err != nil || ok {
		return c.view(&r), ok, err
	}
	world := s.world()
	room, ok := world.Rooms[req.Room]
	if !ok || !c.mayUse(room) {
		return Booking{}, false, errUnknownRoom
	}
	if err := s.mayBook(ctx, c, room); err != nil {
		return Booking{}, false, err
	}
	when, wrong := req.check(room, world.Rooms, s.now(), nil)
	if wrong != nil {
		return Booking{}, false, invalid(wrong)
	}
	if err := s.connected(ctx, c, c.Person.ID); err != nil {
		return Booking{}, false, err
	}
	r := s.newRecord(c, req, room, when)
	ctx, span := trail.Start(ctx, "booking accept", about(&r)...)
	defer func() { span.End(inVain(err)) }()
	r.Trail = s.mark(ctx)
	err = s.roomFree(ctx, c, c.Person.ID, room, r.slots(), "")
	if err == nil {
		err = s.accept(ctx, c, &r, room, requestHash, claims)
	}
	var clash *conflictError
	if errors.Is(err, store.ErrConflict) || errors.As(err, &clash) {
		// The slot, or the key, may have gone to the same request a moment ago.
		if first, ok, err := s.replay(ctx, claims, requestHash); err != nil || ok {
			return c.view(&first), ok, err
		}
	}
	if err != nil {
		return Booking{}, false, err
	}
	s.auditLine(ctx, "create", c, &r, string(r.Status))
	return c.view(&r), false, nil
}

// claimKeys are the keys by which a repeated request is recognised.
func claimKeys(c Caller, req Request, key string) []string {
	var keys []string
	if key != "" {
		keys = append(keys, idempotencyKey(c.Service != "", c.Person.ID, key))
	}
	if req.ExternalID != "" {
		keys = append(keys, externalKey(c.Person.Integration, req.ExternalID))
	}
	return keys
}

// replay finds the booking that was made with one of the keys; errMismatch says
// that it was made from another request.
func (s *Service) replay(ctx context.Context, keys []string, requestHash string) (r record, ok bool, err error) {
	for _, key := range keys {
		made, ok, err := s.journal.claimed(ctx, key)
		if err != nil {
			return record{}, false, err
		}
		if !ok {
			continue
		}
		if made.Request != requestHash {
			return record{}, false, errMismatch
		}
		r, err := s.journal.get(ctx, made.ID)
		return r, err == nil, err
	}
	return record{}, false, nil
}

// connected refuses somebody whose grant is known to be dead; nothing has been
// journalled then. What needed somebody else may have been mended since, by an
// administrator's consent, say: asking for a token tells, and the grant's keeper
// bounds how often that asks Microsoft.
func (s *Service) connected(ctx context.Context, c Caller, personID string) error {
	state, err := s.connection(ctx, personID)
	if err != nil {
		return err
	}
	var dead error
	switch state {
	case grant.NeedsSignIn:
		dead = grant.ErrNeedsSignIn
	case grant.NeedsAdminConsent:
		dead = grant.ErrNeedsAdminConsent
	case grant.NoMailbox:
		if c.Service == "" {
			return refusal{codeForbidden, "Your account has no mailbox in Microsoft 365, so there is no calendar to book from."}
		}
		return refusal{codeForbidden, "This person has no mailbox in Microsoft 365, so there is no calendar to book from."}
	default:
		return nil
	}
	if _, err := s.token(ctx, personID, grant.Ask{}); err != nil {
		return dead
	}
	return nil
}

func (s *Service) newRecord(c Caller, req Request, room Room, when span) record {
	now := s.now().UTC()
	return record{
		ID: uuid.NewString(), Request: req,
		Start: when.start.UTC(), End: when.end.UTC(), Zone: when.zone.String(), Rule: when.rule,
		Integration: c.Person.Integration, Service: c.Service,
		PersonID: c.Person.ID, PersonName: c.Person.Name, PersonEmail: c.Person.Email,
		terms: room.terms(), by: c.by(),
		TransactionID: uuid.NewString(), MaybeSent: true,
		Status: Accepted, CreatedAt: now.Truncate(time.Second), UpdatedAt: now.Truncate(time.Second), Revision: 1,
	}
}

// accept makes r durable unless another booking of ours holds its slot. It returns
// store.ErrConflict if one of the claims is somebody else's by now.
func (s *Service) accept(ctx context.Context, c Caller, r *record, room Room, requestHash string, claims []string) error {
	// The lock spares this instance's callers from meeting in the store.
	release, err := s.locks.acquire(ctx, room.Name)
	if err != nil {
		return err
	}
	blocks, err := s.acceptFree(ctx, r, room, requestHash, claims)
	release()
	if err == nil && len(blocks) > 0 {
		err = s.conflict(ctx, c, room, r.slots(), blocks)
	}
	return err
}

// acceptFree makes r durable, or returns what holds its slot. Whoever is being erased
// books nothing any more: people.ErrUnknown.
func (s *Service) acceptFree(ctx context.Context, r *record, room Room, requestHash string, claims []string) ([]block, error) {
	for {
		took, stands, err := s.moment(ctx, r, room)
		if err != nil {
			return nil, err
		}
		blocks, err := s.heldByOthers(ctx, room.Name, "", r.slots())
		if err != nil || len(blocks) > 0 {
			return blocks, err
		}
		err = s.acceptAfter(ctx, r, took, stands, requestHash, claims)
		if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
		tookNow, standsNow, lookErr := s.moment(ctx, r, room)
		if lookErr != nil {
			return nil, lookErr
		}
		if *tookNow.If == *took.If && *standsNow.If == *stands.If {
			return nil, err // a claim
		}
	}
}

// moment is what must not have changed when r is accepted: the room's last acceptance,
// and that the person is in the directory, or the account still stands for the room.
func (s *Service) moment(ctx context.Context, r *record, room Room) (took, stands store.Write, err error) {
	if took, err = s.journal.take(ctx, room.Name, r.ID); err != nil {
		return took, stands, err
	}
	if _, _, ok := rooms.OfGrant(r.PersonID); ok {
		stands, err = s.roomOrganizes(ctx, room)
	} else {
		stands, err = s.people.Stands(ctx, r.PersonID)
	}
	return took, stands, err
}

func (s *Service) acceptAfter(ctx context.Context, r *record, took, stands store.Write, requestHash string, claims []string) error {
	ctx, cancel := durable(ctx)
	defer cancel()
	r.NextAt, r.Turn = s.now().UTC().Add(claimLife), s.journal.instance
	// Known as fresh before it can be found in the journal: whoever takes it up
	// first, and only they, may send it without looking.
	s.queue.markFresh(r.ID)
	if err := s.journal.accept(ctx, r, took, stands, requestHash, claims); err != nil {
		s.queue.unmark(r.ID)
		return err
	}
	s.began(r) // before anything else becomes of it
	s.queue.handOver(*r)
	return nil
}

// auditLine writes a line of the audit log: who did what for whom in which room,
// and what became of it, but never what a booking is about.
func (s *Service) auditLine(ctx context.Context, action string, c Caller, r *record, outcome string) {
	s.audit.InfoContext(ctx, "booking", "action", action, "by", c.by(), "user", r.PersonID,
		"integration", r.Integration, "room", r.Request.Room, "booking", r.ID, "outcome", outcome, "graph_request_id", r.GraphRequest)
}
