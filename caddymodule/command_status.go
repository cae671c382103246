package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "status",
		Short: "Tells how the running gateway stands",
	}, func() string { return statusPath }, func(s status, to io.Writer) error { return s.print(to, time.Now()) })
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
		var rooms []string
		for _, r := range s.Rooms {
			if r.Integration == i.Name {
				rooms = append(rooms, r.Name)
			}
		}
		told := i.Name + ": " + counted(len(rooms), "room", "rooms")
		if len(rooms) > 0 {
			told += " (" + strings.Join(rooms, ", ") + ")"
		}
		row("integration", "%s", told)
	}
	return w.Flush()
}
