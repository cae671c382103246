package booking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/store"
)

// A sighting is what has been seen of a room's calendar.
type sighting struct {
	blocks []block
	// asOf is when it was seen: now, or when a picture of the room was taken.
	asOf    time.Time
	picture bool
}

// A question is what rooms' calendars show within a period.
type question struct {
	// caller is who is told.
	caller Caller
	// owner is the person whose own grant looks; "": nobody's.
	owner string
	period
	// live: no picture counts, however fresh.
	live bool
}

// sightings asks what rooms' calendars show, each of the first that answers: getSchedule
// with the person's grant, then the picture of the room that the account connected
// with it gives, or that account now. Who doesn't answer is passed over: a room that
// nobody could look into is not in the answer. Whether it is free at a time suggestions
// may tell, and else only our own journal. What is found may reach a day beyond the period.
//
// The errors are that the person's own grant is dead, that the integration is down,
// those of the store, and, if no room at all could be looked into, those that may
// pass by themselves.
func (s *Service) sightings(ctx context.Context, q question, wanted ...Room) (map[string]sighting, error) {
	found := map[string]sighting{}
	byIntegration := map[string][]Room{}
	for _, room := range wanted {
		byIntegration[room.Integration] = append(byIntegration[room.Integration], room)
	}
	var passing error
	for integration, its := range byIntegration {
		seen, err := s.lookAsPerson(ctx, q, integration, its)
		switch {
		case final(err):
			return nil, err
		case err != nil:
			passing = err
		}
		maps.Copy(found, seen)
		rest := slices.DeleteFunc(slices.Clone(its), func(r Room) bool { _, done := found[r.Name]; return done })
		seen, err = s.lookAsRooms(ctx, q, rest, err == nil)
		switch {
		case final(err):
			return nil, err
		case err != nil:
			passing = err
		}
		maps.Copy(found, seen)
	}
	for name, l := range found {
		s.looks.record(name, l.asOf)
	}
	if len(found) == 0 && passing != nil {
		return nil, passing
	}
	return found, nil
}

// final says that err is not for the next source to mend.
func final(err error) bool {
	return errors.Is(err, grant.ErrNeedsSignIn) || errors.Is(err, grant.ErrNeedsAdminConsent) || errors.Is(err, grant.ErrIntegrationDown) ||
		err != nil && !errors.Is(err, grant.ErrUnavailable) && !graph.Transient(err)
}

// unanswered is the error of a look. Where the time for it is over, while whoever asks still
// waits, Microsoft 365 was too slow: for a token, say, of which only the end of the wait is told.
func unanswered(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w: %w", grant.ErrUnavailable, err)
	}
	return err
}

// lookAsPerson asks getSchedule with the grant of the person, if there is one and
// Microsoft isn't known to refuse that call to the integration.
func (s *Service) lookAsPerson(ctx context.Context, q question, integration string, wanted []Room) (map[string]sighting, error) {
	if q.owner == "" || s.refusals.stands(integration, getSchedule, s.now()) {
		return nil, nil
	}
	asOf := s.now()
	seen, err := s.graphBlocks(ctx, q.owner, wanted, q.start, q.end)
	if cannotLook(err) {
		if lacksPermission(err) {
			s.refusals.note(integration, getSchedule, s.now())
		}
		s.log.WarnContext(ctx, "Microsoft 365 does not show this person the rooms' schedules; other sources are asked",
			"user", q.owner, "integration", integration, "error", err)
		return nil, nil
	}
	found := map[string]sighting{}
	for name, blocks := range seen {
		found[name] = sighting{blocks: blocks, asOf: asOf}
	}
	return found, err
}

// lookAsRooms looks into rooms with their accounts. If Graph is not there, pictures
// alone can help. The error is that of one of the rooms.
func (s *Service) lookAsRooms(ctx context.Context, q question, wanted []Room, there bool) (map[string]sighting, error) {
	var (
		mu     sync.Mutex
		failed error
		seen   = map[string]sighting{}
	)
	few(len(wanted), func(i int) {
		found, ok, err := s.lookAsRoom(ctx, q, wanted[i], there)
		mu.Lock()
		defer mu.Unlock()
		if ok {
			seen[wanted[i].Name] = found
		}
		if err != nil && !final(failed) {
			failed = err
		}
	})
	return seen, failed
}

// looksAtOnce bounds how many rooms are looked at at once for one caller.
const looksAtOnce = 8

// few calls f for 0 to n-1, a few at once, and waits for all.
func few(n int, f func(i int)) {
	var running sync.WaitGroup
	places := make(chan struct{}, looksAtOnce)
	for i := range n {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			f(i)
		})
	}
	running.Wait()
}

// lookAsRoom looks into a room with the account that it is connected with; ok is
// false if there is none that may.
func (s *Service) lookAsRoom(ctx context.Context, q question, room Room, there bool) (found sighting, ok bool, err error) {
	state, err := s.connection(ctx, rooms.GrantOwner(room.Integration, room.Name))
	if err != nil || !state.Works() {
		return sighting{}, false, err
	}
	if !q.live {
		if blocks, asOf, ok := s.views.Busy(room.Name, q.start, q.end); ok {
			shown, err := s.viewed(ctx, q.caller, room, blocks)
			return sighting{shown, asOf, true}, err == nil, err
		}
	}
	if !there {
		return sighting{}, false, nil
	}
	blocks, asOf, err := s.views.Read(ctx, room.Name, q.start, q.end)
	switch {
	case err == nil:
		shown, err := s.viewed(ctx, q.caller, room, blocks)
		return sighting{shown, asOf, false}, err == nil, err
	case errors.Is(err, roomview.ErrNotConnected), errors.Is(err, grant.ErrNeedsSignIn), errors.Is(err, grant.ErrNeedsAdminConsent):
		return sighting{}, false, nil
	case cannotLook(err):
		s.log.WarnContext(ctx, "the account that a room is connected with may not look into its calendar",
			"room", room.Name, "integration", room.Integration, "error", err)
		return sighting{}, false, nil
	}
	return sighting{}, false, err
}

// viewed are the blocks of a room's own calendar, as the caller may see them. Its
// account sees every subject: a person is shown only that of their own meetings, and
// what others see of the room is not ours to know. Nobody else is told anything of a private
// booking, though its organizer has moved it and the room's mailbox has lost the flag.
func (s *Service) viewed(ctx context.Context, c Caller, room Room, seen []roomview.Block) ([]block, error) {
	blocks := []block{}
	for _, v := range seen {
		b := block{period: period{v.Start, v.End}, status: v.Status, uid: v.ICalUID, organizer: v.Organizer}
		if v.AllDay {
			b.period = period{atMidnight(v.Start, room.TimeZone), atMidnight(v.End, room.TimeZone)}
		}
		if c.Person == nil || c.organizes(v.Organizer.Address) {
			b.subject = v.Subject
		}
		if !c.organizes(v.Organizer.Address) && v.ICalUID != "" && (b.subject != "" || b.organizer.Address != "") {
			switch _, err := s.journal.store.Get(ctx, privateKey(v.ICalUID)); {
			case err == nil:
				b.subject, b.organizer = "", graph.EmailAddress{}
			case !errors.Is(err, store.ErrNotFound):
				return nil, err
			}
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// organizes says whether an address is that of the person whom the caller is or acts for.
func (c Caller) organizes(address string) bool {
	return c.Person != nil && address != "" && (strings.EqualFold(address, c.Person.Mailbox) || strings.EqualFold(address, c.Person.Email))
}

// cannotLook says that Graph refuses to show the schedule to this account, as it
// may with the three permissions alone.
func cannotLook(err error) bool {
	var refused *graph.Error
	return errors.As(err, &refused) && !graph.Transient(err)
}

// lacksPermission says that a call is refused for the permissions of the token,
// which all tokens of an integration share.
func lacksPermission(err error) bool {
	var refused *graph.Error
	return errors.As(err, &refused) && refused.Status == http.StatusForbidden && refused.Code == graph.CodeAccessDenied
}

// Calls that Microsoft may refuse an integration.
const (
	getSchedule      = "getSchedule"
	findMeetingTimes = "findMeetingTimes"
)

// refusedFor is how long a call is not asked for again that lacked a permission.
const refusedFor = 5 * time.Minute

// refusals remembers which calls lack a permission, so that they are not asked for in
// vain each time. It is bounded by the integrations that are configured.
type refusals struct {
	mu    sync.Mutex
	until map[[2]string]time.Time // by the integration and the call
}

func (r *refusals) note(integration, call string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until[[2]string{integration, call}] = now.Add(refusedFor)
}

func (r *refusals) stands(integration, call string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.until[[2]string{integration, call}])
}
