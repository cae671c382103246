package m365sim

import (
	"bytes"
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
	// default: every calendar call. "tables": what the permission tables of
	// the documentation say for GET /me/calendar and getSchedule, which need
	// Calendars.ReadBasic, Calendars.Read or Calendars.ReadWrite then. Events
	// stay open in both: a strict reading would leave nothing to simulate.
	Scopes  string   `json:"scopes,omitempty"`
	Tenants []Tenant `json:"tenants"`
}

// Values of Config.Scopes.
const (
	ScopesSuperset = "superset"
	ScopesTables   = "tables"
)

// A Tenant is one organisation's directory.
type Tenant struct {
	ID     string   `json:"id"`     // a GUID
	Domain string   `json:"domain"` // may stand for ID in paths
	Name   string   `json:"name"`
	Apps   []App    `json:"apps"`
	People []Person `json:"people"`
	Rooms  []Room   `json:"rooms"`
	// Events fill the calendars when there is no state yet.
	Events []Meeting `json:"events,omitempty"`
}

// An App is an app registration of the platform type Web.
type App struct {
	ClientID     string   `json:"client_id"`
	Name         string   `json:"name"`
	Secrets      []Secret `json:"secrets"`
	RedirectURIs []string `json:"redirect_uris"`
	// Scopes are the delegated permissions that an administrator has granted
	// for everybody. Nobody can consent to another one.
	Scopes []string `json:"scopes"`
	// OptionalClaims the ID token carries besides the fixed ones: extn.pager,
	// groups, roles, email, sid, login_hint; name and preferred_username need
	// the scope profile as well.
	OptionalClaims []string `json:"optional_claims,omitempty"`
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
}

// A Room is a room mailbox.
type Room struct {
	ID       string `json:"id"` // a short name
	Address  string `json:"address"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"` // IANA
	Capacity int    `json:"capacity,omitempty"`
	Group    string `json:"group,omitempty"`
	// AnswerDelay is how long the room takes to answer an invitation.
	AnswerDelay Duration `json:"answer_delay,omitempty"`
	// AutoAccept, unless false: the room accepts when it is free and declines
	// otherwise. false: it never answers.
	AutoAccept *bool `json:"auto_accept,omitempty"`
	// Details: everybody may see subjects and places (LimitedDetails), not
	// only when the room is busy.
	Details bool `json:"details,omitempty"`
}

func (r Room) answers() bool { return r.AutoAccept == nil || *r.AutoAccept }

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

// LoadConfig reads a configuration. Unknown words are refused.
func LoadConfig(r io.Reader) (Config, error) {
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
		if errors.As(err, &syntax) {
			offset = syntax.Offset
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

// SampleConfig returns the world of the demo, which the caller may change.
func SampleConfig() Config {
	cfg, err := LoadConfig(bytes.NewReader(sample))
	if err != nil {
		panic("m365sim: sample.json: " + err.Error()) // embedded; a test reads it
	}
	return cfg
}
