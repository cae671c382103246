package caddymodule

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func usersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "users",
		Short: "Shows people, disconnects, erases and merges them",
		Long: `
Shows the people who have signed in with Microsoft at least once, and sees them off.
USER is a user id, the address of a mailbox, or card:NUMBER.`,
		Args: aCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(usersListCommand(), usersShowCommand(), usersDisconnectCommand(), usersEraseCommand(), usersMergeCommand())
	return cmd
}

func usersListCommand() *cobra.Command {
	var from adminFlags
	var asJSON bool
	f := userFilter{Limit: maxUsers}
	cmd := &cobra.Command{
		Use:   "list [SEARCH]",
		Short: "Lists people: all, or those with SEARCH in their name, address, id or card number",
		Args:  cobra.MaximumNArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			gateway, err := from.client()
			if err != nil {
				return err
			}
			f.Search = strings.Join(args, "")
			all, err := gateway.users(ctx, f)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			return all.print(cmd.OutOrStdout(), time.Now())
		}),
	}
	from.add(cmd)
	cmd.Flags().StringVar(&f.Integration, "integration", "", "Only those of this integration")
	cmd.Flags().StringVar(&f.State, "state", "", "Only those whose connection is in this state: "+connectionStates())
	cmd.Flags().BoolVar(&asJSON, "json", false, "As the gateway tells it, in JSON")
	return cmd
}

// users asks for all parts of a list.
func (c *gatewayClient) users(ctx context.Context, f userFilter) (userList, error) {
	all := userList{Users: []userEntry{}}
	for {
		var part userList
		if err := c.tell(ctx, usersPath, f, &part); err != nil {
			return all, err
		}
		all.Users = append(all.Users, part.Users...)
		if part.Next == "" {
			return all, nil
		}
		f.Cursor = part.Next
	}
}

// print tells it to people.
func (l userList) print(to io.Writer, now time.Time) error {
	if len(l.Users) == 0 {
		_, err := fmt.Fprintln(to, "Nobody like that has signed in.")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMAIL\tINTEGRATION\tCONNECTION\tSINCE\tLAST SEEN\tUSER")
	for _, u := range l.Users {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cmp.Or(u.Name, "-"), cmp.Or(u.Email, "-"), u.Integration, u.connection(),
			when(u.Since, now), when(u.LastSeen, now), u.ID)
	}
	return w.Flush()
}

// when tells how long ago something was; "-": never.
func when(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return humanize.RelTime(t, now, "ago", "from now")
}

// stamp is a time for people, in their zone.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// stampOrNone is stamp; "": never.
func stampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

func usersShowCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "show USER",
		Short: "Tells what is known of a person",
		Args:  cobra.ExactArgs(1),
	}, userShowPath, func(args []string) any { return userRequest{args[0]} }, userDetails.print)
}

// connection is how theirs stands, in words. Whoever has disconnected has none.
func (u userEntry) connection() string {
	if u.Connected.IsZero() {
		return u.Connection + " (disconnected)"
	}
	return u.Connection
}

// print tells it to people.
func (u userDetails) print(to io.Writer) error {
	if u.Erased != "" {
		_, err := fmt.Fprintf(to, "%s is being erased (by %s), and was interrupted; it goes on within a day, or with \"onesgate ones users erase\".\n", u.ID, u.Erased)
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, line := range []struct{ what, is string }{
		{"user", u.ID},
		{"name", u.Name},
		{"mail", u.Email},
		{"card number", u.CardNumber},
		{"integration", u.Integration},
		{"connection", u.connection()},
		{"since", stampOrNone(u.Since)},
		{"refused with", u.Reason},
		{"signed in for it", stampOrNone(u.Connected)},
		{"last renewed", stampOrNone(u.Renewed)},
		{"groups", strings.Join(u.Groups, ", ")},
		{"default groups", strings.Join(u.DefaultGroups, ", ")},
		{"roles", strings.Join(u.Roles, ", ")},
		{"first seen", stamp(u.FirstSeen)},
		{"last seen", stamp(u.LastSeen)},
		{"sessions", fmt.Sprint(u.Sessions)},
		{"stands for rooms", strings.Join(u.Rooms, ", ")},
		{"admin as", strings.Join(u.Admin, ", ")},
	} {
		if line.is != "" {
			fmt.Fprintf(w, "%s\t%s\n", line.what, line.is)
		}
	}
	return w.Flush()
}

func usersDisconnectCommand() *cobra.Command {
	var from adminFlags
	cmd := &cobra.Command{
		Use:   "disconnect USER",
		Short: "Forgets a person's connection with Microsoft, and signs them out",
		Long: `
Forgets a person's connection with Microsoft, and ends their sessions, at every gateway
on the same store: nothing is booked in their name any more. The person stays known, and
can sign in again; bookings that are under way go on then.`,
		Args: cobra.ExactArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			gateway, err := from.client()
			if err != nil {
				return err
			}
			var done disconnected
			if err := gateway.tell(ctx, userDisconnectPath, userRequest{args[0]}, &done); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is disconnected; %s ended.\n", done.User, counted(done.Sessions, "session", "sessions"))
			return err
		}),
	}
	from.add(cmd)
	return cmd
}

func usersEraseCommand() *cobra.Command {
	var from adminFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase USER",
		Short: "Removes all that is kept of a person",
		Long: `
Removes all that is kept of a person in the store: who they are, their connection, their
sessions, their bookings. What is in calendars at Microsoft stays there, and so do backups
and logs. It can't be undone.`,
		Args: cobra.ExactArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			gateway, err := from.client()
			if err != nil {
				return err
			}
			var who userDetails
			if err := gateway.tell(ctx, userShowPath, userRequest{args[0]}, &who); err != nil {
				return err
			}
			if err := confirm(cmd, yes, who.erasure(), errNotErased); err != nil {
				return err
			}
			var done erased
			if err := gateway.tell(ctx, userErasePath, userRequest{who.ID}, &done); err != nil { // who was shown, and nobody else
				return err
			}
			return done.print(cmd.OutOrStdout())
		}),
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "Don't ask")
	return cmd
}

// errNotErased: whoever was asked did not want it so.
var errNotErased = errors.New("nothing is erased")

// erasure tells what an erasure does.
func (u userDetails) erasure() string {
	return "This erases " + u.inFull() + " for good, with " + u.holdings() + "."
}

// inFull tells who it is in all that tells people apart, and nothing twice.
func (u userDetails) inFull() string {
	known := []string{u.Name, u.Email}
	if u.CardNumber != "" {
		known = append(known, "card "+u.CardNumber)
	}
	known = slices.Compact(slices.DeleteFunc(append(known, u.ID), func(s string) bool { return s == "" }))
	if len(known) == 1 {
		return u.ID
	}
	return known[0] + " (" + strings.Join(known[1:], ", ") + ")"
}

// holdings tells what goes with somebody.
func (u userDetails) holdings() string {
	if u.Erased != "" { // an erasure that was interrupted
		return "what is left of them"
	}
	return counted(u.Sessions, "session", "sessions") + ", the connection with Microsoft and all bookings kept here"
}

// print tells it to people.
func (e erased) print(to io.Writer) error {
	fmt.Fprintf(to, "%s is erased, with %s and %s. Events in calendars at Microsoft, backups and logs are not.\n",
		e.User, counted(e.Sessions, "session", "sessions"), counted(e.Bookings, "booking", "bookings"))
	if len(e.Rooms) > 0 {
		fmt.Fprintf(to, "Rooms that are not configured any more, and have no account now: %s\n", strings.Join(e.Rooms, ", "))
	}
	var err error
	for _, address := range e.Pinned {
		_, err = fmt.Fprintf(to, "The Caddyfile's admins name %s, so it stays bound to that user id: else whoever gets the address would be an admin. Take it out of admins and reload; it goes within a day then.\n", address)
	}
	return err
}
