package setup

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Answers are the manual's fields, and the little that the gateway has to know beyond
// them. Their names in JSON are those of the file for --from, and of the Caddyfile where
// it has a word for the same.
type Answers struct {
	// PublicURL is where browsers reach ONES, through the gateway.
	PublicURL string `json:"public_url"`
	// Ones is where the gateway reaches ONES itself: HOST:PORT.
	Ones string `json:"ones"`
	// Data is the folder for store, keys and admin socket; empty: where packages of Linux
	// have them, below /var/lib, /etc and /run.
	Data string `json:"data,omitempty"`
	// ServicePort is where ONES' own server reaches the gateway; zero: 8090. It is not
	// asked for.
	ServicePort int `json:"service_port,omitempty"`

	// Integration is its name in ONES.
	Integration string `json:"integration"`
	// Operator of the service; Issuer and Graph belong to "custom" alone.
	Operator string `json:"operator"`
	Issuer   string `json:"issuer,omitempty"`
	Graph    string `json:"graph,omitempty"`
	TenantID string `json:"tenant_id,omitempty"`
	// ClientID is empty where the app has yet to be registered.
	ClientID string `json:"client_id,omitempty"`
	// Secret is in no file of answers. Empty: it has yet to be made.
	Secret string `json:"-"`
	// Place is no answer either. Empty: Systemd.
	Place Place `json:"-"`
	// SecretExpires is a day: 2027-05-01. Empty: not known.
	SecretExpires string `json:"client_secret_expires,omitempty"`

	Rooms []Room `json:"rooms"`

	DefaultGroups []string `json:"default_groups,omitempty"`
	CardNumber    string   `json:"card_number,omitempty"`
	LoginButton   string   `json:"login_button,omitempty"`

	// Admins are addresses of people who may connect rooms' accounts and see how all is.
	Admins []string `json:"admins,omitempty"`
}

// A Place is what starts the gateway, which decides where its store is and who ends TLS.
type Place string

// The places.
const (
	Systemd    Place = "systemd"    // or a window: one gateway, with its store in a folder
	Compose    Place = "compose"    // a container beside one of PostgreSQL
	Kubernetes Place = "kubernetes" // pods on one PostgreSQL, behind an ingress controller
)

// Places are the names of all that there are.
var Places = []string{string(Systemd), string(Compose), string(Kubernetes)}

// contained says whether the folders are those of the image.
func (p Place) contained() bool { return p == Compose || p == Kubernetes }

// Room is a room mailbox. Durations are as in the Caddyfile: 4h, 60d.
type Room struct {
	Name          string `json:"name"`
	Address       string `json:"address"`
	Title         string `json:"title,omitempty"`
	TimeZone      string `json:"time_zone,omitempty"`
	Capacity      int    `json:"capacity,omitempty"`
	Group         string `json:"group,omitempty"`
	MaxDuration   string `json:"max_duration,omitempty"`
	BookingWindow string `json:"booking_window,omitempty"`
}

// A Gateway is what has to be known of the gateway that is set up.
type Gateway struct {
	// Now is when it is set up.
	Now time.Time
	// Nearest is which of the known words a misspelt one is likely to be; "": none.
	Nearest func(word string, known []string) string
	// Check says what is wrong with a field, by its name in JSON, of answers that are
	// right so far; nil: nothing. Of rooms it is the last one that counts, whose fields
	// may still be empty.
	Check func(a *Answers, field string) error
	// Addresses are what to register at Microsoft for a public URL that is right.
	Addresses func(publicURL string) Addresses
	// ConsentURL is where an administrator grants the permissions; "": the issuer has
	// no such page, or the client's id isn't known.
	ConsentURL func(a *Answers) string
	// Cloud tells the portal of an operator, what the Azure CLI calls the cloud, and the
	// root of its Graph; all empty for "custom".
	Cloud func(operator string) (portal, cli, graph string)
}

// Addresses are registered with the app at Microsoft: three redirect URIs of the platform
// Web, and the front-channel logout URL.
type Addresses struct {
	People, Rooms, SignedOut, FrontchannelLogout string
}

// fields are all that can be wrong, in the order in which they are asked for.
var fields = []string{
	"public_url", "ones", "data", "service_port", "integration", "operator", "issuer", "graph", "tenant_id", "client_id", "client_secret",
	"client_secret_expires", "rooms", "default_groups", "card_number", "login_button", "admins",
}

// maxFile bounds a file of answers, in bytes.
const maxFile = 1 << 20

// Read reads a file of answers, strictly, and checks them all with what of a no file has:
// secret and place. The error has a line for each field that is wrong. The secret is not
// in it.
func Read(r io.Reader, a Answers, g Gateway) (Answers, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Answers{}, err
	}
	if len(b) > maxFile {
		return Answers{}, errors.New("this file is too large for answers")
	}
	if err := whole(b); err != nil {
		return Answers{}, err
	}
	odd, wrong := decode(b, &a, g.Nearest)
	a.Operator = strings.ToLower(a.Operator) // the manual has capitals
	return a, errors.Join(append(wrong, a.checkAll(g, odd)...)...)
}

// checkAll checks all fields but those that are odd, of which that is said already.
func (a *Answers) checkAll(g Gateway, odd []string) (wrong []error) {
	for _, field := range fields {
		if slices.Contains(odd, field) {
			continue
		}
		if field != "rooms" {
			if err := a.check(g, field); err != nil {
				wrong = append(wrong, named(field, err))
			}
			continue
		}
		if len(a.Rooms) == 0 {
			wrong = append(wrong, errors.New("rooms: at least one is needed"))
		}
		for i, r := range a.Rooms {
			which := fmt.Sprintf("rooms[%d]", i)
			if slices.Contains(odd, which) {
				continue
			}
			part := *a
			part.Rooms = a.Rooms[:i+1]
			for _, err := range append(missing(r), each(part.check(g, field))...) {
				wrong = append(wrong, named(which, err))
			}
		}
	}
	return wrong
}

// each returns the errors that are joined to one; none for nil.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// named says which field is wrong, once.
func named(field string, err error) error {
	if strings.HasPrefix(err.Error(), field) {
		return err
	}
	return fmt.Errorf("%s: %w", field, err)
}

func missing(r Room) (wrong []error) {
	if r.Name == "" {
		wrong = append(wrong, errors.New("its name is missing"))
	}
	if r.Address == "" {
		wrong = append(wrong, errors.New("its address is missing"))
	}
	return wrong
}

// check adds to the gateway's rules those of the files that are written.
func (a *Answers) check(g Gateway, field string) error {
	for _, text := range a.texts(field) {
		if err := plain(text); err != nil {
			return err
		}
	}
	if field == "client_secret" {
		if a.Secret == "" {
			return nil
		}
		return checkSecret(a.Secret, a.Operator)
	}
	switch {
	case field == "data" && a.Data != "" && a.Place.contained():
		return errors.New("in containers the folders are those of the image, and the data is in PostgreSQL; leave it out")
	case field == "public_url" && strings.HasPrefix(a.PublicURL, "http:") && a.Place.contained():
		return fmt.Errorf("%q is to try on one machine, and no container is; it must be https", a.PublicURL)
	}
	if field == "tenant_id" || field == "client_id" {
		if id := a.texts(field)[0]; id != "" && !idForm.MatchString(id) {
			return fmt.Errorf("%q is no id; it has letters, digits, dots and dashes", id)
		}
	}
	err := g.Check(a, field)
	if field == "client_secret_expires" && err == nil {
		err = checkEnd(a.SecretExpires, a.Operator, g.Now)
	}
	return err
}

// checkEnd says whether a secret can end on that day. Entra's portal makes none that lasts
// longer than two years
// (https://learn.microsoft.com/entra/identity-platform/how-to-add-credentials).
func checkEnd(day, operator string, now time.Time) error {
	end, err := time.Parse(time.DateOnly, day)
	switch {
	case err != nil: // none is given
		return nil
	case !end.After(now):
		return fmt.Errorf("%s is over: a secret that ended then is refused", day)
	case operator != "custom" && end.After(now.AddDate(2, 0, 0)):
		return fmt.Errorf("%s is more than two years ahead, and a secret lasts two years at most in Entra: until %s", day, now.AddDate(2, 0, 0).Format(time.DateOnly))
	}
	return nil
}

// texts are the words of a field.
func (a *Answers) texts(field string) []string {
	switch field {
	case "public_url":
		return []string{a.PublicURL}
	case "ones":
		return []string{a.Ones}
	case "integration":
		return []string{a.Integration}
	case "issuer":
		return []string{a.Issuer}
	case "graph":
		return []string{a.Graph}
	case "tenant_id":
		return []string{a.TenantID}
	case "client_id":
		return []string{a.ClientID}
	case "rooms":
		if len(a.Rooms) == 0 {
			return nil
		}
		r := a.Rooms[len(a.Rooms)-1]
		return []string{r.Name, r.Address, r.Title, r.TimeZone, r.Group, r.MaxDuration, r.BookingWindow}
	case "default_groups":
		return a.DefaultGroups
	case "card_number":
		return []string{a.CardNumber}
	case "login_button":
		return []string{a.LoginButton}
	case "admins":
		return a.Admins
	case "data":
		return []string{a.Data}
	}
	return nil
}

// plain says what can't stand in a Caddyfile as it is: Caddy reads braces as
// placeholders, and a backtick is what we quote with where " can't.
func plain(s string) error {
	switch {
	case len(s) > 500:
		return errors.New("this is too long")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return fmt.Errorf("%q has a character in it that can't be written", s)
	case strings.ContainsAny(s, "{}`"):
		return fmt.Errorf("%q has a brace or a backtick in it, which have a meaning of their own in a Caddyfile; leave them out", s)
	}
	return nil
}

var (
	guid       = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	idForm     = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	secretForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{8,200}$`)
)

// checkSecret never quotes what it is given. Some makers of other systems do give out GUIDs.
func checkSecret(s, operator string) error {
	switch {
	case operator != "custom" && guid.MatchString(s):
		return errors.New("this looks like the secret's id; what is needed is its Value, which Azure shows once, when the secret is made")
	case !secretForm.MatchString(s):
		return errors.New("this is no client secret: those have 8 to 200 letters, digits and . _ ~ + / = -")
	}
	return nil
}
