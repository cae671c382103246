package caddymodule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
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

// Server is an app registration in Microsoft Entra ID.
type Server struct {
	// Who runs the cloud: `microsoft`, `21vianet`, `us_gov`, `us_gov_dod` or
	// `custom`. Default: `microsoft`.
	Operator string `json:"operator,omitempty"`
	// With `custom`: the OpenID issuer. https, or http on loopback.
	Issuer string `json:"issuer,omitempty"`
	// With `custom`: the root of Microsoft Graph, before `/v1.0`.
	Graph string `json:"graph,omitempty"`
	// The tenant's id, a GUID. Optional with `custom`.
	TenantID string `json:"tenant_id,omitempty"`
	// The application's (client) id.
	ClientID string `json:"client_id,omitempty"`
	// The client secret: its value, not its id.
	ClientSecret string `json:"client_secret,omitempty"`
	// When the secret expires, as `2027-05-01`. Nothing else can tell.
	ClientSecretExpires string `json:"client_secret_expires,omitempty"`
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
	// When a booking that nobody has checked in to is to be released. Read, but
	// not acted on yet.
	CheckIn caddy.Duration `json:"check_in,omitempty"`
}

// Users says what people of an integration get.
type Users struct {
	// The text of the sign-in button. Default: `Sign in with Microsoft 365`.
	LoginButton string `json:"login_button,omitempty"`
	// The ONES groups of everybody, to be applied when ONES adds a person.
	DefaultGroups []string `json:"default_groups,omitempty"`
	// ONES groups by groups or roles of the directory.
	MapGroups map[string]string `json:"map_groups,omitempty"`
	// The claim with the card number; `pager` finds the directory's pager
	// attribute under its usual names. Default: none.
	CardNumber string `json:"card_number,omitempty"`
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
	provider, err := s.provider(issuer)
	if err != nil {
		return fail(err)
	}
	label := i.Users.LoginButton
	if label == "" {
		label = "Sign in with Microsoft 365"
	}
	return signin.Integration{
		Name:     i.Name,
		Label:    label,
		TenantID: cfg.TenantID,
		Entra:    entra.NewClient(cfg, provider),
		Graph:    graph.NewClient(graphRoot, s.http, time.Now),
		Rules: identity.Rules{
			Integration:   i.Name,
			DefaultGroups: i.Users.DefaultGroups,
			MapGroups:     i.Users.MapGroups,
			CardClaim:     i.Users.CardNumber,
		},
	}, nil
}

// scopes are the permissions of the ONES manual, and no others: one that the
// tenant has not granted would lock everybody out.
var scopes = []string{"openid", "offline_access", "Calendars.ReadWrite.Shared"}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// resolve returns what is needed to speak with the cloud, secrets included.
func (s *Server) resolve() (issuer, graphRoot string, cfg entra.Config, err error) {
	fail := func(err error) (string, string, entra.Config, error) { return "", "", entra.Config{}, err }
	cfg.Scopes = scopes
	var missing [3]error // all of them at once: they are set in one go
	cfg.ClientID, missing[0] = resolve("client_id", s.ClientID)
	cfg.ClientSecret, missing[1] = resolve("client_secret", s.ClientSecret)
	if s.TenantID != "" || s.Operator != "custom" {
		cfg.TenantID, missing[2] = resolve("tenant_id", s.TenantID)
	}
	if err := errors.Join(missing[:]...); err != nil {
		return fail(err)
	}
	if s.ClientSecretExpires != "" {
		if _, err := time.Parse(time.DateOnly, s.ClientSecretExpires); err != nil {
			return fail(fmt.Errorf("client_secret: %q is not a date; write when it expires as 2027-05-01", s.ClientSecretExpires))
		}
	}
	if s.Operator == "custom" {
		if issuer, err = resolve("issuer", s.Issuer); err != nil {
			return fail(err)
		}
		if graphRoot, err = resolve("graph", s.Graph); err != nil {
			return fail(err)
		}
	} else {
		cloud, ok := entra.CloudNamed(s.operator())
		if !ok {
			return fail(fmt.Errorf("operator %q is not known; write microsoft, 21vianet, us_gov, us_gov_dod or custom", s.Operator))
		}
		if s.Issuer != "" || s.Graph != "" {
			return fail(fmt.Errorf("issuer and graph belong to operator custom; operator %s has its own", s.operator()))
		}
		if !guid.MatchString(cfg.ClientID) {
			return fail(fmt.Errorf("client_id %q is not a GUID; the Azure portal shows it as «Application (client) ID»", cfg.ClientID))
		}
		if !guid.MatchString(cfg.TenantID) {
			return fail(fmt.Errorf("tenant_id %q is not a GUID; the Azure portal shows it as «Directory (tenant) ID»", cfg.TenantID))
		}
		cfg.TenantID = strings.ToLower(cfg.TenantID)
		issuer, graphRoot = cloud.Issuer(cfg.TenantID), cloud.Graph
	}
	if err := entra.CheckIssuer(issuer); err != nil {
		return fail(fmt.Errorf("issuer: %w", err))
	}
	if err := graph.CheckRoot(graphRoot); err != nil {
		return fail(fmt.Errorf("graph: %w", err))
	}
	return issuer, graphRoot, cfg, nil
}

func (s *Server) operator() string {
	if s.Operator == "" {
		return "microsoft"
	}
	return s.Operator
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
		Capacity: r.Capacity, Group: r.Group, KeepDeclined: r.OnDecline == "keep",
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
