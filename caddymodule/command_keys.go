package caddymodule

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/seal"
)

// keysCommand looks after a keyset's file. A running gateway reads it when it
// starts.
func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Makes the file with the keys that seal tokens, and adds keys to it",
		Long: `
Makes the file with the keys that seal tokens, and adds keys to it. It holds
secrets: keep a copy of it, apart from the backups of the store.

To change the key that seals: add one, restart every gateway on the store, promote it,
and restart them once more. Older keys stay: records sealed with them are still opened.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		keysFileCommand("init", "Makes a keyset; never writes over one", func(src seal.Source, _ uint32) (*seal.Keyset, error) {
			return src.Create()
		}),
		keysFileCommand("list", "Shows which keys there are", func(src seal.Source, _ uint32) (*seal.Keyset, error) {
			return src.Load()
		}),
		keysFileCommand("add", "Adds a key, which opens and does not seal yet", func(src seal.Source, _ uint32) (*seal.Keyset, error) {
			return src.Update((*seal.Keyset).Add)
		}),
		keysFileCommand("promote", "Makes a key the one that seals: the newest, or the one with --id", func(src seal.Source, id uint32) (*seal.Keyset, error) {
			return src.Update(func(k *seal.Keyset) (*seal.Keyset, error) {
				if id == 0 {
					id = k.Newest()
				}
				return k.Promote(id)
			})
		}),
	)
	return cmd
}

// keysFileCommand does something to a keyset's file and shows its keys.
func keysFileCommand(name, short string, do func(src seal.Source, id uint32) (*seal.Keyset, error)) *cobra.Command {
	var id uint32
	cmd := &cobra.Command{
		Use: name + " FILE", Short: short, Args: cobra.ExactArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := do(seal.File(args[0]), id)
			if err != nil {
				return err
			}
			return showKeys(cmd.OutOrStdout(), keys.List())
		},
	}
	if name == "promote" {
		cmd.Flags().Uint32Var(&id, "id", 0, "the key's id; without it, the newest")
	}
	return cmd
}

func showKeys(to io.Writer, keys []seal.Key) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tSTATUS\tSEALS")
	for _, k := range keys {
		seals := "no"
		if k.Primary {
			seals = "yes"
		}
		fmt.Fprintln(w, strconv.FormatUint(uint64(k.ID), 10)+"\t"+string(k.Status)+"\t"+seals)
	}
	return w.Flush()
}
