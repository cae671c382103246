package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/status"
)

// measured is an engine that knows what it takes on its disk, in bytes.
type measured interface {
	Usage() (used, free uint64, err error)
	// Least has to be free.
	Least() uint64
}

func serveStatus(w http.ResponseWriter, r *http.Request, e *engine) error {
	p, err := e.picture(r.Context())
	if err != nil {
		return storeUnavailable(err)
	}
	return answer(w, p)
}

// picture tells how the gateway stands. Its errors are the store's.
func (e *engine) picture(ctx context.Context) (*status.Picture, error) {
	now := time.Now()
	in := e.now.Load()
	found, err := e.census.take(ctx, e.source())
	if err != nil {
		return nil, err
	}
	p := &status.Picture{
		Version: version(), PublicURL: in.world.PublicURL, Redirects: status.Redirects(redirectsAt(in.world.PublicURL)), KeysetProblem: e.keysetProblem(),
		Integrations: []status.Integration{}, Rooms: []status.Room{}, Bookings: found.bookings.told(), Recent: e.recorder.Recent(), SharedCards: found.sharedCards,
		Gone: found.gone(in.configured), GoneRooms: found.goneRooms(in),
	}
	if p.Store, err = e.storeStands(ctx, found); err != nil {
		return nil, err
	}
	if p.Gateways, err = peers.List(ctx, e.store); err != nil {
		return nil, err
	}
	standing, works := e.standing(), map[string]bool{}
	for _, i := range in.integrations {
		one := integrationStands(i, standing[i.Name], found, in.world.PublicURL, now)
		works[i.Name] = one.Works != nil && *one.Works
		p.Integrations = append(p.Integrations, one)
	}
	for _, room := range in.rooms() {
		one, err := e.roomStands(ctx, in.world.Rooms[room.Name], found)
		if err != nil {
			return nil, err
		}
		seen, _ := e.glance.Load().of(one.Integration, one.Name)
		one.Problems = status.OfRoom(one, in.world.PublicURL, works[one.Integration], seen.seen, now)
		p.Rooms = append(p.Rooms, one)
	}
	p.Own = status.OfGateway(p, now)
	return p, nil
}

func (e *engine) storeStands(ctx context.Context, found *headcount) (told status.Store, err error) {
	told = status.Store{Engine: e.kind, Records: found.records, Counted: found.at, FeedLag: e.feed.Lag().Milliseconds()}
	if told.LastBackup, err = readLastBackup(ctx, e.store); err != nil {
		return told, err
	}
	if m, ok := e.store.(measured); ok {
		told.Disk = &status.Disk{Least: m.Least()}
		told.Disk.Used, told.Disk.Free, err = m.Usage()
	}
	return told, err
}

// standing is how each integration stands that was of use so far.
func (e *engine) standing() map[string]grant.Standing {
	all := map[string]grant.Standing{}
	for _, s := range e.grants.Standing() {
		all[s.Integration] = s
	}
	return all
}

func integrationStands(i signin.Integration, standing grant.Standing, found *headcount, publicURL string, now time.Time) status.Integration {
	all := i.Entra.Credentials()
	since, cause := status.Trouble(standing, all, i.Entra.Silence())
	told := status.Integration{
		Name: i.Name, Works: status.Works(cause, all), Ailing: standing.Ailing, ConsentURL: i.ConsentURL(publicURL),
		People: found.people(i.Name), Waiting: found.waiting[i.Name],
		Credentials: []status.Credential{}, Problems: []status.Problem{},
	}
	suffers := func(p *status.Problem) {
		if p != nil {
			told.Problems = append(told.Problems, *p)
		}
	}
	if cause != nil {
		told.Since = &since
		suffers(new(status.OfIntegration(cause)))
	}
	for _, c := range all {
		one := status.Credential{Name: c.Name, About: c.About}
		if !c.Expires.IsZero() {
			one.Expires, one.DaysLeft = new(c.Expires.UTC()), new(c.DaysLeft(now))
		}
		if !c.Refused.IsZero() {
			one.Refused = &c.Refused
		}
		if !c.Worked.IsZero() {
			one.Worked = &c.Worked
		}
		told.Credentials = append(told.Credentials, one)
		suffers(status.OfCredential(c, all, cause == nil, now))
	}
	suffers(status.OfPeople(i.Name, publicURL, told.People))
	return told
}

// roomStands tells of a room, but for its problems.
func (e *engine) roomStands(ctx context.Context, room booking.Room, found *headcount) (status.Room, error) {
	told := status.Room{
		Name: room.Name, Title: room.Title, Integration: room.Integration, Address: room.Address, Connection: status.NotConnected,
		Policy: status.Policy{
			TimeZone: room.TimeZone.String(), Capacity: room.Capacity, Group: room.Group,
			MaxMinutes: int(room.MaxDuration / time.Minute), WindowDays: int(room.BookingWindow / (24 * time.Hour)),
			CheckInMinutes: int(room.CheckIn / time.Minute), KeepDeclined: room.KeepDeclined,
		},
		Observed: found.observed[room.Name],
	}
	if at, ok := e.views.AsOf(room.Name); ok {
		told.Looked = new(at.UTC())
	}
	_, state, err := e.rooms.Get(ctx, room.Integration, room.Name)
	if errors.Is(err, rooms.ErrNotConnected) {
		return told, nil
	}
	told.Connection = string(state)
	return told, err
}
