package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/status"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Looks after the keys that seal tokens",
		Long: `
Looks after the keys that seal tokens. They stand in a file, the keyset, which is
the one that the Caddyfile names unless another one is given. It holds secrets: keep
a copy of it, apart from the backups of the store.

To change the key that seals, while the gateways run:

  onesgate ones keys add        # a key that opens, and does not seal yet
  onesgate ones keys promote    # from now on it seals
  onesgate ones keys rewrap     # what an older key has sealed is sealed with it
  onesgate ones keys retire --id OLD

Where each gateway has a copy of the file, copy it to all of them after each step but
rewrap. They look at it every 2 seconds. A step that would come too early for one of
them is refused.`,
		Args: aCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		keysInitCommand(),
		keysListCommand(),
		keysFileCommand("add", "Adds a key, which opens and does not seal yet", func(src seal.Source) (*seal.Keyset, error) {
			return src.Update((*seal.Keyset).Add)
		}),
		keysPromoteCommand(),
		keysRewrapCommand(),
		keysRetireCommand(),
		keysEnableCommand(),
	)
	return cmd
}

// keysetOf returns the keyset that is named, or the one of the configuration.
func keysetOf(args []string, config configFlags) (seal.Source, error) {
	if len(args) > 0 {
		return seal.File(args[0]), nil
	}
	content, file, err := config.load()
	if err != nil {
		return nil, err
	}
	if file == "" {
		return nil, errors.New("say which keyset: name its file, or with --config a Caddyfile that names it; there is no Caddyfile here")
	}
	app, err := onesOf(content, file)
	if err != nil {
		return nil, err
	}
	src, err := keysetSource(app.Keyset, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return src, nil
}

// keysFileCommand does something to a keyset's file and shows its keys.
func keysFileCommand(name, short string, do func(seal.Source) (*seal.Keyset, error)) *cobra.Command {
	var config configFlags
	cmd := &cobra.Command{
		Use: name + " [FILE]", Short: short, Args: cobra.MaximumNArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := keysetOf(args, config)
			if err != nil {
				return err
			}
			keys, err := do(src)
			if err != nil {
				return err
			}
			return showKeys(cmd.OutOrStdout(), keys.List(), nil)
		},
	}
	config.add(cmd)
	return cmd
}

func keysInitCommand() *cobra.Command {
	cmd := keysFileCommand("init", "Makes a keyset; never writes over one", func(src seal.Source) (*seal.Keyset, error) {
		return src.Create()
	})
	cmd.Long = `
Makes a keyset with one key; never writes over one. It is for a new store: what was
sealed with another keyset can't be opened with this one.`
	return cmd
}

// keysListCommand shows a file's keys, or those of the running gateway with what
// they have sealed.
func keysListCommand() *cobra.Command {
	var from adminFlags
	cmd := &cobra.Command{
		Use: "list [FILE]", Short: "Shows the keys of a file, or those that the running gateway uses", Args: cobra.MaximumNArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				keys, err := seal.Load(args[0])
				if err != nil {
					return err
				}
				return showKeys(cmd.OutOrStdout(), keys.List(), nil)
			}
			gateway, err := from.client()
			if err != nil {
				return err
			}
			var s keysStatus
			var records sealedRecords
			if err := gateway.ask(ctx, http.MethodGet, keysPath, &s); errors.Is(err, errNoGateway) {
				return fmt.Errorf("%w; for the file alone, run: onesgate ones keys list FILE", err)
			} else if err != nil {
				return err
			}
			if err := gateway.ask(ctx, http.MethodGet, recordsPath, &records); err != nil {
				return err
			}
			return s.print(cmd.OutOrStdout(), records)
		}),
	}
	from.add(cmd)
	return cmd
}

func (s keysStatus) print(to io.Writer, records sealedRecords) error {
	fmt.Fprintln(to, s.Keyset+", as the gateway uses it now:")
	if s.Problem != "" {
		fmt.Fprintln(to, "NOT TAKEN as it is now, the one from before stays in use: "+s.Problem)
	}
	if err := showKeys(to, s.Keys, records); err != nil {
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nGATEWAY\tSEALS WITH\tOPENS WITH")
	for _, g := range s.Gateways {
		fmt.Fprintf(w, "%s\t%d\t%s\n", g.Name, g.Seals, fmt.Sprint(g.Opens))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !peers.SealAlike(s.Gateways) {
		_, err := fmt.Fprintln(to, "\n"+status.SealDifferently)
		return err
	}
	return nil
}

// showKeys prints a table of keys; records, unless nil, says what each has sealed.
func showKeys(to io.Writer, keys []seal.Key, records sealedRecords) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(id, status, seals string, sealed int) {
		fmt.Fprint(w, id, "\t", status, "\t", seals)
		if records != nil {
			fmt.Fprint(w, "\t", sealed)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "KEY\tSTATUS\tSEALS")
	if records != nil {
		fmt.Fprint(w, "\tRECORDS")
	}
	fmt.Fprintln(w)
	known := map[uint32]bool{}
	for _, k := range keys {
		known[k.ID] = true
		seals := "no"
		if k.Primary {
			seals = "yes"
		}
		row(strconv.FormatUint(uint64(k.ID), 10), string(k.Status), seals, records[k.ID])
	}
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if !known[id] {
			row(strconv.FormatUint(uint64(id), 10), "not in the keyset", "no", records[id])
		}
	}
	return w.Flush()
}
