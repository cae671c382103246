package demo

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// Command is "onesgate demo".
func Command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "demo",
		Usage: "[--data <folder>] [--port <port>]",
		Short: "Tries the gateway with a simulated Microsoft 365 and a sample ONES",
		Long: `
Starts the gateway, a simulated Microsoft 365 and a sample ONES on this machine,
reachable from this machine only. Nothing has to be configured, and no account
is needed: choose one of the sample people when you sign in.

Everything is forgotten at the end unless --data names a folder to keep it in.`,
		CobraFunc: func(cmd *cobra.Command) {
			var o Options
			cmd.Flags().StringVar(&o.Data, "data", "", "Folder that keeps the data (default: a temporary one)")
			cmd.Flags().IntVar(&o.Port, "port", 8080, "Port to open in the browser")
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
				defer stop()
				o.Out = cmd.OutOrStdout()
				cmd.SilenceUsage = true
				if err := Run(ctx, o); err != nil {
					return fmt.Errorf("the demo can't run: %w", err)
				}
				return nil
			}
		},
	}
}
