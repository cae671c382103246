package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/onesgate/onesgate/internal/backup"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

func restoreCommand() *cobra.Command {
	var r restoreRequest
	cmd := &cobra.Command{
		Use:   "restore <file> (--identity-file <file> | --passphrase-file <file>) [--config <Caddyfile>]",
		Short: "Brings a backup into an empty store, while no gateway runs",
		Long: `
Brings a backup into the store that the Caddyfile names. The store has to be
empty, and no gateway may run on it; the keyset that the Caddyfile names has to be
the one that the gateway had. A file that is damaged changes nothing.

Run it as the user that the gateway runs as: the store will belong to you.

People, their grants and bookings come back. Sessions don't: everybody signs in
once more. Bookings that were under way are looked for at Microsoft before they
are sent again. What happened after the backup was made is not known to it.`,
		Args: cobra.ExactArgs(1),
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			r.file = args[0]
			return r.run(ctx, cmd.OutOrStdout())
		}),
	}
	r.config.add(cmd)
	cmd.Flags().StringVarP(&r.identityFile, "identity-file", "i", "", "File with the secret key, as age-keygen writes it")
	cmd.Flags().StringVar(&r.passphraseFile, "passphrase-file", "", "File whose first line is the passphrase")
	return cmd
}

type restoreRequest struct {
	file                         string
	identityFile, passphraseFile string
	config                       configFlags
}

// run restores, and tells in words what it has done.
func (r restoreRequest) run(ctx context.Context, out io.Writer) (err error) {
	ids, err := r.identities()
	if err != nil {
		return err
	}
	file, err := os.Open(r.file)
	if err != nil {
		return fmt.Errorf("the backup can't be read: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	config, name, err := r.config.load()
	if err != nil {
		return err
	}
	if name == "" {
		return errors.New("there is no Caddyfile here; name it with --config")
	}
	app, err := storeOf(ctx, config, name)
	if err != nil {
		return err
	}
	keys, err := app.keyset.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the keyset %s is not there: put your copy of it back first; without it nobody's grant can be opened", app.keyset)
	}
	if err != nil {
		return fmt.Errorf("the keyset %s can't be read: %w", app.keyset, err)
	}
	to, err := app.store.open(slog.New(slog.DiscardHandler))
	if errors.Is(err, badgerstore.ErrInUse) {
		return fmt.Errorf("nothing was restored: stop the gateway first: %w", err)
	}
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	result, err := backup.Restore(ctx, file, ids, to, time.Now(), restoreRule(keys))
	if err = errors.Join(err, to.Close()); err != nil {
		return notRestored(err)
	}
	return tellRestored(out, result, app)
}

// notRestored says what a failed restore leaves behind.
func notRestored(err error) error {
	if errors.Is(err, backup.ErrUnfinished) {
		return err
	}
	return fmt.Errorf("nothing was restored: %w", err)
}

// maxIdentities bounds a file of secret keys, in bytes.
const maxIdentities = 1 << 20

func (r restoreRequest) identities() ([]age.Identity, error) {
	switch {
	case (r.identityFile == "") == (r.passphraseFile == ""):
		return nil, errors.New("say what opens the backup: --identity-file or --passphrase-file")
	case r.passphraseFile != "":
		passphrase, err := readPassphrase(r.passphraseFile)
		if err != nil {
			return nil, err
		}
		return backup.ByPassphrase(passphrase)
	}
	f, err := os.Open(r.identityFile)
	if err != nil {
		return nil, fmt.Errorf("the secret key can't be read: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	ids, err := backup.ByIdentities(io.LimitReader(f, maxIdentities))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.identityFile, err)
	}
	return ids, nil
}

// tellRestored says what came back, and what did not and why.
func tellRestored(out io.Writer, r backup.Result, app *App) error {
	underWay, sessions := r.Restored[kindUnderWay], r.LeftOut[status.KindSessions]
	told := fmt.Sprintf("Restored into the %s store %s, from the backup of %s:\n  %s, %s, %s, %s.\n",
		app.store.CaddyModule().ID.Name(), app.store.identity(), stamp(r.Made),
		counted(r.Restored[status.KindPeople], "person", "people"), counted(r.Restored[status.KindGrants], "grant", "grants"),
		counted(r.Restored[status.KindBookings]+underWay, "booking", "bookings"), counted(r.Restored[status.KindOther], "other record", "other records"))
	if underWay > 0 {
		told += counted(underWay, "booking is", "bookings are") + " under way: looked for at Microsoft before anything is sent again.\n"
	}
	if sessions > 0 {
		told += "Left out: " + counted(sessions, "session", "sessions") + ", since some may have been ended meanwhile; everybody signs in once more.\n"
	}
	if r.Expired > 0 {
		told += "Left out: " + counted(r.Expired, "record that has", "records that have") + " expired since.\n"
	}
	_, err := io.WriteString(out, told+"What happened after the backup was made is not in it. The gateway can be started.\n")
	return err
}
