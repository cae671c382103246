package world

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Config is the simulated world. It is plain data: New checks it.
type Config struct {
	// Scopes says what Calendars.ReadWrite.Shared covers. "superset", the
	// default: every calendar call. "tables": what the permission tables of the
	// documentation say, as far as something is left to simulate; see package
	// msgraph.
	Scopes string `json:"scopes,omitempty"`
	// AccountChooser "always": everybody is asked who they are at each sign-in,
	// which is convenient where one browser plays many people. Else a browser
	// with one account signed in is let through, as at Microsoft.
	AccountChooser string     `json:"account_chooser,omitempty"`
	Throttling     Throttling `json:"throttling,omitzero"`
	Tenants        []Tenant   `json:"tenants"`
}

// Values of Config.Scopes.
const (
	ScopesSuperset = "superset"
	ScopesTables   = "tables"
)

// ChooserAlways is the one value of Config.AccountChooser.
const ChooserAlways = "always"

// Throttling is Graph's limits for each pair of an app and a mailbox
// (https://learn.microsoft.com/graph/throttling-limits).
type Throttling struct {
	Concurrent int      `json:"concurrent,omitempty"` // requests at once; 0: 4
	Requests   int      `json:"requests,omitempty"`   // in a window; 0: 10,000
	Window     Duration `json:"window,omitempty"`     // 0: 10 minutes
	// RetryAfter is how the header of that name is written: "seconds" (the
	// default), "fraction", "date" or "none".
	RetryAfter string `json:"retry_after,omitempty"`
}

// A Tenant is one organisation's directory.
type Tenant struct {
	ID     string `json:"id"`              // a GUID
	Domain string `json:"domain"`          // may stand for ID in paths
	Cloud  string `json:"cloud,omitempty"` // microsoft (the default), 21vianet, us_gov, us_gov_dod
	Name   string `json:"name"`
	// UserConsent "allowed": people may consent to scopes for themselves. Else
	// only administrators can, for everybody.
	UserConsent string `json:"user_consent,omitempty"`
	// ConsentRequests: people who may not consent can ask an administrator to
	// (AADSTS90095), instead of only being told that they may not (90094).
	ConsentRequests bool     `json:"consent_requests,omitempty"`
	Apps            []App    `json:"apps"`
	People          []Person `json:"people"`
	Rooms           []Room   `json:"rooms"`
	// Events fill the calendars when there is no state yet.
	Events []Meeting `json:"events,omitempty"`

	index index
}

// ConsentAllowed is the one value of Tenant.UserConsent.
const ConsentAllowed = "allowed"

// An App is an app registration of the platform type Web.
type App struct {
	ClientID string `json:"client_id"`
	Name     string `json:"name"`
	// MultiTenant: people of other tenants may use it too, once one of their
	// administrators has consented; and it may use /common and /organizations.
	MultiTenant bool `json:"multi_tenant,omitempty"`
	Disabled    bool `json:"disabled,omitempty"`
	// Credentials. Any one will do.
	Secrets              []Secret              `json:"secrets,omitempty"`
	Certificates         []string              `json:"certificates,omitempty"` // PEM
	FederatedCredentials []FederatedCredential `json:"federated_credentials,omitempty"`

	RedirectURIs          []string `json:"redirect_uris"`
	FrontchannelLogoutURL string   `json:"frontchannel_logout_url,omitempty"`
	// Scopes are the delegated permissions that an administrator has granted
	// for everybody in the app's own tenant.
	Scopes []string `json:"scopes"`
	// AssignmentRequired: only people named in Assigned, by address or by the
	// name of a group, may use it.
	AssignmentRequired bool     `json:"assignment_required,omitempty"`
	Assigned           []string `json:"assigned,omitempty"`
	// OptionalClaims the ID token carries besides the fixed ones: acct, email,
	// extn.pager, family_name, given_name, groups, login_hint, sid, upn, xms_edov. Any
	// other name is one of Person.Claims, or roles, which come anyway if there are any.
	OptionalClaims []string `json:"optional_claims,omitempty"`
	// CustomSigningKey: the app's ID tokens are signed by a key of its own,
	// which is published under ?appid= only (claims mapping).
	CustomSigningKey bool `json:"custom_signing_key,omitempty"`
	// AccessTokenLifetime is random between 60 and 90 minutes unless given.
	AccessTokenLifetime Duration `json:"access_token_lifetime,omitempty"`
}

// A Secret of an app. Only Value is a credential; ID is what people paste by
// mistake.
type Secret struct {
	ID      string    `json:"id"`
	Value   string    `json:"value"`
	Expires time.Time `json:"expires,omitzero"`
}

// A FederatedCredential trusts tokens of another issuer about a subject. They
// are compared exactly. The simulator fetches nothing, so the issuer's public
// keys stand here.
type FederatedCredential struct {
	Issuer   string          `json:"issuer"`
	Subject  string          `json:"subject"`
	Audience string          `json:"audience"`
	JWKS     json.RawMessage `json:"jwks"` // RFC 7517
}

// A Person can sign in; no password is asked for.
type Person struct {
	ID     string   `json:"oid"` // object id, a GUID
	Name   string   `json:"name"`
	Mail   string   `json:"mail"`
	Groups []string `json:"groups,omitempty"` // display names
	Roles  []string `json:"roles,omitempty"`
	Pager  string   `json:"pager,omitempty"` // card number
	// NoMailbox: no licence for Exchange, so no calendar.
	NoMailbox bool `json:"no_mailbox,omitempty"`
	// Guest: an account of another organisation.
	Guest bool `json:"guest,omitempty"`
	// Admin may consent for everybody.
	Admin bool `json:"admin,omitempty"`
	// Claims are further optional claims, by name.
	Claims map[string]any `json:"claims,omitempty"`
	// Shares say who else may use the calendar.
	Shares []Share `json:"shares,omitempty"`
}

// A Share is a right on a mailbox's calendar.
type Share struct {
	// With is an address, the name of a group, or "default": everybody in the
	// tenant.
	With string `json:"with"`
	Role Role   `json:"role"`
}

// A Role on somebody's calendar
// (https://learn.microsoft.com/graph/api/resources/calendarpermission).
type Role string

// Roles, from the least. Without a share everybody has RoleFreeBusy.
const (
	RoleNone        Role = "none"
	RoleFreeBusy    Role = "freeBusyRead"
	RoleLimitedRead Role = "limitedRead" // LimitedDetails: subject and place
	RoleRead        Role = "read"        // Reviewer
	RoleWrite       Role = "write"       // Editor
	RoleDelegate    Role = "delegateWithoutPrivateEventAccess"
	RoleDelegateAll Role = "delegateWithPrivateEventAccess"
)

// A Room is a room mailbox.
type Room struct {
	ID string `json:"id"` // a short name
	// Account is the object id of the room's own account, a GUID, where somebody
	// may sign in with it. That of a new room is disabled: "".
	Account  string `json:"account,omitempty"`
	Address  string `json:"address"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"` // IANA
	Capacity int    `json:"capacity,omitempty"`
	Group    string `json:"group,omitempty"`
	// AnswerDelay is how long the room takes to answer an invitation.
	AnswerDelay Duration `json:"answer_delay,omitempty"`
	// Processing is what Set-CalendarProcessing has set; nil: a new room's.
	Processing *Processing `json:"processing,omitempty"`
	// Shares say who may look into the room's calendar, or write into it.
	Shares []Share `json:"shares,omitempty"`
}

// A Meeting is an event to begin with, on the day of the start or some days
// after it, in the room's time zone; the room has accepted it.
type Meeting struct {
	Organizer string `json:"organizer"`
	Room      string `json:"room"` // address
	Subject   string `json:"subject"`
	Day       int    `json:"day,omitempty"`
	Start     string `json:"start"` // "15:04"
	End       string `json:"end"`
	Private   bool   `json:"private,omitempty"`
}

// ClockTime is how a Meeting's times are written.
const ClockTime = "15:04"

// A Duration is written "3s" in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write it as 3s or 90m", b)
	}
	*d = Duration(v)
	return nil
}

// maxConfig bounds a configuration, in bytes.
const maxConfig = 4 << 20

// Load reads a configuration. Unknown words are refused.
func Load(r io.Reader) (Config, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return Config{}, err
	}
	if len(text) > maxConfig {
		return Config{}, fmt.Errorf("the configuration is longer than %d bytes", maxConfig)
	}
	var cfg Config
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		offset := dec.InputOffset()
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			offset = syntax.Offset
		case errors.As(err, &kind):
			offset = kind.Offset
			err = fmt.Errorf("%s can't be a JSON %s", cmp.Or(kind.Field, "the configuration"), kind.Value)
		}
		line := 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
		return Config{}, fmt.Errorf("line %d: %w", line, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("something follows the configuration's closing brace; remove it")
	}
	return cfg, cfg.validate()
}

//go:embed sample.json
var sample []byte

// Sample returns the world of the demo, which the caller may change.
func Sample() Config {
	cfg, err := Load(bytes.NewReader(sample))
	if err != nil {
		panic("m365sim: sample.json: " + err.Error()) // embedded; a test reads it
	}
	return cfg
}
