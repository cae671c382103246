package caddymodule

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/rooms"
)

func roomsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rooms",
		Short: "Shows and ends the connections of rooms with accounts",
		Long: `
Shows and ends the connections of rooms with Microsoft accounts. An admin connects
a room in the browser, at /.ones/rooms/ROOM/connect.`,
		Args: aCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(roomsListCommand(), roomsDisconnectCommand())
	return cmd
}

func roomsListCommand() *cobra.Command {
	return telling(&cobra.Command{
		Use:   "list",
		Short: "Lists the configured rooms and the accounts that stand for them",
	}, roomsPath, nil, func(l roomAccounts, to io.Writer) error { return l.print(to, time.Now()) })
}

// print tells it to people.
func (l roomAccounts) print(to io.Writer, now time.Time) error {
	if len(l.Rooms) == 0 {
		_, err := fmt.Fprintln(to, "no room is configured")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROOM\tINTEGRATION\tMAILBOX\tCONNECTION\tACCOUNT\tSINCE\tBY")
	for _, r := range l.Rooms {
		a := rooms.Account{}
		if r.Account != nil {
			a = *r.Account
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Integration, r.Address, r.Connection,
			cmp.Or(a.Mailbox, a.PersonID, "-"), when(a.ConnectedAt, now), cmp.Or(r.By, a.ConnectedBy, "-"))
	}
	return w.Flush()
}

func roomsDisconnectCommand() *cobra.Command {
	var from adminFlags
	cmd := &cobra.Command{
		Use:   "disconnect ROOM",
		Short: "Forgets the account that stands for a room",
		Args:  cobra.ExactArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			gateway, err := from.client()
			if err != nil {
				return err
			}
			var was rooms.Account
			if err := gateway.tell(ctx, roomDisconnectPath, roomRequest{args[0]}, &was); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The room %s is no longer connected with %s.\n", args[0], cmp.Or(was.Mailbox, was.PersonID))
			return err
		}),
	}
	from.add(cmd)
	return cmd
}
