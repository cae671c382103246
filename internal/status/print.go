package status

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/onesgate/onesgate/internal/grant"
)

// Print tells it to people.
func (p *Picture) Print(to io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(what, how string, args ...any) { fmt.Fprintf(w, what+"\t"+how+"\n", args...) }
	row("onesgate", "%s", p.Version)
	for _, g := range p.Gateways {
		row("gateway", "%s, %s, since %s", g.Name, g.Version, stamp(g.Started))
	}
	records := p.Store.Records
	row("store", "%s: %s, %s, %s, %s, %s", p.Store.Engine,
		english.Plural(records[KindPeople], "person", "people"), english.Plural(records[KindGrants], "grant", "grants"),
		english.Plural(records[KindBookings], "booking", "bookings"), english.Plural(records[KindSessions], "session", "sessions"),
		english.Plural(records[KindOther], "other record", "other records"))
	if d := p.Store.Disk; d != nil {
		row("disk", "%s used, %s free", humanize.IBytes(d.Used), humanize.IBytes(d.Free))
	}
	row("feed", "%s behind", p.Store.Lag())
	if b := p.Store.LastBackup; b == nil {
		row("last backup", "never; make one with: onesgate ones backup")
	} else {
		row("last backup", "%s (%s), %s, %s", stamp(b.At), humanize.RelTime(b.At, now, "ago", "from now"), english.Plural(int(b.Records), "record", "records"), humanize.IBytes(b.Size()))
	}
	p.Bookings.print(row, now)
	all := p.Recent.Sum()
	row("lately", "since %s: %s confirmed, %d declined, %d failed; %s, %d in vain; %s to Microsoft Graph, %d refused as too many, %d failed", stamp(p.Recent.Since),
		english.Plural(all.Confirmed, "booking", "bookings"), all.Declined, all.Failed, english.Plural(all.SignIns, "sign-in", "sign-ins"), all.SignInsFailed,
		english.Plural(all.Calls, "call", "calls"), all.Throttled, all.CallsFailed)
	for _, i := range p.Integrations {
		i.print(row, now)
	}
	for _, r := range p.Rooms {
		told := r.Name
		if r.Title != r.Name {
			told += " (" + r.Title + ")"
		}
		row("room", "%s of %s: %s", told, r.Integration, r.words(now))
		r.print(row)
	}
	for _, found := range p.Problems() {
		row("PROBLEM", "%s", found.What)
		row("", "whose: %s", found.Whose.Words())
		row("", "to do: %s", found.Do)
	}
	return w.Flush()
}

func (i Integration) print(row func(what, how string, args ...any), now time.Time) {
	switch {
	case i.Works == nil:
		row("integration", "%s: not asked yet: Microsoft has given no token since the configuration was loaded", i.Name)
	case *i.Works:
		row("integration", "%s: works", i.Name)
	default:
		row("integration", "%s: DOES NOT WORK since %s; %s", i.Name, stamp(*i.Since), english.Plural(i.Ailing, "connection waits", "connections wait"))
	}
	for _, c := range i.Credentials {
		told := c.Name
		if c.About != strings.TrimRight(c.Name, " 0123456789") {
			told += " (" + c.About + ")"
		}
		switch {
		case c.DaysLeft == nil:
		case *c.DaysLeft < 0:
			told += ", EXPIRED"
		case *c.DaysLeft == 0:
			told += ", ends " + inDays(*c.Expires, now)
		default:
			told += ", " + english.Plural(*c.DaysLeft, "day", "days") + " left"
		}
		if c.Refused != nil {
			told += ", REFUSED since " + stamp(*c.Refused)
		}
		row("  credential", "%s", told)
	}
	if i.ConsentURL != "" {
		row("  consent", "%s", i.ConsentURL)
	}
	disconnected := ""
	if n := i.People.Disconnected; n > 0 {
		disconnected = fmt.Sprintf(" (%d of them disconnected)", n)
	}
	row("  people", "%d connected, %d to sign in again%s, %d to wait for an administrator, %d without a mailbox",
		i.People.Connected, i.People.NeedsSignIn, disconnected, i.People.NeedsAdminConsent, i.People.NoMailbox)
	row("  bookings", "%s", english.Plural(i.Waiting, "waits", "wait"))
}

// print tells how many bookings are on their way, or have failed.
func (b Bookings) print(row func(what, how string, args ...any), now time.Time) {
	told := "none waits"
	if b.Waiting > 0 {
		told = fmt.Sprintf("%d to be sent, %d to be answered by their rooms, %d to be gone on with once their organizers have signed in", b.Accepted, b.AwaitingRoom, b.NeedsSignIn)
	}
	if b.Oldest != nil {
		told += "; the oldest was made " + humanize.RelTime(*b.Oldest, now, "ago", "from now")
	}
	row("bookings", "%s; %d failed within 7 days", told, b.Failed)
}

// print tells how a room may be booked, and what it has declined.
func (r Room) print(row func(what, how string, args ...any)) {
	if r.Policy != (Policy{}) {
		row("  policy", "%s", r.Policy.words())
	}
	for _, why := range slices.Sorted(maps.Keys(r.Observed.Declined)) {
		row("  declined", "%s within 7 days: %s", english.Plural(r.Observed.Declined[why], "booking", "bookings"), why)
	}
}

// words tell how a room may be booked.
func (p Policy) words() string {
	told := fmt.Sprintf("%s at most, up to %s ahead", Spell(p.MaxMinutes), english.Plural(p.WindowDays, "day", "days"))
	if p.CheckInMinutes > 0 {
		told += ", check-in within " + Spell(p.CheckInMinutes)
	}
	if p.KeepDeclined {
		told += ", what it declines stays in calendars"
	}
	told += ", times of " + p.TimeZone
	if p.Capacity > 0 {
		told += ", " + english.Plural(p.Capacity, "person", "people")
	}
	if p.Group != "" {
		told += ", group " + p.Group
	}
	return told
}

// Spell tells a length of time in words.
func Spell(minutes int) string {
	switch {
	case minutes%60 == 0:
		return english.Plural(minutes/60, "hour", "hours")
	case minutes > 60:
		return english.Plural(minutes/60, "hour", "hours") + " " + english.Plural(minutes%60, "minute", "minutes")
	}
	return english.Plural(minutes, "minute", "minutes")
}

// words tell how a room's account stands, and what was seen by it.
func (r Room) words(now time.Time) string {
	told := ConnectionWords(r.Connection)
	if r.Looked != nil {
		told += ", its calendar was seen " + humanize.RelTime(*r.Looked, now, "ago", "from now")
	}
	if o := r.Observed; o.Replaced > 0 {
		told += fmt.Sprintf("; shows another subject than was given for %d of %s", o.Replaced, english.Plural(o.Meetings, "meeting", "meetings"))
	}
	if o := r.Observed; o.Exposed > 0 {
		told += fmt.Sprintf("; shows %s that had to be private", english.Plural(o.Exposed, "meeting", "meetings"))
	}
	return told
}

// ConnectionWords tell how a room's account stands.
func ConnectionWords(connection string) string {
	switch connection {
	case NotConnected:
		return "no account stands for it"
	case string(grant.NeedsSignIn):
		return "its account has to be connected again"
	case string(grant.NeedsAdminConsent):
		return "its account waits for an administrator"
	}
	return connection
}

// SealDifferently warns of gateways that don't have the same keyset: some of what
// one seals may be closed to another.
const SealDifferently = "The gateways seal with different keys. In the midst of a rotation that passes; else give all of them the same keyset."

// stamp is a time for people, in their zone.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
