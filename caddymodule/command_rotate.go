package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/seal"
)

// readyWait is how long a step waits for gateways to take the keyset as it is, and
// for one that was killed to be forgotten.
const readyWait = peers.Life + 10*time.Second

// ready waits until all gateways on the store of one are ready for a step. lack
// says what one lacks.
func (c *gatewayClient) ready(ctx context.Context, lack func(peers.Gateway) string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	for {
		var s keysStatus
		if err := c.ask(ctx, http.MethodGet, keysPath, &s); err != nil {
			return err
		}
		behind := ""
		for _, g := range s.Gateways {
			if what := lack(g); what != "" {
				behind = g.Name + " " + what
			}
		}
		if behind == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not done: the gateway on %s; copy the keyset to it, and try again", behind)
			}
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func keysPromoteCommand() *cobra.Command {
	var from adminFlags
	var id uint32
	var alone bool
	cmd := &cobra.Command{
		Use: "promote [FILE]", Short: "Makes a key the one that seals: the newest, or the one with --id", Args: cobra.MaximumNArgs(1),
		Long: `
Makes a key the one that seals. It is refused as long as a gateway on the store does
not have the key: it could not open what the others seal.`,
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			src, err := keysetOf(args, from.configFlags)
			if err != nil {
				return err
			}
			keys, err := src.Load()
			if err != nil {
				return err
			}
			if id == 0 {
				id = keys.Newest()
			}
			if _, err := keys.Promote(id); err != nil {
				return err
			}
			if !alone {
				gateway, err := from.client()
				if err != nil {
					return err
				}
				err = gateway.ready(ctx, func(g peers.Gateway) string {
					if slices.Contains(g.Opens, id) {
						return ""
					}
					return fmt.Sprintf("has not taken key %d yet", id)
				})
				if err != nil {
					return err
				}
			}
			keys, err = src.Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Promote(id) })
			if err != nil {
				return err
			}
			return showKeys(cmd.OutOrStdout(), keys.List(), nil)
		}),
	}
	from.add(cmd)
	cmd.Flags().Uint32Var(&id, "id", 0, "The key's id; without it, the newest")
	cmd.Flags().BoolVar(&alone, "no-gateway", false, "Asks no gateway: none runs on the store")
	return cmd
}

func keysRewrapCommand() *cobra.Command {
	var from adminFlags
	cmd := &cobra.Command{
		Use: "rewrap [FILE]", Short: "Seals with the present key what older ones have sealed", Args: cobra.MaximumNArgs(1),
		Long: `
Has the running gateway seal all records with the key that seals now, as soon as every
gateway on the store seals with it. People and bookings go on meanwhile. If it is
interrupted, call it again.`,
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			src, err := keysetOf(args, from.configFlags)
			if err != nil {
				return err
			}
			keys, err := src.Load()
			if err != nil {
				return err
			}
			gateway, err := from.client()
			if err != nil {
				return err
			}
			err = gateway.ready(ctx, func(g peers.Gateway) string {
				if g.Seals == keys.Primary() {
					return ""
				}
				return fmt.Sprintf("does not seal with key %d yet", keys.Primary())
			})
			if err != nil {
				return err
			}
			var done rewrapped
			if err := gateway.ask(ctx, http.MethodPost, rewrapPath, &done); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, counted(done.Resealed, "record was", "records were")+" sealed anew.")
			if done.Damaged > 0 {
				fmt.Fprintln(out, counted(done.Damaged, "grant is", "grants are")+" damaged: no key opens them; these people have to sign in again. The log says who.")
			}
			return showKeys(out, keys.List(), done.Records)
		}),
	}
	from.add(cmd)
	return cmd
}

func keysRetireCommand() *cobra.Command {
	var from adminFlags
	var id uint32
	cmd := &cobra.Command{
		Use: "retire [FILE] --id <id>", Short: "Switches a key off that seals nothing any more", Args: cobra.MaximumNArgs(1),
		Long: `
Switches a key off: it opens nothing any more. It is refused as long as a gateway
seals with it, or a record is sealed with it. The key stays in the file, and "enable"
switches it on again, to restore a backup from before, say.`,
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			src, err := keysetOf(args, from.configFlags)
			if err != nil {
				return err
			}
			keys, err := src.Load()
			if err != nil {
				return err
			}
			if _, err := keys.Retire(id, 0); err != nil {
				return err
			}
			gateway, err := from.client()
			if err != nil {
				return err
			}
			err = gateway.ready(ctx, func(g peers.Gateway) string {
				if g.Seals == id || g.Seals == 0 {
					return fmt.Sprintf("may still seal with key %d", id)
				}
				return ""
			})
			if err != nil {
				return err
			}
			var records sealedRecords
			if err := gateway.ask(ctx, http.MethodGet, recordsPath, &records); err != nil {
				return err
			}
			keys, err = src.Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Retire(id, records[id]) })
			if err != nil {
				return err
			}
			return showKeys(cmd.OutOrStdout(), keys.List(), records)
		}),
	}
	from.add(cmd)
	cmd.Flags().Uint32Var(&id, "id", 0, "The key's id")
	_ = cmd.MarkFlagRequired("id")
	return cmd
}

func keysEnableCommand() *cobra.Command {
	var id uint32
	cmd := keysFileCommand("enable", "Switches a retired key on again", func(src seal.Source) (*seal.Keyset, error) {
		return src.Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Enable(id) })
	})
	cmd.Use += " --id <id>"
	cmd.Flags().Uint32Var(&id, "id", 0, "The key's id")
	_ = cmd.MarkFlagRequired("id")
	return cmd
}
