package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func sessionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "Shows who is signed in, and ends sessions",
		Args:  aCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(sessionsListCommand(), sessionsRevokeCommand())
	return cmd
}

func sessionsListCommand() *cobra.Command {
	var user string
	cmd := telling(&cobra.Command{
		Use:   "list",
		Short: "Lists the sessions of browsers that are signed in",
	}, sessionsPath, func([]string) any { return sessionQuery{user} }, func(l sessionList, to io.Writer) error { return l.print(to, time.Now()) })
	cmd.Flags().StringVar(&user, "user", "", "Only those of this person: a user id, the address of a mailbox, or card:NUMBER")
	return cmd
}

// print tells it to people.
func (l sessionList) print(to io.Writer, now time.Time) error {
	if len(l.Sessions) == 0 {
		_, err := fmt.Fprintln(to, "Nobody is signed in.")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHO\tINTEGRATION\tBROWSER\tSIGNED IN\tLAST USED\tSESSION")
	for _, s := range l.Sessions {
		who := s.Email
		if who == "" {
			who = s.User
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", who, s.Integration, s.Browser, stamp(s.Created),
			humanize.RelTime(s.Used, now, "ago", "from now"), s.ID)
	}
	if l.More {
		fmt.Fprintln(w, "and more; --user shows those of one person")
	}
	return w.Flush()
}

func sessionsRevokeCommand() *cobra.Command {
	var from adminFlags
	var user string
	cmd := &cobra.Command{
		Use:   "revoke [SESSION]",
		Short: "Ends a session, or with --user all of a person",
		Long: `
Ends a session, or with --user all of a person: at once here, and within a second at
every gateway on the same store. What is open of it, such as WebSockets, is closed.
The person can sign in again, and their bookings go on. SESSION is an id as
"onesgate ones sessions list" shows it, or the beginning of one that the log has.`,
		Args: cobra.MaximumNArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			asked := revocation{User: user}
			if len(args) == 1 {
				asked.Session = args[0]
			}
			if (asked.Session == "") == (asked.User == "") {
				return errors.New("name a session, as \"onesgate ones sessions list\" shows it, or a person with --user")
			}
			gateway, err := from.client()
			if err != nil {
				return err
			}
			var done revoked
			if err := gateway.tell(ctx, revokePath, asked, &done); err != nil {
				return err
			}
			told := counted(done.Ended, "session", "sessions") + " ended."
			if done.Ended == 0 {
				told = user + " is not signed in."
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), told)
			return err
		}),
	}
	from.add(cmd)
	cmd.Flags().StringVar(&user, "user", "", "End all sessions of this person: a user id, the address of a mailbox, or card:NUMBER")
	return cmd
}
