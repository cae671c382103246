package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func backupCommand() *cobra.Command {
	var from adminFlags
	var b backupRequest
	var passphraseFile, output string
	cmd := &cobra.Command{
		Use:   "backup (--recipient age1… | --passphrase-file <file>) [--output <file>|-]",
		Short: "Writes an encrypted backup of the running gateway's store",
		Long: `
Writes a backup of everything that the running gateway keeps, as it is at this
moment, while it goes on working. The file is encrypted with age
(https://age-encryption.org): for the holders of secret keys, whose public keys
--recipient gives, or with a passphrase. "age-keygen" makes such keys.

The keyset is not in it. Keep a copy of that file too, but in another place:
whoever has both can read everybody's tokens.`,
		Args: cobra.NoArgs,
		RunE: interruptible(func(ctx context.Context, cmd *cobra.Command, _ []string) (err error) {
			if passphraseFile != "" {
				if b.Passphrase, err = readPassphrase(passphraseFile); err != nil {
					return err
				}
			}
			if _, err := b.recipients(); err != nil {
				return fmt.Errorf("%w (--recipient age1…, or --passphrase-file)", err)
			}
			gateway, err := from.client()
			if err != nil {
				return err
			}
			if output == "" {
				output = "onesgate-" + time.Now().Format("20060102-150405") + ".age"
			}
			get := func(to io.Writer) (int64, error) { return gateway.backup(ctx, b, to) }
			if output == "-" {
				_, err = get(cmd.OutOrStdout())
				return err
			}
			n, err := writeNew(output, get)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, encrypted. The keyset is not in it: keep a copy of that in another place.\n", output, humanize.IBytes(uint64(n)))
			return err
		}),
	}
	from.add(cmd)
	cmd.Flags().StringArrayVar(&b.Recipients, "recipient", nil, "Public key (age1…) of somebody who can open it; as often as there are such")
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "File whose first line is the passphrase")
	cmd.Flags().StringVarP(&output, "output", "o", "", `File to write, or "-" (default: onesgate-YYYYMMDD-HHMMSS.age)`)
	return cmd
}

// backup copies a backup to a writer.
func (c *gatewayClient) backup(ctx context.Context, b backupRequest, to io.Writer) (int64, error) {
	res, err := c.call(ctx, http.MethodPost, backupPath, b)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	n, err := io.Copy(to, res.Body)
	if err != nil {
		return 0, fmt.Errorf("the backup broke off, and nothing of it is any good; the gateway's log may say why: %w", err)
	}
	return n, nil
}

// writeNew writes a file that nobody else may read, and that is there only when
// all of it is on the disk. It overwrites nothing.
func writeNew(name string, write func(io.Writer) (int64, error)) (n int64, err error) {
	if err := absent(name); err != nil {
		return 0, err
	}
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return 0, err
	}
	if n, err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = absent(name)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(f.Name()))
	}
	return n, syncDir(dir)
}

func absent(name string) error {
	_, err := os.Lstat(name)
	if err == nil {
		return fmt.Errorf("%s is there already, and is not overwritten; name another file with --output", name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncDir makes a renaming durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// maxPassphrase bounds a passphrase, in bytes.
const maxPassphrase = 4096

// readPassphrase reads the first line of a file.
func readPassphrase(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("the passphrase can't be read: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	line := bufio.NewScanner(io.LimitReader(f, maxPassphrase))
	line.Scan()
	if err := line.Err(); err != nil {
		return "", fmt.Errorf("the passphrase can't be read: %w", err)
	}
	if line.Text() == "" {
		return "", fmt.Errorf("the first line of %s is empty; write a passphrase there", file)
	}
	return line.Text(), nil
}
