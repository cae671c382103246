package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/grant"
)

func statusCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "status",
		Short: "Tells how the running gateway stands",
	}, statusPath, nil, func(s status, to io.Writer) error { return s.print(to, time.Now()) })
}

// print tells it to people.
func (s status) print(to io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(what, how string, args ...any) { fmt.Fprintf(w, what+"\t"+how+"\n", args...) }
	row("onesgate", "%s", s.Version)
	for _, g := range s.Gateways {
		row("gateway", "%s, %s, since %s", g.Name, g.Version, stamp(g.Started))
	}
	if !sealAlike(s.Gateways) {
		row("keys", "%s", sealDifferently)
	}
	if s.KeysetProblem != "" {
		row("keyset", "NOT TAKEN, the one from before stays in use: %s", s.KeysetProblem)
	}
	records := s.Store.Records
	row("store", "%s: %s, %s, %s, %s, %s", s.Store.Engine,
		counted(records[kindPeople], "person", "people"), counted(records[kindGrants], "grant", "grants"),
		counted(records[kindBookings], "booking", "bookings"), counted(records[kindSessions], "session", "sessions"),
		counted(records[kindOther], "other record", "other records"))
	if n := len(s.SharedCards); n > 0 {
		row("cards", "%s to more than one person, so nobody is found by it; whose: onesgate ones status --json", counted(n, "card number belongs", "card numbers belong"))
	}
	if d := s.Store.Disk; d != nil {
		row("disk", "%s used, %s free", humanize.IBytes(d.Used), humanize.IBytes(d.Free))
	}
	row("feed", "%s behind", time.Duration(s.Store.FeedLag)*time.Millisecond)
	if b := s.Store.LastBackup; b == nil {
		row("last backup", "never; make one with: onesgate ones backup")
	} else {
		row("last backup", "%s (%s), %s, %s", stamp(b.At), humanize.RelTime(b.At, now, "ago", "from now"), counted(int(b.Records), "record", "records"), humanize.IBytes(uint64(b.Bytes)))
	}
	for _, i := range s.Integrations {
		i.print(row, now)
	}
	for _, r := range s.Rooms {
		told := r.Name
		if r.Title != r.Name {
			told += " (" + r.Title + ")"
		}
		row("room", "%s of %s: %s", told, r.Integration, connectionWords(r.Connection))
	}
	for _, p := range s.problems() {
		row("PROBLEM", "%s", p.What)
		row("", "whose: %s", p.Whose.words())
		row("", "to do: %s", p.Do)
	}
	return w.Flush()
}

// problems are those of integrations and rooms, each with where it is.
func (s status) problems() []problem {
	var all []problem
	for _, i := range s.Integrations {
		for _, p := range i.Problems {
			p.What = i.Name + ": " + p.What
			all = append(all, p)
		}
	}
	for _, r := range s.Rooms {
		if r.Problem != nil {
			p := *r.Problem
			p.What = r.Integration + ": " + p.What
			all = append(all, p)
		}
	}
	return all
}

func (i integrationStatus) print(row func(what, how string, args ...any), now time.Time) {
	switch {
	case i.Works == nil:
		row("integration", "%s: not asked yet: Microsoft has given no token since the configuration was loaded", i.Name)
	case *i.Works:
		row("integration", "%s: works", i.Name)
	default:
		row("integration", "%s: DOES NOT WORK since %s; %s", i.Name, stamp(*i.Since), counted(i.Ailing, "connection waits", "connections wait"))
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
			told += ", " + counted(*c.DaysLeft, "day", "days") + " left"
		}
		if c.Refused != nil {
			told += ", REFUSED since " + stamp(*c.Refused)
		}
		row("  credential", "%s", told)
	}
	disconnected := ""
	if n := i.People.Disconnected; n > 0 {
		disconnected = fmt.Sprintf(" (%d of them disconnected)", n)
	}
	row("  people", "%d connected, %d to sign in again%s, %d to wait for an administrator, %d without a mailbox",
		i.People.Connected, i.People.NeedsSignIn, disconnected, i.People.NeedsAdminConsent, i.People.NoMailbox)
	row("  bookings", "%s", counted(i.Waiting, "waits", "wait"))
}

// connectionWords tells how a room's account stands.
func connectionWords(connection string) string {
	switch connection {
	case notConnected:
		return "no account stands for it"
	case string(grant.NeedsSignIn):
		return "its account has to be connected again"
	case string(grant.NeedsAdminConsent):
		return "its account waits for an administrator"
	}
	return connection
}
