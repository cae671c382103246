package doctor

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// A Person is somebody whose connection the checks look with.
type Person struct {
	// Name is what operators know them by.
	Name string
	// Granted are the scopes that came with the connection; nil: they were not told.
	Granted []string
	// Mailbox makes calls in their name.
	Mailbox graph.Mailbox
}

// A Room is one that people book.
type Room struct {
	Name, Address string
	TimeZone      *time.Location
	// Account is the mailbox of the account that stands for the room, and Mailbox makes
	// calls in its name. State is how its connection stands; "": the room has none.
	Account string
	Mailbox graph.Mailbox
	State   grant.State
	// Of our bookings of late: how many the room has answered, how many of these it has
	// declined, and how many have waited for an answer for longer than Patience.
	Answered, Declined, Silent int
}

// Patience is how long a room may take to answer: minutes, if a program does it.
const Patience = 15 * time.Minute

// fewAnswers is from how many answers on it means something that all are refusals.
const fewAnswers = 3

// Nobody is why something is not checked before the first sign-in.
const Nobody = "nobody has signed in"

// NoGateway is why something is not checked where no gateway runs, or none answers.
const NoGateway = "no gateway answers, and only one that runs knows who is connected"

// WithPeople are the checks that need a connected person; nil: nobody has signed in, or
// they say that nobody is connected any more.
func (i Integration) WithPeople(g *graph.Client, p *Person, signedIn bool, rooms []Room) []Check {
	unknown := func(name string) Check {
		return Check{Name: name, About: i.Name, How: "looking for somebody who is connected", Look: func(context.Context) []Finding {
			if signedIn && name == "permissions" {
				return []Finding{NobodyConnected.Found("people have signed in, but nobody's connection works any more")}
			}
			if signedIn {
				return []Finding{NotKnown("nobody's connection works any more")}
			}
			return []Finding{NotKnown(Nobody)}
		}}
	}
	all := []Check{unknown("permissions"), unknown("rooms")}
	if p != nil {
		as := "looking as " + p.Name
		all = []Check{
			{Name: "permissions", About: i.Name, How: as, Look: func(ctx context.Context) []Finding { return i.permissions(ctx, g, *p) }},
			{
				Name: "rooms", About: i.Name, How: as + " at " + hostOf(i.Graph), After: []string{"permissions"}, Timeout: time.Minute,
				Look: func(ctx context.Context) []Finding { return i.mailboxes(ctx, g, *p, rooms) },
			},
		}
	}
	return append(all, Check{
		Name: "room_accounts", About: i.Name, How: "looking with the accounts of rooms", After: []string{"graph"}, Timeout: time.Minute,
		Look: func(ctx context.Context) []Finding { return i.accounts(ctx, g, rooms) },
	})
}

// permissions says whether the connection of a person is of use.
func (i Integration) permissions(ctx context.Context, g *graph.Client, p Person) []Finding {
	owner, err := g.DefaultCalendarOwner(ctx, p.Mailbox)
	var refused *graph.Error
	switch {
	case errors.Is(err, grant.ErrNeedsAdminConsent):
		return []Finding{ConsentMissing.Found("%s waits for an administrator of the tenant: the permissions are not granted", p.Name)}
	case errors.Is(err, grant.ErrNeedsSignIn):
		return []Finding{NobodyConnected.Found("the connection of %s has just ended", p.Name)}
	case errors.Is(err, grant.ErrIntegrationDown), errors.Is(err, grant.ErrUnavailable):
		return []Finding{TokenMissing.Found("%s gets no token: %s", p.Name, plain(err))}
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		return []Finding{ConsentMissing.Found("Microsoft Graph doesn't show %s their own calendar (403 %s): Calendars.ReadWrite.Shared is not granted", p.Name, refused.Code)}
	case errors.As(err, &refused) && !graph.Transient(err):
		return []Finding{NotKnown("the calendar of %s can't be had (%d %s); name somebody else with --as", p.Name, refused.Status, refused.Code)}
	case err != nil:
		return []Finding{GraphFails.Found("Microsoft Graph gives no answer: %s", plain(err))}
	}
	if missing := i.missing(p.Granted); len(missing) > 0 {
		return []Finding{ScopesMissing.Found("the connection of %s lacks %s, which the configuration asks for", p.Name, strings.Join(missing, " "))}
	}
	return []Finding{Good("%s has a calendar (%s), and the permissions that are asked for", p.Name, bounded(owner.Address))}
}

// missing are the scopes that the configuration asks for and that were not granted.
// What isn't told never is, such as offline_access.
func (i Integration) missing(granted []string) (missing []string) {
	if granted == nil {
		return nil
	}
	bare := func(scope string) string {
		return strings.ToLower(scope[strings.LastIndex(scope, "/")+1:])
	}
	_, _, wanted := i.Client.Registration()
	for _, w := range wanted {
		told := slices.ContainsFunc(granted, func(g string) bool { return bare(g) == bare(w) })
		if !told && !slices.Contains([]string{"openid", "offline_access", "profile", "email"}, bare(w)) {
			missing = append(missing, w)
		}
	}
	return missing
}

// mailboxes says what a person sees of the rooms: nothing else shows that a mailbox is
// there, and none of these permissions shows that it is a room's.
func (i Integration) mailboxes(ctx context.Context, g *graph.Client, p Person, rooms []Room) []Finding {
	if len(rooms) == 0 {
		return []Finding{NotKnown("no room is configured")}
	}
	var addresses []string
	for _, r := range rooms {
		addresses = append(addresses, r.Address)
	}
	seen, err := i.schedules(ctx, g, p, addresses)
	var refused *graph.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		return []Finding{CalendarRefused.Found("Microsoft Graph doesn't tell %s when rooms are free (403 %s): Calendars.ReadWrite.Shared may not be enough for that call", p.Name, refused.Code)}
	case err != nil && ctx.Err() != nil:
		return []Finding{NotKnown("there was no time to ask Microsoft Graph when so many rooms are free")}
	case err != nil:
		return []Finding{GraphFails.Found("Microsoft Graph doesn't tell when rooms are free: %s", plain(err))}
	}
	var found []Finding
	for _, r := range rooms {
		for _, f := range i.mailbox(ctx, g, p, r, seen[r.Address]) {
			found = append(found, f.about(i.Name+" "+r.Name))
		}
	}
	return found
}

// schedules asks for as many rooms at a time as one call of Microsoft Graph's does, each of
// which may take as long as any other.
func (i Integration) schedules(ctx context.Context, g *graph.Client, p Person, addresses []string) (map[string]graph.Schedule, error) {
	now, all := i.Now(), map[string]graph.Schedule{}
	for some := range slices.Chunk(addresses, graph.SchedulesPerCall) {
		brief, cancel := context.WithTimeout(ctx, DefaultTimeout)
		seen, err := g.Schedules(brief, p.Mailbox, some, now, now.Add(24*time.Hour))
		cancel()
		if err != nil {
			return nil, err
		}
		maps.Copy(all, seen)
	}
	return all, nil
}

func (i Integration) mailbox(ctx context.Context, g *graph.Client, p Person, r Room, seen graph.Schedule) (found []Finding) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	if seen.Err != nil {
		there, err := g.HasMailbox(ctx, p.Mailbox, r.Address)
		switch {
		case err != nil:
			return []Finding{NotKnown("%s can't be looked at: %s", r.Address, plain(err))}
		case !there:
			return []Finding{MailboxMissing.Found("there is no mailbox %s: bookings of %s are never answered", r.Address, r.Name)}
		}
		found = append(found, RoomHidden.Found("%s is there, but people may not see when it is free: %s", r.Address, bounded(seen.Err.Error())))
	}
	if same, known := seen.WorkZone.Shows(r.TimeZone, i.Now()); known && !same {
		found = append(found, RoomZone.Found("the working hours of %s are in %s, and time_zone here is %s: hours, and days, may be understood wrongly", r.Address, seen.WorkZone, r.TimeZone))
	}
	switch {
	case r.Silent > 0 && r.Answered == 0:
		found = append(found, RoomSilent.Found("%s has answered none of our bookings, of which %d have waited for longer than %s: it is no room, or does not answer by itself", r.Address, r.Silent, Patience))
	case r.Answered >= fewAnswers && r.Declined == r.Answered:
		found = append(found, RoomDeclines.Found("%s has declined each of the %d bookings that it has answered of late", r.Address, r.Declined))
	}
	switch {
	case found != nil:
		return found
	case r.Answered > 0:
		return []Finding{Good("%s is there, its free times can be seen, and it has answered bookings of late: %d, of which it has declined %d", r.Address, r.Answered, r.Declined)}
	}
	return []Finding{Good("%s is there, and its free times can be seen; that it answers, the first booking proves", r.Address)}
}

// lookAhead is how far ahead a room's meetings are looked at.
const lookAhead = 30 * 24 * time.Hour

// accounts says what the accounts of rooms see of them.
func (i Integration) accounts(ctx context.Context, g *graph.Client, rooms []Room) []Finding {
	var found []Finding
	for _, r := range rooms {
		found = append(found, i.account(ctx, g, r).about(i.Name+" "+r.Name))
	}
	return found
}

func (i Integration) account(ctx context.Context, g *graph.Client, r Room) Finding {
	brief, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	switch r.State {
	case "":
		return NotKnown("no account stands for it, so what its calendar makes of meetings can't be seen; an admin may connect one at /.ones/rooms/%s/connect", r.Name)
	case grant.Connected, grant.Unavailable:
	default:
		return RoomLost.Found("the account %s that stands for it is not connected any more (%s)", r.Account, r.State)
	}
	own := strings.EqualFold(r.Account, r.Address)
	address := r.Address
	if own {
		address = ""
	}
	meetings, replaced := 0, 0
	err := g.CalendarView(brief, r.Mailbox, address, i.Now(), i.Now().Add(lookAhead), func(e graph.ViewItem) bool {
		if named := strings.TrimSpace(e.Organizer.EmailAddress.Name); named != "" && !strings.EqualFold(e.Organizer.EmailAddress.Address, r.Address) {
			meetings++
			if e.Subject == "" || strings.HasPrefix(e.Subject, named) {
				replaced++
			}
		}
		return true
	})
	var refused *graph.Error
	switch {
	case err != nil && ctx.Err() != nil: // other rooms have taken the time of the check
		return NotKnown("there was no time left to look into its calendar")
	case errors.Is(err, grant.ErrNeedsSignIn), errors.Is(err, grant.ErrNeedsAdminConsent):
		return RoomLost.Found("the account %s that stands for it is not connected any more", r.Account)
	case errors.Is(err, grant.ErrIntegrationDown), errors.Is(err, grant.ErrUnavailable):
		return TokenMissing.Found("the account %s gets no token: %s", r.Account, plain(err))
	case errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound):
		return RoomAccount.Found("the account %s that stands for it may not look into its calendar (%d %s)", r.Account, refused.Status, refused.Code)
	case err != nil:
		return GraphFails.Found("its calendar can't be had: %s", plain(err))
	case replaced > 0 && replaced == meetings:
		return SubjectReplaced.Found("the room takes subjects away, or puts the organizer's name there (DeleteSubject, AddOrganizerToSubject): all of its meetings of the next 30 days, %d, show that", meetings)
	}
	if !own {
		if may, err := g.CanEdit(brief, r.Mailbox, r.Address); err == nil && !may {
			return RoomAccount.Found("the account %s that stands for it may look into its calendar, but not change it: bookings can't be ended or released in its name", r.Account)
		}
	}
	return Good("the account %s stands for it, and sees its calendar; how the room treats meetings can't be read by anybody but Exchange PowerShell", r.Account)
}
