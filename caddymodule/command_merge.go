package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// errNotMerged: whoever was asked did not want it so.
var errNotMerged = errors.New("nobody is merged")

func usersMergeCommand() *cobra.Command {
	var from adminFlags
	var yes, force bool
	cmd := &cobra.Command{
		Use:   "merge OLD NEW",
		Short: "Gives the bookings of a person's old account to their new one",
		Long: `
Makes one of two users who are one person: their account at Microsoft was made anew, so
they have come back with another user id. NEW becomes the organizer of all that OLD has
booked, also of what is private, and all else of OLD is removed: connection, sessions,
name, address, card. It can't be undone.

Both must have come through the same integration, and NEW must have signed in. It is
refused unless Microsoft, which is asked, refuses the account of OLD, or if the two have
neither an address nor a card number in common; --force leaves both out. Where both have
one address, name them by their user ids, which "onesgate ones users list" shows.`,
		Args: cobra.ExactArgs(2),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			gateway, err := from.client()
			if err != nil {
				return err
			}
			var old, into userDetails
			if err := gateway.tell(ctx, userShowPath, userRequest{args[0]}, &old); err != nil {
				return err
			}
			if err := gateway.tell(ctx, userShowPath, userRequest{args[1]}, &into); err != nil {
				return err
			}
			if err := confirm(cmd, yes, old.mergedInto(into, force), errNotMerged); err != nil {
				return err
			}
			var done merged
			if err := gateway.tell(ctx, userMergePath, mergeRequest{User: old.ID, Into: into.ID, Force: force}, &done); err != nil {
				return err
			}
			return done.print(cmd.OutOrStdout())
		}),
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "Also if they may be two people")
	cmd.Flags().BoolVar(&yes, "yes", false, "Don't ask")
	return cmd
}

// mergedInto tells what a merge does, and with force what it doesn't.
func (u userDetails) mergedInto(into userDetails, force bool) string {
	unchecked := ""
	if force {
		unchecked = " Nothing checks that they are one person."
	}
	return "This gives all bookings of " + u.inFull() + ", also private ones, to " + into.inFull() + ", and removes the first for good." + unchecked
}

// print tells it to people.
func (m merged) print(to io.Writer) error {
	_, err := fmt.Fprintf(to, "%s is %s now, with %s. What was in the calendar of the old account stays there.\n",
		m.User, m.Into, counted(m.Bookings, "booking", "bookings"))
	for _, address := range m.Pinned {
		_, err = fmt.Fprintf(to, "The Caddyfile's admins name %s, which stays bound to the old user id: if the new one is to be an admin, name it by its user id.\n", address)
	}
	return err
}
