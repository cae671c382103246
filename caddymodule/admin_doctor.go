package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/store"
)

// doctorPath is where the running gateway is asked for what only it can check.
const doctorPath = "/ones/doctor"

// doctorRequest says what is to be checked.
type doctorRequest struct {
	// As is with whose connection: a user id, an address or card:NUMBER. Empty: with that
	// of somebody.
	As string `json:"as,omitempty"`
	// Live: not only what takes a connected person, but all that the gateway works by.
	Live bool `json:"live,omitempty"`
}

// doctorAnswer is what was found.
type doctorAnswer struct {
	Version  string           `json:"version"`
	Findings []doctor.Finding `json:"findings"`
}

// serveDoctor checks what only this gateway can.
func serveDoctor(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked doctorRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	ctx, now := r.Context(), e.now.Load()
	as := people.Entry{}
	if asked.As != "" {
		var err error
		if as, err = e.user(ctx, asked.As); err != nil {
			return err
		}
		if !now.configured(as.Integration) {
			return refuse(http.StatusConflict, "who is named came through the integration %s, which is not configured any more, so nothing can be looked at with their connection; name somebody else", as.Integration)
		}
	}
	var checks []doctor.Check
	if asked.Live {
		cctx, cancel := caddy.NewContext(caddy.Context{Context: ctx})
		defer cancel()
		checks = append(e.liveChecks(now), onesChecks(cctx, now.ones, now.public)...)
	}
	signedIn, connected := false, false // anybody, any room
	var withPeople []doctor.Check
	for _, i := range now.integrations {
		v, err := e.visit(ctx, now, i, as)
		if err != nil {
			return storeUnavailable(err)
		}
		signedIn = signedIn || v.signedIn
		for _, room := range v.rooms {
			connected = connected || room.State != ""
		}
		p := patient(i.Name, i.Entra, i.Graph.Root(), now.http)
		withPeople = append(withPeople, p.WithPeople(i.Graph, v.person, v.signedIn, v.rooms)...)
	}
	proof := func(proven bool, by string) string {
		if proven {
			return by
		}
		return ""
	}
	checks = append(checks, doctor.Check{
		Name: "integrations", How: "counting who belongs to which integration", Timeout: time.Minute,
		Look: func(ctx context.Context) []doctor.Finding { return e.goneFindings(ctx, now) },
	})
	checks = append(checks, redirectCheck(now.public, proof(signedIn, "people have signed in"), proof(connected, "an admin has connected a room")))
	checks = append(checks, withPeople...)
	return answer(w, doctorAnswer{Version: version(), Findings: doctor.Run(ctx, checks, nil, nil)})
}

// liveChecks are of what the gateway works by, made in its own environment and as its
// own user.
func (e *engine) liveChecks(now *settings) []doctor.Check {
	var all []doctor.Integration
	for _, i := range now.integrations {
		all = append(all, patient(i.Name, i.Entra, i.Graph.Root(), now.http))
	}
	checks := []doctor.Check{proxyCheck(all)}
	for _, i := range all {
		checks = append(checks, i.Checks()...)
	}
	return append(checks,
		doctor.Check{Name: "store", How: "asking the store", Look: e.storeFindings},
		doctor.Check{Name: "keyset", How: "reading the keyset", Look: func(context.Context) []doctor.Finding {
			if problem := e.keysetProblem(); problem != "" {
				return []doctor.Finding{doctor.KeysetUnusable.Found("it can't be taken as it is now, and the one from before stays in use: %s", problem)}
			}
			return []doctor.Finding{doctor.Good("%s is in use", e.keyset)}
		}},
		publicCheck(now.public, doctor.TheGateway),
	)
}

// goneFindings tell of people and rooms whose integration is not configured any more.
func (e *engine) goneFindings(ctx context.Context, now *settings) (found []doctor.Finding) {
	counted, err := e.census.take(ctx, e.source())
	if err != nil {
		return []doctor.Finding{doctor.NotKnown("people can't be counted: %v", err)}
	}
	for _, g := range counted.gone(now.configured) {
		found = append(found, doctor.IntegrationGone.Found("%s", g.Words()))
	}
	if found == nil {
		return []doctor.Finding{doctor.Good("everybody belongs to one that is configured")}
	}
	return found
}

func (e *engine) storeFindings(ctx context.Context) []doctor.Finding {
	unusable := func(how string, err error) []doctor.Finding {
		f := doctor.StoreUnusable.Found("%s %s: %v", e.kind, how, err)
		f.Do = "do what is said there; else look at the disk, or at the database and the network to it"
		return []doctor.Finding{f}
	}
	if err := e.ready(); err != nil {
		return unusable("gives no answer", err)
	}
	// After an error of its disk Badger can be read, and nothing more is written. What can't
	// be true changes nothing, and is refused as such only where anything can be written.
	_, err := e.store.Commit(ctx, store.Write{Op: store.Check, Key: signingKey, If: store.If(store.Absent)})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return unusable("takes nothing", err)
	}
	found := []doctor.Finding{doctor.Good("%s answers", e.kind)}
	if m, ok := e.store.(measured); ok {
		_, free, err := m.Usage()
		if err != nil {
			return append(found, doctor.NotKnown("how much room is left: %v", err))
		}
		found = append(found, doctor.Disk(e.id, free, m.Least()))
	}
	return found
}

// A visit is whom and what of an integration the doctor can look with and at.
type visit struct {
	person   *doctor.Person // nil: nobody is connected
	signedIn bool           // anybody, ever
	rooms    []doctor.Room
}

// maxVisited bounds how many people of an integration are asked whether they are connected,
// for one who is. How many others stand before them doesn't matter.
const maxVisited = 5000

// visit finds somebody who is connected: who was asked for, if they are of this
// integration, else anybody, else the account of a room.
func (e *engine) visit(ctx context.Context, now *settings, i signin.Integration, as people.Entry) (v visit, err error) {
	if v.rooms, err = e.roomsOf(ctx, now, i.Name); err != nil {
		return v, err
	}
	found, err := e.connectedPerson(ctx, i.Name, as, &v.signedIn)
	switch {
	case err != nil:
		return v, err
	case found.ID != "":
		sum, err := e.grants.Summary(ctx, found.ID)
		if err != nil {
			return v, err
		}
		name := found.Email
		if name == "" {
			name = found.ID
		}
		v.person = &doctor.Person{Name: name, Granted: sum.Scopes, Mailbox: e.mailboxOf(found.ID, found.ID)}
		slog.New(&liveHandler{engine: e, name: "audit"}).InfoContext(ctx, "the operator's doctor looks with a person's connection", "user", found.ID, "integration", i.Name)
	default:
		for _, room := range v.rooms {
			if room.State == grant.Connected {
				v.person = &doctor.Person{Name: room.Account, Mailbox: room.Mailbox}
				break
			}
		}
	}
	return v, nil
}

// connectedPerson returns somebody of an integration who is connected; no id: there is
// nobody. signedIn is set if anybody has ever signed in.
func (e *engine) connectedPerson(ctx context.Context, integration string, as people.Entry, signedIn *bool) (people.Entry, error) {
	if as.Integration == integration {
		*signedIn = true
		return as, nil
	}
	for cursor, asked := "", 0; asked < maxVisited; {
		page, _, more, err := e.people.After(ctx, cursor, usersReadOnce)
		if err != nil {
			return people.Entry{}, err
		}
		for _, p := range page {
			if p.Integration != integration {
				continue
			}
			*signedIn = true
			asked++
			sum, err := e.grants.Summary(ctx, p.ID)
			if err != nil {
				return people.Entry{}, err
			}
			if sum.State == grant.Connected {
				return p, nil
			}
		}
		if cursor = more; more == "" {
			break
		}
	}
	return people.Entry{}, nil
}

// mailboxOf makes calls with the grant of an owner to the mailbox that target names.
func (e *engine) mailboxOf(owner, target string) graph.Mailbox {
	return graph.Mailbox{
		Key: owner, Target: target,
		Token: func(ctx context.Context, refused graph.Refused) (string, error) {
			return e.grants.Token(ctx, owner, grant.Ask{Stale: refused.Token, Claims: refused.Claims})
		},
	}
}

// roomsOf are the rooms of an integration, with the accounts that stand for them.
func (e *engine) roomsOf(ctx context.Context, now *settings, integration string) ([]doctor.Room, error) {
	var all []doctor.Room
	for _, r := range now.rooms() {
		if r.Integration != integration {
			continue
		}
		one := doctor.Room{Name: r.Name, Address: r.Address, TimeZone: r.TimeZone}
		account, state, err := e.rooms.Get(ctx, integration, r.Name)
		switch {
		case err == nil:
			one.Account, one.State = account.Mailbox, state
			one.Mailbox = e.mailboxOf(rooms.GrantOwner(integration, r.Name), strings.ToLower(r.Address))
		case !errors.Is(err, rooms.ErrNotConnected):
			return nil, err
		}
		if err := e.answersOf(ctx, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// What of a room's bookings is looked at: those from so long ago on, and so many.
const (
	answersSince = 30 * 24 * time.Hour
	answersRead  = 200
)

// answersOf counts what a room has answered to bookings of late.
func (e *engine) answersOf(ctx context.Context, room *doctor.Room) error {
	since := time.Now().Add(-answersSince)
	found, _, err := e.bookings.List(ctx, booking.Caller{Service: "doctor"}, booking.Filter{
		Room: room.Name, From: since, To: since.AddDate(2, 0, 0), Limit: answersRead,
	})
	for _, b := range found {
		switch {
		case b.RoomResponse.Status != "none":
			room.Answered++
			if b.RoomResponse.Status == "declined" {
				room.Declined++
			}
		case b.Status == booking.AwaitingRoom && time.Since(b.CreatedAt) > doctor.Patience:
			room.Silent++
		}
	}
	return err
}

// doctorPatience is how long the running gateway may take for all that it is asked for.
const doctorPatience = 5 * time.Minute
