package setup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Dialogue asks for the answers.
type Dialogue struct {
	Gateway
	In  *bufio.Reader
	Out io.Writer
	// Place is what the answers are for.
	Place Place
	// Hidden reads a line that is not shown while it is typed; nil: In has it, as nobody
	// sees that.
	Hidden func(prompt string) (string, error)
	// Again asks again where an answer is wrong. Else that ends the dialogue: nobody is
	// there to give another.
	Again bool

	a   Answers
	err error // the first one; nothing is asked after it
}

// A question is for one field.
type question struct {
	field string // by its name in JSON
	label string
	about string
	// fallback is what an empty line stands for; "": nothing, which the check may refuse.
	fallback string
	hidden   bool
	set      func(string) error
}

// ErrEnded: the input ended before the last question.
var ErrEnded = errors.New("the answers end here; nothing is written")

// Ask asks in the manual's order.
func (d *Dialogue) Ask() (Answers, error) {
	d.a.Place = d.Place
	d.say("The fields of the ONES manual's page «Delegated permission», in its order. An empty\nline takes what stands in [brackets]. Nothing is written before the end.\n")
	d.place()
	d.server()
	d.rooms()
	d.users()
	return d.a, d.err
}

func (d *Dialogue) say(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.Out, format, args...)
	}
}

func (d *Dialogue) title(text string) { d.say("\n%s\n%s\n", text, strings.Repeat("-", len(text))) }

// ask asks until the answer is right, or nobody can be asked again.
func (d *Dialogue) ask(q question) {
	if q.about != "" {
		d.say("\n  %s\n", strings.ReplaceAll(q.about, "\n", "\n  "))
	}
	for d.err == nil {
		prompt := q.label
		if q.fallback != "" {
			prompt += " [" + q.fallback + "]"
		}
		var text string
		if text, d.err = d.read(prompt+": ", q.hidden); d.err != nil {
			return
		}
		if text == "" {
			text = q.fallback
		}
		err := q.set(text)
		if err == nil {
			err = d.a.check(d.Gateway, q.field)
		}
		if err == nil {
			return
		}
		if !d.Again {
			d.err = named(q.field, err)
			return
		}
		d.say("  This can't be: %s.\n", err)
	}
}

// read reads a line, without the spaces around it.
func (d *Dialogue) read(prompt string, hidden bool) (string, error) {
	if hidden && d.Hidden != nil {
		line, err := d.Hidden(prompt)
		if errors.Is(err, io.EOF) {
			err = ErrEnded
		}
		return strings.TrimSpace(line), err
	}
	if _, err := io.WriteString(d.Out, prompt); err != nil {
		return "", err
	}
	line, err := d.In.ReadString('\n')
	if errors.Is(err, io.EOF) {
		if line == "" {
			return "", ErrEnded
		}
		err = nil
	}
	return strings.TrimSpace(line), err
}

func (d *Dialogue) text(to *string, q question) {
	q.set = func(s string) error { *to = s; return nil }
	d.ask(q)
}

func (d *Dialogue) list(to *[]string, q question) {
	q.set = func(s string) error {
		*to = nil
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*to = append(*to, part)
			}
		}
		return nil
	}
	d.ask(q)
}

func (d *Dialogue) place() {
	d.title("The gateway")
	d.text(&d.a.PublicURL, question{field: "public_url", label: "Address of ONES in browsers", about: "Where people open ONES from now on. Its name has to lead to this machine.\nSuch as https://ones.contoso.com; http://localhost:8080 to try."})
	upstream := "ones:8080"
	if d.Place == Kubernetes { // in one pod
		upstream = "127.0.0.1:3000"
	}
	d.text(&d.a.Ones, question{field: "ones", label: "ONES itself", about: "Where the gateway reaches ONES: host and port.", fallback: upstream})
	if d.Place.contained() {
		return
	}
	q := question{field: "data", label: "Folder for its data", about: "For its store, keys and admin socket. Empty: where packages of Linux have them,\n/var/lib/onesgate, /etc/onesgate and /run/onesgate."}
	if strings.HasPrefix(d.a.PublicURL, "http://") {
		q.fallback = "data" // to try, beside the Caddyfile
	}
	d.text(&d.a.Data, q)
}

func (d *Dialogue) server() {
	d.title("Server settings")
	d.text(&d.a.Integration, question{field: "integration", label: "Integration name", about: "Small letters, digits and dashes: part of addresses, and of what ONES is told.", fallback: "contoso"})
	q := question{field: "operator", label: "Service operator", about: "microsoft, 21vianet (China), us_gov (GCC High), us_gov_dod; custom: another issuer,\nsuch as the simulator.", fallback: "microsoft"}
	q.set = func(s string) error { d.a.Operator = strings.ToLower(s); return nil } // the manual has capitals
	d.ask(q)
	portal, _, _ := d.Cloud(d.a.Operator)
	if d.a.Operator == "custom" {
		d.text(&d.a.Issuer, question{field: "issuer", label: "Issuer", about: "The OpenID issuer: https, or http on localhost."})
		d.text(&d.a.Graph, question{field: "graph", label: "Graph", about: "The root of Microsoft Graph, before /v1.0."})
		d.text(&d.a.TenantID, question{field: "tenant_id", label: "Tenant ID", about: "The tid of the tokens. Empty: the issuer says it."})
	} else {
		d.text(&d.a.TenantID, question{field: "tenant_id", label: "Tenant ID", about: portal + ": Microsoft Entra ID, Overview, «Tenant ID»;\non the page of an app registration it is «Directory (tenant) ID»."})
	}
	about := "Microsoft Entra ID, App registrations, your app, Overview, «Application (client) ID».\nEmpty: the app isn't registered yet; azure-app.sh will do it."
	if d.a.Operator == "custom" {
		about = "By which the issuer knows the gateway."
	}
	d.text(&d.a.ClientID, question{field: "client_id", label: "Client ID", about: about})
	d.text(&d.a.Secret, question{
		field: "client_secret", label: "Client secret (not shown)", hidden: true,
		about: "The same app, Certificates & secrets, the column «Value», not «Secret ID».\nIt goes into onesgate.env, which nobody else may read, and not into the Caddyfile.\nEmpty: set ONES_CLIENT_SECRET there later; azure-app.sh can make the secret.",
	})
	q = question{field: "client_secret_expires", label: "It expires on", about: "Beside it, the column «Expires», as 2027-05-01: nothing else can tell, and the\ngateway warns in time."}
	if d.a.Secret == "" {
		q.about, q.fallback = "Until when a new secret shall be good, as 2027-05-01; Microsoft takes two years at most.", d.Now.AddDate(1, 0, 0).Format(time.DateOnly)
	}
	d.text(&d.a.SecretExpires, q)
	d.say("\n  Permissions: the delegated ones of the manual, openid, offline_access and\n  Calendars.ReadWrite.Shared, and no others.\n")
}

func (d *Dialogue) rooms() {
	d.title("Room settings")
	if d.err == nil {
		d.say("\n  Redirect URI: %s\n", d.Addresses(d.a.PublicURL).Rooms)
	}
	last := Room{TimeZone: "UTC", MaxDuration: "24h", BookingWindow: "180d"}
	for d.err == nil {
		d.a.Rooms = append(d.a.Rooms, Room{})
		r := &d.a.Rooms[len(d.a.Rooms)-1]
		q := question{field: "rooms", label: "Address of a room's mailbox", about: "Microsoft 365 admin center, Resources, Rooms & equipment. Empty: no more rooms."}
		if len(d.a.Rooms) == 1 {
			q.about = "Microsoft 365 admin center, Resources, Rooms & equipment."
		}
		ended := false
		q.set = func(s string) error {
			r.Address = s
			ended = s == "" && len(d.a.Rooms) > 1
			if s == "" && !ended {
				return errors.New("at least one room is needed")
			}
			return nil
		}
		if d.ask(q); ended || d.err != nil {
			d.a.Rooms = d.a.Rooms[:len(d.a.Rooms)-1]
			return
		}
		d.room(r, last)
		last = *r
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func (d *Dialogue) room(r *Room, last Room) {
	local, _, _ := strings.Cut(strings.ToLower(r.Address), "@")
	name := strings.Trim(notInNames.ReplaceAllString(local, "-"), "-")
	q := question{field: "rooms", label: "  Its name in addresses", fallback: name}
	q.set = func(s string) error {
		if r.Name = s; s == "" {
			return errors.New("a name is needed, such as boardroom")
		}
		return nil
	}
	d.ask(q)
	if r.Name != "" {
		name = strings.ToUpper(r.Name[:1]) + r.Name[1:]
	}
	d.text(&r.Title, question{field: "rooms", label: "  What people call it", fallback: name})
	d.text(&r.TimeZone, question{field: "rooms", label: "  Time zone, such as Asia/Hong_Kong", fallback: last.TimeZone})
	q = question{field: "rooms", label: "  How many people it holds (0: not known)", fallback: strconv.Itoa(last.Capacity)}
	q.set = func(s string) (err error) {
		if r.Capacity, err = strconv.Atoi(s); err != nil {
			return errors.New("write a number, such as 12")
		}
		return nil
	}
	d.ask(q)
	q = question{field: "rooms", label: "  Rooms that can stand in for each other, such as those of a floor", fallback: last.Group}
	if last.Group != "" { // which an empty line stands for
		q.label += " (-: none)"
	}
	q.set = func(s string) error {
		if r.Group = s; s == "-" {
			r.Group = ""
		}
		return nil
	}
	d.ask(q)
	d.text(&r.MaxDuration, question{field: "rooms", label: "  The longest booking, such as 4h", fallback: last.MaxDuration})
	d.text(&r.BookingWindow, question{field: "rooms", label: "  How far ahead one may book, such as 60d", fallback: last.BookingWindow})
}

func (d *Dialogue) users() {
	d.title("User settings")
	if d.err == nil {
		d.say("\n  Redirect URI: %s\n", d.Addresses(d.a.PublicURL).People)
	}
	d.list(&d.a.DefaultGroups, question{field: "default_groups", label: "Default user groups", about: "Groups of ONES for people whom it adds, with commas between them. Empty: none."})
	q := question{field: "card_number", label: "Card number from the directory", about: "pager: the attribute «Pager» is the number of a person's card; else another claim.\nEmpty: no card numbers."}
	d.text(&d.a.CardNumber, q)
	d.text(&d.a.LoginButton, question{field: "login_button", label: "Text of the login button", fallback: "Sign in with Microsoft 365"})
	d.list(&d.a.Admins, question{field: "admins", label: "Administrators", about: "Addresses of people who may see the gateway's status and connect rooms' accounts,\nwith commas between them. The app role Ones.Admin may, too."})
}
