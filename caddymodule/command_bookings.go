package caddymodule

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/booking"
)

func bookingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bookings",
		Short: "Shows how bookings stand, retries and cancels them",
		Long: `
Shows how bookings stand: which wait, which have failed, what was done for one of them
and why it came so; never what they are about. BOOKING is an id as "list" shows it.`,
		Args: aCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(bookingsListCommand(), bookingsShowCommand(), bookingsRetryCommand(), bookingsCancelCommand())
	return cmd
}

func bookingsListCommand() *cobra.Command {
	var from adminFlags
	var asJSON bool
	var f bookingFilter
	var begin, end, state string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Lists bookings: all that are not over yet, or those in a state",
		Long: `
Lists bookings: all that are not over yet, or with --state all in that state, whenever
they are. Those that wait, or have ended badly, come in the order in which they were made,
the oldest first; others in that of their start. "waiting" are all of which something is
under way, also a change or a cancellation; "accepted", "awaiting_room" and
"needs_sign_in" are among these.`,
		Args: cobra.NoArgs,
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			now := time.Now()
			var err error
			if f.From, err = moment("from", begin); err != nil {
				return err
			}
			if f.To, err = moment("to", end); err != nil {
				return err
			}
			if limit < 1 {
				return errors.New("--limit must be a number from 1 on")
			}
			if f.State = booking.State(state); state == "" && begin == "" {
				f.From = now
			}
			gateway, err := from.client()
			if err != nil {
				return err
			}
			all, err := gateway.bookings(ctx, f, limit)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			return all.print(cmd.OutOrStdout(), now)
		}),
	}
	from.add(cmd)
	cmd.Flags().StringVar(&state, "state", "", "Only those in this state: "+bookingStates())
	cmd.Flags().StringVar(&f.Integration, "integration", "", "Only those of this integration")
	cmd.Flags().StringVar(&f.Room, "room", "", "Only those of this room")
	cmd.Flags().StringVar(&f.User, "user", "", "Only those of this person: a user id, the address of a mailbox, or card:NUMBER")
	cmd.Flags().StringVar(&begin, "from", "", "Only those that end after this: 2026-12-01, or 2026-12-01T10:00:00+08:00")
	cmd.Flags().StringVar(&end, "to", "", "Only those that begin before this")
	cmd.Flags().StringVar(&f.Cursor, "cursor", "", "Go on where a list ended, by its \"next\" in JSON")
	cmd.Flags().IntVar(&limit, "limit", 100, "List so many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "As the gateway tells it, in JSON")
	return cmd
}

// moment reads a time, or a day in the zone of whoever asks; "": none.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return t, fmt.Errorf("--%s %q is no time; write a day, such as 2026-12-01, or a time with its offset, such as 2026-12-01T10:00:00+08:00", flag, text)
	}
	return t, nil
}

// bookings asks for the parts of a list, up to so many bookings.
func (c *gatewayClient) bookings(ctx context.Context, f bookingFilter, limit int) (bookingList, error) {
	all := bookingList{Bookings: []booking.Progress{}, Next: f.Cursor}
	for {
		f.Cursor, f.Limit = all.Next, min(limit-len(all.Bookings), maxBookings)
		var part bookingList
		if err := c.tell(ctx, bookingsPath, f, &part); err != nil {
			return all, err
		}
		all.Bookings, all.Next = append(all.Bookings, part.Bookings...), part.Next
		if all.Next == "" || len(all.Bookings) >= limit {
			return all, nil
		}
	}
}

// print tells it to people.
func (l bookingList) print(to io.Writer, now time.Time) error {
	if len(l.Bookings) == 0 {
		_, err := fmt.Fprintln(to, "There is no booking like that.")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tROOM\tSTART\tWHO\tMADE\tTRIES\tLAST ERROR\tNEXT\tBOOKING")
	for _, b := range l.Bookings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", stateOf(b), b.Room, b.Start.Format("2006-01-02 15:04 MST"),
			cmp.Or(b.Organizer.Email, b.Organizer.ID), when(b.CreatedAt, now), b.Tries, cmp.Or(b.Error, "-"), nextOf(b, now), b.ID)
	}
	if l.Next != "" {
		fmt.Fprintln(w, "and more; --limit shows more of them")
	}
	return w.Flush()
}

// stateOf tells of what waits what it waits with.
func stateOf(b booking.Progress) string {
	switch {
	case b.State != booking.StateWaiting:
		return string(b.State)
	case b.Change != "":
		return "waiting (" + b.Change + ")"
	}
	return "waiting (" + string(b.Status) + ")"
}

// nextOf tells when it is carried on.
func nextOf(b booking.Progress, now time.Time) string {
	if b.Working {
		return "now"
	}
	return when(b.NextAt, now)
}

func bookingsShowCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "show BOOKING",
		Short: "Tells how a booking stands, and what was done for it",
		Args:  cobra.ExactArgs(1),
	}, bookingShowPath, func(args []string) any { return bookingRequest{Booking: args[0]} }, printBooking)
}

// printBooking tells it to people.
func printBooking(j booking.Journal, to io.Writer) error {
	now := time.Now()
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	by := "themselves"
	if j.Service != "" {
		by = "the service " + j.Service
	}
	tries := ""
	if j.Tries > 0 {
		tries = fmt.Sprintf("%d in vain since the last progress", j.Tries)
	}
	next := ""
	if !j.NextAt.IsZero() {
		next = nextOf(j.Progress, now)
	}
	change := ""
	if l := j.LastChange; l != nil {
		change = l.Kind + " " + l.Status
	}
	for _, line := range []struct{ what, is string }{
		{"booking", j.ID},
		{"state", stateOf(j.Progress)},
		{"why", j.Reason},
		{"next", j.Next},
		{"carried on", next},
		{"tries", tries},
		{"last error", j.Error},
		{"room", j.Room + " of " + j.Integration},
		{"room's answer", j.RoomResponse.Status},
		{"from", j.Start.Format("2006-01-02 15:04 MST")},
		{"to", j.End.Format("2006-01-02 15:04 MST")},
		{"series", map[bool]string{true: "yes; this is its first date"}[j.Series]},
		{"private", map[bool]string{true: "yes"}[j.Private]},
		{"for", cmp.Or(j.Organizer.Email, j.Organizer.Name) + " " + j.Organizer.ID},
		{"booked by", by},
		{"external id", j.ExternalID},
		{"last change", change},
		{"checked in", stampOrNone(j.CheckedInAt)},
		{"event", j.EventID},
		{"iCalUId", j.ICalUID},
		{"version", fmt.Sprint(j.Version)},
	} {
		if line.is != "" {
			fmt.Fprintf(w, "%s\t%s\n", line.what, line.is)
		}
	}
	if err := w.Flush(); err != nil || len(j.Steps) == 0 {
		return err
	}
	fmt.Fprintln(w, "\nWHEN\tWHAT\tBY\tCODE")
	for _, s := range j.Steps {
		what := s.What
		if s.Times > 0 {
			what += fmt.Sprintf(", %d times until %s", s.Times, stamp(s.Until))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", stamp(s.At), what, cmp.Or(s.By, "-"), cmp.Or(s.Code, "-"))
	}
	return w.Flush()
}

func bookingsRetryCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "retry BOOKING",
		Short: "Has a booking that waits carried on now",
		Long: `
Has a booking that waits carried on now, and not when it is due, and with it the first in
its room's line. Microsoft's limits hold all the same. What has ended is not begun anew.`,
		Args: cobra.ExactArgs(1),
	}, bookingRetryPath, func(args []string) any { return bookingRequest{Booking: args[0]} }, func(j booking.Journal, to io.Writer) error {
		told := "It is carried on now. "
		if j.Working {
			told = "A gateway is at it. "
		}
		_, err := fmt.Fprintln(to, told+j.Next)
		return err
	})
}

// errNotCancelled: whoever was asked did not want it so.
var errNotCancelled = errors.New("nothing is cancelled")

func bookingsCancelCommand() *cobra.Command {
	var from adminFlags
	var yes, asJSON bool
	var comment string
	cmd := &cobra.Command{
		Use:   "cancel BOOKING",
		Short: "Cancels a booking, as its organizer can",
		Long: `
Cancels a booking, as its organizer can: its event is cancelled in their calendar, with
their connection, and Microsoft 365 tells the room and the attendees. Where the
connection has ended, that happens once they have signed in again.`,
		Args: cobra.ExactArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			gateway, err := from.client()
			if err != nil {
				return err
			}
			asked := bookingRequest{Booking: args[0]}
			var j booking.Journal
			if err := gateway.tell(ctx, bookingShowPath, asked, &j); err != nil {
				return err
			}
			what := fmt.Sprintf("This cancels the booking of %s in %s, %s.", cmp.Or(j.Organizer.Email, j.Organizer.ID), j.Room, j.Start.Format("2006-01-02 15:04 MST"))
			if j.Series {
				what = "This cancels all of a series. " + what
			}
			if err := confirm(cmd, yes, what, errNotCancelled); err != nil {
				return err
			}
			asked.Comment = comment
			var answer json.RawMessage
			if err := gateway.tell(ctx, bookingCancelPath, asked, &answer); err != nil {
				return err
			}
			if asJSON {
				_, err = cmd.OutOrStdout().Write(append(answer, '\n'))
				return err
			}
			if err := json.Unmarshal(answer, &j); err != nil {
				return fmt.Errorf("the gateway's answer can't be read: %w", err)
			}
			told := "It is cancelled."
			if j.State == booking.StateWaiting {
				told = "It is being cancelled. " + j.Next
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), told)
			return err
		}),
	}
	from.add(cmd)
	cmd.Flags().StringVar(&comment, "comment", "", "What the attendees are told")
	cmd.Flags().BoolVar(&yes, "yes", false, "Don't ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "As the gateway tells it, in JSON")
	return cmd
}
