package caddymodule

import (
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
	// Its name in ONES, in addresses and in headers: small letters, digits and dashes.
	Name string `json:"name"`
	// The app registration.
	Server Server `json:"server"`
	// The rooms that can be booked.
	Rooms []*Room `json:"rooms,omitempty"`
	// What people get.
	Users Users `json:"users"`
}

// Room is a room mailbox that can be booked.
type Room struct {
	// Its name in addresses: small letters, digits and dashes.
	Name string `json:"name"`
	// The address of the room's mailbox.
	Address string `json:"address"`
	// What people call it. Default: the name.
	Title string `json:"title,omitempty"`
	// The IANA time zone it lies in. Default: `UTC`.
	TimeZone string `json:"time_zone,omitempty"`
	// How many people it holds; sorts alternatives, refuses nothing.
	Capacity int `json:"capacity,omitempty"`
	// Rooms that can stand in for each other, such as those of one floor.
	Group string `json:"group,omitempty"`
	// The longest booking. Default: 24 hours.
	MaxDuration caddy.Duration `json:"max_duration,omitempty"`
	// How far ahead one may book. Default: 180 days, as in Exchange.
	BookingWindow caddy.Duration `json:"booking_window,omitempty"`
	// What becomes of a meeting that the room has declined: `cancel` or `keep`.
	// Default: `cancel`.
	OnDecline string `json:"on_decline,omitempty"`
	// How long after its start a booking is released that nobody has checked in to:
	// the room goes, the meeting stays. It goes for bookings made since it was set.
	// Default: never.
	CheckIn caddy.Duration `json:"check_in,omitempty"`
}

// Users says what people of an integration get.
type Users struct {
	// The text of the sign-in button. Default: `Sign in with Microsoft 365`, in the
	// language of the page.
	LoginButton string `json:"login_button,omitempty"`
	// The ONES groups of everybody, to be applied when ONES adds a person.
	DefaultGroups []string `json:"default_groups,omitempty"`
	// Who may enter: members of these groups of the directory, by id (or by
	// name, where the token has names), and `role:NAME`, an app role. Default:
	// everybody in the tenant.
	AllowGroups []string `json:"allow_groups,omitempty"`
	// Whether guests of the tenant may enter. They are recognised by the
	// optional claim `acct` of the app registration, by `idp`, and by `#EXT#` in
	// their user name or address. Default: no.
	AllowGuests bool `json:"allow_guests,omitempty"`
	// ONES groups by groups of the directory or `role:NAME`.
	MapGroups map[string]string `json:"map_groups,omitempty"`
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

// build resolves an integration's secrets and makes its clients. It does no I/O.
func (i *Integration) build(s *settings) (signin.Integration, error) {
	fail := func(err error) (signin.Integration, error) {
		return signin.Integration{}, fmt.Errorf("integration %s: %w", i.Name, err)
	}
	if !nameForm.MatchString(i.Name) {
		return fail(fmt.Errorf("the name may have small letters, digits and dashes, such as contoso"))
	}
	issuer, graphRoot, cfg, err := i.Server.resolve()
	if err != nil {
		return fail(err)
	}
	users, err := i.Users.resolve()
	if err != nil {
		return fail(err)
	}
	rules, err := users.rules(i.Name)
	if err != nil {
		return fail(err)
	}
	if s.forgetAfter[i.Name], err = forgetAfter(users.ForgetAfter); err != nil {
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
	return signin.Integration{
		Name:  i.Name,
		Label: users.LoginButton,
		Entra: entra.NewClient(cfg, provider, s.slog.With("integration", i.Name)),
		Graph: graph.NewClient(graphRoot, s.http, time.Now),
		Rules: rules,
	}, nil
}

// Defaults of a room, as a room mailbox has them in Exchange.
const (
	defaultMaxDuration   = 24 * time.Hour
	defaultBookingWindow = 180 * 24 * time.Hour
)

// build checks a room.
func (r *Room) build(integration string) (booking.Room, error) {
	fail := func(format string, args ...any) (booking.Room, error) {
		return booking.Room{}, fmt.Errorf("integration %s: room %s: %w", integration, r.Name, fmt.Errorf(format, args...))
	}
	if !nameForm.MatchString(r.Name) {
		return fail("the name may have small letters, digits and dashes, such as boardroom")
	}
	address, err := resolve("the address", r.Address)
	if err != nil {
		return fail("%w", err)
	}
	if at := strings.IndexByte(address, '@'); at < 1 || at == len(address)-1 || strings.ContainsAny(address, " \t<>,;") {
		return fail("%q is not the address of a mailbox", address)
	}
	zone := time.UTC
	if r.TimeZone != "" {
		if zone, err = time.LoadLocation(r.TimeZone); err != nil || r.TimeZone == "Local" {
			return fail("time_zone %q is not known; write an IANA name such as Asia/Hong_Kong", r.TimeZone)
		}
	}
	if r.OnDecline != "" && r.OnDecline != "cancel" && r.OnDecline != "keep" {
		return fail("on_decline %q is not known; write cancel or keep", r.OnDecline)
	}
	if r.Capacity < 0 || r.MaxDuration < 0 || r.BookingWindow < 0 || r.CheckIn < 0 {
		return fail("capacity and durations can't be negative")
	}
	built := booking.Room{
		Name: r.Name, Integration: integration, Address: address, Title: r.Title, TimeZone: zone,
		Capacity: r.Capacity, Group: r.Group, KeepDeclined: r.OnDecline == "keep", CheckIn: time.Duration(r.CheckIn),
		MaxDuration: time.Duration(r.MaxDuration), BookingWindow: time.Duration(r.BookingWindow),
	}
	if built.Title == "" {
		built.Title = r.Name
	}
	if built.MaxDuration == 0 {
		built.MaxDuration = defaultMaxDuration
	}
	if built.BookingWindow == 0 {
		built.BookingWindow = defaultBookingWindow
	}
	return built, nil
}
