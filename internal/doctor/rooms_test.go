package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// rooms are those of the clinic as they are configured: those of the simulator.
func (c *clinic) rooms() []Room {
	c.t.Helper()
	zone, err := time.LoadLocation("Asia/Hong_Kong")
	if err != nil {
		c.t.Fatal(err)
	}
	var all []Room
	for _, r := range c.tenant.Rooms {
		all = append(all, Room{Name: r.ID, Address: r.Address, TimeZone: zone})
	}
	return all
}

// asAlice makes the checks with Alice's connection.
func (c *clinic) asAlice(change func(*Person, []Room)) []Finding {
	c.t.Helper()
	mailbox, granted := c.signIn(alice)
	p, rooms := Person{Name: alice, Granted: granted, Mailbox: mailbox}, c.rooms()
	if change != nil {
		change(&p, rooms)
	}
	return Run(c.t.Context(), c.WithPeople(graph.NewClient(c.Graph, c.HTTP, time.Now), &p, true, rooms), nil, nil)
}

// connected has an account stand for the first room.
func (c *clinic) connected(account string) func(*Person, []Room) {
	return func(_ *Person, rooms []Room) {
		rooms[0].Account, rooms[0].State = account, grant.Connected
		rooms[0].Mailbox, _ = c.signIn(account)
	}
}

func TestWithSomebody(t *testing.T) {
	c := newClinic(t, nil)
	found := c.asAlice(func(p *Person, rooms []Room) {
		c.connected(boardroom)(p, rooms)
		rooms[0].Answered, rooms[0].Silent = 1, 1
		rooms[1].Answered, rooms[1].Declined = 2, 2
	})
	wantsResult(t, found, "permissions", OK)
	wantsResult(t, found, "rooms", OK)
	for _, f := range of(found, "room_accounts") {
		if want := map[bool]Result{true: OK, false: NotChecked}[f.About == "contoso boardroom"]; f.Result != want {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}

func TestBeforeAnybodyHasSignedIn(t *testing.T) {
	c := newClinic(t, nil)
	found := Run(t.Context(), c.WithPeople(nil, nil, false, c.rooms()), nil, nil)
	for _, name := range []string{"permissions", "rooms"} {
		if all := of(found, name); len(all) != 1 || all[0].Result != NotChecked || all[0].What != "nobody has signed in" {
			t.Errorf("%s: %+v", name, all)
		}
	}
	found = Run(t.Context(), c.WithPeople(nil, nil, true, c.rooms()), nil, nil)
	wants(t, found, "permissions", NobodyConnected)
	wantsResult(t, found, "rooms", NotChecked)
}

func TestPeopleAndRooms(t *testing.T) {
	failing := func(err error) func(*clinic) func(*Person, []Room) {
		return func(*clinic) func(*Person, []Room) {
			return func(p *Person, _ []Room) {
				p.Mailbox.Token = func(context.Context, graph.Refused) (string, error) { return "", fmt.Errorf("a token: %w", err) }
			}
		}
	}
	faulty := func(f fault) func(*clinic) func(*Person, []Room) {
		return func(c *clinic) func(*Person, []Room) {
			return func(*Person, []Room) { c.fault(f) }
		}
	}
	for name, tt := range map[string]struct {
		change func(*world.Config)
		with   func(*clinic) func(*Person, []Room)
		check  string
		want   Kind
	}{
		"consent taken back":  {with: failing(grant.ErrNeedsAdminConsent), check: "permissions", want: ConsentMissing},
		"a connection ended":  {with: failing(grant.ErrNeedsSignIn), check: "permissions", want: NobodyConnected},
		"no token":            {with: failing(grant.ErrUnavailable), check: "permissions", want: TokenMissing},
		"a dead integration":  {with: failing(grant.ErrIntegrationDown), check: "permissions", want: TokenMissing},
		"no calendars":        {with: faulty(fault{"match": "GET /v1.0/me/*", "code": "ErrorAccessDenied"}), check: "permissions", want: ConsentMissing},
		"an outage of Graph":  {with: faulty(fault{"match": "GET /v1.0/me/calendar", "status": 500}), check: "permissions", want: GraphFails},
		"schedules refused":   {change: func(c *world.Config) { c.Scopes = world.ScopesTables }, check: "rooms", want: CalendarRefused},
		"an outage meanwhile": {with: faulty(fault{"match": "POST /v1.0/me/calendar/getSchedule", "status": 500}), check: "rooms", want: GraphFails},
		"a scope not granted": {with: func(c *clinic) func(*Person, []Room) {
			return func(p *Person, _ []Room) {
				c.config.Scopes = append(slices.Clone(c.config.Scopes), "Place.Read.All")
				c.register()
			}
		}, check: "permissions", want: ScopesMissing},
		"a room that is not there": {with: func(*clinic) func(*Person, []Room) {
			return func(_ *Person, rooms []Room) { rooms[1].Address = "harbor@contoso.example" }
		}, check: "rooms", want: MailboxMissing},
		"a hidden room": {change: func(c *world.Config) {
			c.Tenants[0].Rooms[2].Shares = []world.Share{{With: "default", Role: world.RoleNone}}
		}, check: "rooms", want: RoomHidden},
		"a room's zone": {with: func(*clinic) func(*Person, []Room) {
			return func(_ *Person, rooms []Room) { rooms[0].TimeZone = time.UTC }
		}, check: "rooms", want: RoomZone},
		"a room that is silent": {with: func(*clinic) func(*Person, []Room) {
			return func(_ *Person, rooms []Room) { rooms[0].Silent = 2 }
		}, check: "rooms", want: RoomSilent},
		"a room that declines": {with: func(*clinic) func(*Person, []Room) {
			return func(_ *Person, rooms []Room) { rooms[0].Answered, rooms[0].Declined = 3, 3 }
		}, check: "rooms", want: RoomDeclines},
		"subjects replaced": {change: func(c *world.Config) {
			c.Tenants[0].Rooms[0].Processing = world.NewRoomProcessing()
			c.Tenants[0].Events = []world.Meeting{{Organizer: "bob@contoso.example", Room: boardroom, Subject: "Plans", Day: 2, Start: "09:30", End: "10:30"}}
		}, with: func(c *clinic) func(*Person, []Room) { return c.connected(boardroom) }, check: "room_accounts", want: SubjectReplaced},
		"subjects taken away": {change: func(c *world.Config) {
			p := world.NewRoomProcessing()
			p.OrganizerToSubject = false
			c.Tenants[0].Rooms[0].Processing = p
			c.Tenants[0].Events = []world.Meeting{{Organizer: "bob@contoso.example", Room: boardroom, Subject: "Plans", Day: 2, Start: "09:30", End: "10:30"}}
		}, with: func(c *clinic) func(*Person, []Room) { return c.connected(boardroom) }, check: "room_accounts", want: SubjectReplaced},
		"an account that may not look": {change: func(c *world.Config) {
			c.Tenants[0].Rooms[0].Shares = nil
		}, with: func(c *clinic) func(*Person, []Room) { return c.connected("bob@contoso.example") }, check: "room_accounts", want: RoomAccount},
		"an account that may look only": {change: func(c *world.Config) {
			c.Tenants[0].Rooms[0].Shares = []world.Share{{With: "default", Role: world.RoleRead}}
		}, with: func(c *clinic) func(*Person, []Room) { return c.connected("bob@contoso.example") }, check: "room_accounts", want: RoomAccount},
		"an account that was lost": {with: func(*clinic) func(*Person, []Room) {
			return func(_ *Person, rooms []Room) { rooms[0].Account, rooms[0].State = boardroom, grant.NeedsSignIn }
		}, check: "room_accounts", want: RoomLost},
		"an account that is lost meanwhile": {with: func(c *clinic) func(*Person, []Room) {
			return func(p *Person, rooms []Room) {
				c.connected(boardroom)(p, rooms)
				rooms[0].Mailbox.Token = func(context.Context, graph.Refused) (string, error) { return "", grant.ErrNeedsSignIn }
			}
		}, check: "room_accounts", want: RoomLost},
		"an account without a token": {with: func(c *clinic) func(*Person, []Room) {
			return func(p *Person, rooms []Room) {
				c.connected(boardroom)(p, rooms)
				rooms[0].Mailbox.Token = func(context.Context, graph.Refused) (string, error) { return "", grant.ErrUnavailable }
			}
		}, check: "room_accounts", want: TokenMissing},
		"a calendar that can't be had": {with: func(c *clinic) func(*Person, []Room) {
			return func(p *Person, rooms []Room) {
				c.connected(boardroom)(p, rooms)
				c.fault(fault{"match": "GET /v1.0/me/calendarView", "status": 500})
			}
		}, check: "room_accounts", want: GraphFails},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, tt.change)
			var change func(*Person, []Room)
			if tt.with != nil {
				change = tt.with(c)
			}
			wants(t, c.asAlice(change), tt.check, tt.want)
		})
	}
}

// What nobody can see is not made out to be good.
func TestNoRoom(t *testing.T) {
	c := newClinic(t, nil)
	mailbox, granted := c.signIn(alice)
	p := Person{Name: alice, Granted: granted, Mailbox: mailbox}
	found := Run(t.Context(), c.WithPeople(graph.NewClient(c.Graph, c.HTTP, time.Now), &p, true, nil), nil, nil)
	wantsResult(t, found, "rooms", NotChecked)
	wantsResult(t, found, "room_accounts", NotChecked)
}

// Who has no mailbox shows nothing of the permissions.
func TestSomebodyWithoutAMailbox(t *testing.T) {
	c := newClinic(t, nil)
	mailbox, granted := c.signIn("eve@contoso.example")
	p := Person{Name: "eve", Granted: granted, Mailbox: mailbox}
	found := Run(t.Context(), c.WithPeople(graph.NewClient(c.Graph, c.HTTP, time.Now), &p, true, c.rooms()), nil, nil)
	wantsResult(t, found, "permissions", NotChecked)
	wantsResult(t, found, "rooms", NotChecked)
}

// Where there are more rooms than can be looked at in the time of the check, nothing is
// made out to be wrong with those that are left.
func TestTooManyRoomsForTheTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			cancel()
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"value":[]}`))
	}))
	defer server.Close()
	i := Integration{Name: "contoso", Graph: server.URL, HTTP: server.Client(), Now: time.Now}
	var rooms []Room
	for _, name := range []string{"first", "second", "third"} {
		rooms = append(rooms, Room{Name: name, Address: name + "@contoso.example", Account: name + "@contoso.example", State: grant.Connected, Mailbox: graph.Mailbox{
			Key: name, Token: func(ctx context.Context, _ graph.Refused) (string, error) { return "token", ctx.Err() },
		}})
	}
	found := i.accounts(ctx, graph.NewClient(server.URL, server.Client(), time.Now), rooms)
	for n, want := range []Result{OK, NotChecked, NotChecked} {
		if found[n].Result != want {
			t.Errorf("%+v, want %s", found[n], want)
		}
	}
}

// slowGraph answers each getSchedule, by virtual time, with free rooms after a while.
type slowGraph time.Duration

func (g slowGraph) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Duration(g)):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	var asked struct{ Schedules []string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	var value []map[string]any
	for _, address := range asked.Schedules {
		value = append(value, map[string]any{"scheduleId": address})
	}
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(map[string]any{"value": value})
	return answer.Result(), nil
}

// How many rooms there are doesn't make Microsoft Graph fail.
func TestManyRooms(t *testing.T) {
	for name, tt := range map[string]struct {
		takes time.Duration
		want  Result
	}{"within the time": {3 * time.Second, OK}, "longer": {7 * time.Second, NotChecked}, "no answer": {time.Hour, Wrong}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hc := &http.Client{Transport: slowGraph(tt.takes)}
				i := Integration{Name: "contoso", Graph: "https://graph.example", HTTP: hc, Now: time.Now}
				p := Person{Name: alice, Mailbox: graph.Mailbox{Key: alice, Token: func(context.Context, graph.Refused) (string, error) { return "token", nil }}}
				var rooms []Room
				for n := range 200 {
					rooms = append(rooms, Room{Name: fmt.Sprint(n), Address: fmt.Sprintf("%d@contoso.example", n), TimeZone: time.UTC})
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for _, f := range i.mailboxes(ctx, graph.NewClient(i.Graph, hc, time.Now), p, rooms) {
					if f.Result != tt.want {
						t.Fatalf("%+v, want %s", f, tt.want)
					}
				}
			})
		})
	}
}
