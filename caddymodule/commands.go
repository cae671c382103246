package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "ones",
		Usage: "[command]",
		Short: "Looks after the gateway between ONES and Microsoft 365",
		Long: `
Looks after the gateway between ONES and Microsoft 365 and what it keeps.

The commands talk to the gateway that runs, through Caddy's admin API, and find it
by the Caddyfile: ./Caddyfile unless --config names another one. But "restore"
works on the store itself, while no gateway runs, "keys" changes the keyset's file, and
"redirect-uris", "consent-url" and "room-policy" read the Caddyfile alone. "setup" writes
one.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = aCommand
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			cmd.AddCommand(
				setupCommand(), doctorCommand(), statusCommand(), readyCommand(),
				usersCommand(), sessionsCommand(), roomsCommand(), bookingsCommand(),
				redirectsCommand(), consentCommand(), policyCommand(),
				backupCommand(), restoreCommand(), keysCommand(), supportCommand(),
			)
		},
	})
}

// aCommand is for what has commands below it: a word that comes so far is none of them.
func aCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	return fmt.Errorf("%s doesn't know %w", cmd.CommandPath(), notOf(args[0], known))
}

// errInterrupted: somebody has pressed Ctrl-C.
var errInterrupted = errors.New("interrupted; what the gateway was asked for may go on there")

// interruptible has a command end, and tidy up, when somebody presses Ctrl-C.
func interruptible(run func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		cmd.SilenceUsage = true
		err := run(ctx, cmd, args)
		if err != nil && ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
}
