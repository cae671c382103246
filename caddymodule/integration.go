package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/signin"
)

// Integration is one tenant of Microsoft 365, with the fields of the ONES
// manual's page "Delegated permission".
type Integration struct {
	// Its name in ONES, in addresses and in headers: small letters, digits and dashes,
	// at most 63. Required; no two have the same.
	Name string `json:"name"`
	// The app registration. Required; no two integrations have the same.
	Server Server `json:"server"`
	// The rooms that can be booked. Default: none, people only sign in.
	Rooms []*Room `json:"rooms,omitempty"`
	// What people get, and who they may be. Default: everybody in the tenant, but no guests.
	Users Users `json:"users"`
}

// Room is a room mailbox that can be booked.
type Room struct {
	// Its name in addresses: small letters, digits and dashes, at most 63. Required; no
	// two rooms have the same, in whichever integration they are.
	Name string `json:"name"`
	// The address of the room's mailbox, such as `boardroom@contoso.com`. Required; no
	// two rooms have the same.
	Address string `json:"address"`
	// What people call it. Default: the name.
	Title string `json:"title,omitempty" word:"name"`
	// The IANA time zone it lies in. Default: `UTC`.
	TimeZone string `json:"time_zone,omitempty"`
	// How many people it holds; sorts alternatives, refuses nothing. Default: it is not known.
	Capacity int `json:"capacity,omitempty"`
	// Rooms that can stand in for each other, such as those of one floor: alternatives
	// of the same group come first. Default: none.
	Group string `json:"group,omitempty"`
	// The longest booking, such as `4h`. Default: `24h`.
	MaxDuration caddy.Duration `json:"max_duration,omitempty"`
	// How far ahead one may book, such as `60d`. Default: `180d`, as in Exchange.
	BookingWindow caddy.Duration `json:"booking_window,omitempty"`
	// What becomes of a meeting that the room has declined: `cancel` or `keep`.
	// Default: `cancel`.
	OnDecline string `json:"on_decline,omitempty"`
	// How long after its start a booking is released that nobody has checked in to, such as `10m`:
	// the room goes, the meeting stays. It goes for bookings made since it was set.
	// Default: never.
	CheckIn caddy.Duration `json:"check_in,omitempty"`
}

// Users says what people of an integration get.
type Users struct {
	// The text of the sign-in button. Default: `Sign in with Microsoft 365`, in the
	// language of the page.
	LoginButton string `json:"login_button,omitempty"`
	// The ONES groups of everybody, to be applied when ONES adds a person. Default: none.
	DefaultGroups []string `json:"default_groups,omitempty"`
	// Who may enter: members of these groups of the directory, by id (or by
	// name, where the token has names), and `role:NAME`, an app role. Default:
	// everybody in the tenant.
	AllowGroups []string `json:"allow_groups,omitempty"`
	// Whether guests of the tenant may enter. They are recognised by the
	// optional claim `acct` of the app registration, by `idp`, and by `#EXT#` in
	// their user name or address. Default: no.
	AllowGuests bool `json:"allow_guests,omitempty"`
	// ONES groups by groups of the directory (ids, or names where the token has names) or
	// `role:NAME`, an app role. Default: none.
	MapGroups map[string]string `json:"map_groups,omitempty" word:"map_group"`
	// The claim with the card number; `pager` finds the directory's pager
	// attribute under its usual names. Default: none.
	CardNumber string `json:"card_number,omitempty"`
	// How the directory writes card numbers, and how ONES gets them: `as_is`, or
	// `decimal` or `hex`, then `to` the other one, `reversed`, `digits` and a
	// number, as needed, such as `hex to decimal digits 10`. Default: `as_is`.
	CardFormat string `json:"card_format,omitempty"`
	// For how long somebody is remembered who is not seen: neither signs in, nor is
	// acted for by ONES, nor has a session. Then all that is kept of them is erased, but
	// not what is at Microsoft. At least `30d`. Default: `365d`.
	ForgetAfter string `json:"forget_after,omitempty"`
}

// nameForm is what integrations and rooms may be called: part of addresses, headers and logs.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func checkName(name, example string) error {
	if name == "" || nameForm.MatchString(name) {
		return nil
	}
	return fmt.Errorf("the name %q may have small letters, digits and dashes only, such as %s", name, example)
}

func (i *Integration) complete() error {
	switch {
	case i.Name == "":
		return missing("the name of an integration")
	case i.Server.Operator+i.Server.ClientID == "":
		return missing("server")
	}
	return nil
}

func (i *Integration) check() error { return checkName(i.Name, "contoso") }

// settled returns the integration with everything in it resolved and checked, also the files
// that its credentials stand on. The error tells all that is wrong.
func (i *Integration) settled() (*Integration, error) {
	r := new(Integration)
	var err error
	if r.Name, err = resolve("the name of an integration", i.Name); err != nil {
		return nil, err
	}
	wrong := []error{r.check()}
	server, err := settled(&i.Server)
	if err == nil {
		_, _, _, err = server.config()
	}
	wrong = append(wrong, err)
	users, err := settled(&i.Users)
	if err == nil && len(users.MapGroups) != len(i.Users.MapGroups) {
		err = errors.New("map_group: two placeholders stand for the same group; a group leads to one group of ONES")
	}
	wrong = append(wrong, err)
	r.Server, r.Users = *server, *users
	for _, room := range i.Rooms {
		room, err := settled(room)
		wrong = append(wrong, foundIn("room "+room.Name, err))
		r.Rooms = append(r.Rooms, room)
	}
	return r, foundIn("integration "+r.Name, gathered(wrong...))
}

// clash says why an integration can't stand beside the others.
func (i *Integration) clash(others []*Integration) error {
	for _, other := range others {
		a, b := &i.Server, &other.Server
		switch {
		case i.Name == other.Name:
			return fmt.Errorf("integration %s is there twice; put both into one block, or give one another name", i.Name)
		case a.TenantID == "" || b.TenantID == "":
			return fmt.Errorf("integrations %s and %s: beside another integration, operator custom needs tenant_id: its issuer could name people of the other's tenant", other.Name, i.Name)
		case a.operator() == b.operator() && a.Issuer == b.Issuer && strings.EqualFold(a.TenantID, b.TenantID) && strings.EqualFold(a.ClientID, b.ClientID):
			return fmt.Errorf("integrations %s and %s are the same app registration; its people would be there twice: put the rooms of both into one", other.Name, i.Name)
		}
	}
	return nil
}

// build reads what the credentials stand on, and makes the clients of an integration,
// which has to be settled. It asks nobody.
func (i *Integration) build(s *settings) (signin.Integration, error) {
	fail := func(err error) (signin.Integration, error) {
		return signin.Integration{}, fmt.Errorf("integration %s: %w", i.Name, err)
	}
	issuer, graphRoot, cfg, err := i.Server.config()
	if err != nil {
		return fail(err)
	}
	rules, err := i.Users.rules()
	if err != nil {
		return fail(err)
	}
	rules.Integration = i.Name
	if s.forgetAfter[i.Name], err = forgetAfter(i.Users.ForgetAfter); err != nil {
		return fail(err)
	}
	provider, err := s.provider(issuer)
	if err != nil {
		return fail(err)
	}
	cfg.Refused = func(c entra.CredentialState) {
		if e := s.held.Load(); e != nil {
			e.credentialRefused(i.Name, c)
		}
	}
	calendars := graph.NewClient(graphRoot, s.http, time.Now)
	calendars.Observe = func(ctx context.Context, c graph.Call) {
		if e := s.held.Load(); e != nil {
			e.graphCalled(ctx, i.Name, c)
		}
	}
	return signin.Integration{
		Name:  i.Name,
		Label: i.Users.LoginButton,
		Entra: entra.NewClient(cfg, provider, s.slog.With("integration", i.Name)),
		Graph: calendars,
		Rules: rules,
	}, nil
}

// Defaults of a room, as a room mailbox has them in Exchange.
const (
	defaultMaxDuration   = 24 * time.Hour
	defaultBookingWindow = 180 * 24 * time.Hour
)

func (r *Room) complete() error {
	switch {
	case r.Name == "":
		return missing("the name of a room")
	case r.Address == "":
		return missing("the address of a room")
	}
	return nil
}

func (r *Room) check() error {
	if err := checkName(r.Name, "boardroom"); err != nil {
		return err
	}
	if r.Address != "" && !isAddress(r.Address) {
		return fmt.Errorf("%q is not the address of a mailbox; write one such as boardroom@contoso.com", r.Address)
	}
	if _, err := r.zone(); err != nil {
		return about("time_zone", err)
	}
	if r.OnDecline != "" && r.OnDecline != "cancel" && r.OnDecline != "keep" {
		return about("on_decline", fmt.Errorf("on_decline %q is not known; write cancel or keep", r.OnDecline))
	}
	if r.Capacity < 0 || r.MaxDuration < 0 || r.BookingWindow < 0 || r.CheckIn < 0 {
		return errors.New("capacity and durations can't be negative")
	}
	return nil
}

// zone is where the room lies.
func (r *Room) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil || r.TimeZone == "Local" {
		for _, part := range []string{"Asia/", "Europe/", "America/", "Australia/", "Africa/", "Pacific/", "Atlantic/", "Indian/"} {
			if _, err := time.LoadLocation(part + r.TimeZone); err == nil {
				return nil, fmt.Errorf("time_zone %q is not known; did you mean %s?", r.TimeZone, part+r.TimeZone)
			}
		}
		return nil, fmt.Errorf("time_zone %q is not known; write an IANA name such as Asia/Hong_Kong", r.TimeZone)
	}
	return zone, nil
}

// clash says why a room can't stand beside the others.
func (r *Room) clash(others []*Room) error {
	for _, other := range others {
		switch {
		case r.Name != "" && r.Name == other.Name:
			return fmt.Errorf("room %s is there twice; give one another name, also where they are in two integrations", r.Name)
		case r.Address != "" && strings.EqualFold(r.Address, other.Address):
			return fmt.Errorf("rooms %s and %s have the same mailbox %s; they would be booked as if they were two", other.Name, r.Name, r.Address)
		}
	}
	return nil
}

// build returns a room, which has to be settled, as bookings see it.
func (r *Room) build(integration string) (booking.Room, error) {
	zone, err := r.zone()
	return booking.Room{
		Name: r.Name, Integration: integration, Address: r.Address, Title: cmp.Or(r.Title, r.Name), TimeZone: zone,
		Capacity: r.Capacity, Group: r.Group, KeepDeclined: r.OnDecline == "keep", CheckIn: time.Duration(r.CheckIn),
		MaxDuration:   cmp.Or(time.Duration(r.MaxDuration), defaultMaxDuration),
		BookingWindow: cmp.Or(time.Duration(r.BookingWindow), defaultBookingWindow),
	}, err
}
