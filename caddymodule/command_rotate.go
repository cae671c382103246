package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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
// says what one lacks; whom it waits for is told to waiting.
func (c *gatewayClient) ready(ctx context.Context, waiting io.Writer, lack func(peers.Gateway) string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	for told := ""; ; {
		var s keysStatus
		if err := c.ask(ctx, http.MethodGet, keysPath, &s); err != nil {
			return err
		}
		behind := ""
		if len(s.Gateways) == 0 { // the one that answers is one of them
			behind = "this machine can't write to its store, which tells who is ready"
		}
		for _, g := range s.Gateways {
			if what := lack(g); what != "" {
				behind = g.Name + " " + what
			}
		}
		if behind == "" {
			return nil
		}
		if behind != told {
			fmt.Fprintf(waiting, "waiting: the gateway on %s …\n", behind)
			told = behind
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not done: the gateway on %s; see that it has the same keyset (keys list shows which has what), and try again", behind)
			}
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// A rotation is a step in changing the key that seals.
type rotation struct {
	from  adminFlags
	id    uint32 // of the key that it is about
	alone bool   // no gateway is to be asked

	src     seal.Source
	keys    *seal.Keyset   // as they are there
	gateway *gatewayClient // nil if alone
	out     io.Writer
	notes   io.Writer // of what takes time
}

// command makes the command of a step.
func (r *rotation) command(name, short, long string, step func(context.Context) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.MaximumNArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
			r.out, r.notes = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if r.src, err = keysetOf(args, r.from.configFlags); err != nil {
				return err
			}
			if r.keys, err = r.src.Load(); err != nil {
				return err
			}
			if !r.alone {
				if r.gateway, err = r.from.client(); err != nil {
					return err
				}
			}
			return step(ctx)
		}),
	}
	r.from.add(cmd)
	return cmd
}

// sealed waits until all gateways seal as this keyset has it.
func (r *rotation) sealed(ctx context.Context) error {
	return r.gateway.ready(ctx, r.notes, func(g peers.Gateway) string {
		if g.Seals == r.keys.Primary() {
			return ""
		}
		return fmt.Sprintf("seals with key %d, and by this keyset it should be %d", g.Seals, r.keys.Primary())
	})
}

func keysPromoteCommand() *cobra.Command {
	var r rotation
	cmd := r.command("promote [FILE]", "Makes a key the one that seals: the newest, or the one with --id", `
Makes a key the one that seals. It is refused as long as a gateway on the store does
not have the key: it could not open what the others seal.`,
		func(ctx context.Context) error {
			if r.id == 0 {
				r.id = r.keys.Newest()
			}
			if _, err := r.keys.Promote(r.id); err != nil {
				return err
			}
			if !r.alone {
				err := r.gateway.ready(ctx, r.notes, func(g peers.Gateway) string {
					if slices.Contains(g.Opens, r.id) {
						return ""
					}
					return fmt.Sprintf("has not taken key %d yet", r.id)
				})
				if errors.Is(err, errNoGateway) {
					return fmt.Errorf("%w; if none runs on the store at all, add --no-gateway", err)
				}
				if err != nil {
					return err
				}
			}
			keys, err := r.src.Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Promote(r.id) })
			if err != nil {
				return err
			}
			return showKeys(r.out, keys.List(), nil)
		})
	cmd.Flags().Uint32Var(&r.id, "id", 0, "The key's id; without it, the newest")
	cmd.Flags().BoolVar(&r.alone, "no-gateway", false, "Asks no gateway: none runs on the store")
	return cmd
}

func keysRewrapCommand() *cobra.Command {
	var r rotation
	return r.command("rewrap [FILE]", "Seals with the present key what older ones have sealed", `
Has the running gateway seal all records with the key that seals now, as soon as every
gateway on the store seals with it. People and bookings go on meanwhile. If it is
interrupted, call it again.`,
		func(ctx context.Context) error {
			if err := r.sealed(ctx); err != nil {
				return err
			}
			var done rewrapped
			if err := r.gateway.ask(ctx, http.MethodPost, rewrapPath, &done); err != nil {
				return err
			}
			fmt.Fprintln(r.out, counted(done.Resealed, "record was", "records were")+" sealed anew.")
			for _, id := range slices.Sorted(maps.Keys(done.Unopened)) {
				fmt.Fprintf(r.out, "%s sealed with key %d, which is retired or not in this keyset: switch it on with keys enable --id %[2]d, or put it back, and rewrap again.\n",
					counted(done.Unopened[id], "grant is", "grants are"), id)
			}
			if done.Damaged > 0 {
				fmt.Fprintln(r.out, counted(done.Damaged, "grant is", "grants are")+" damaged: no key opens them; these people have to sign in again. The log says who.")
			}
			return showKeys(r.out, r.keys.List(), done.Records)
		})
}

func keysRetireCommand() *cobra.Command {
	var r rotation
	cmd := r.command("retire [FILE] --id <id>", "Switches a key off that seals nothing any more", `
Switches a key off: it opens nothing any more. It is refused as long as a gateway
seals with it, or a record that can't be sealed anew. The key stays in the file, and "enable"
switches it on again, to restore a backup from before, say.`,
		func(ctx context.Context) error {
			if _, err := r.keys.Retire(r.id, 0); err != nil {
				return err
			}
			if err := r.sealed(ctx); err != nil {
				return err
			}
			// What is left is sealed anew; what no key opens, being damaged, needs none.
			var done rewrapped
			if err := r.gateway.ask(ctx, http.MethodPost, rewrapPath, &done); err != nil {
				return err
			}
			keys, err := r.src.Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Retire(r.id, done.Records[r.id]) })
			if err != nil {
				return err
			}
			return showKeys(r.out, keys.List(), done.Records)
		})
	cmd.Flags().Uint32Var(&r.id, "id", 0, "The key's id")
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
