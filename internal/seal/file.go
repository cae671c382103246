package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Errors of Load, wrapped with the path and what to do. A missing file is
// fs.ErrNotExist.
var (
	// ErrExposed: others than the owner may read or change the file.
	ErrExposed = errors.New("others may read the keyset")
	// ErrNotKeyset: the file holds no usable keyset.
	ErrNotKeyset = errors.New("not a keyset")
)

// maxFile bounds a keyset file, in bytes. A key takes about 300.
const maxFile = 1 << 20

// Create makes a new keyset and writes it to path, readable by the owner only.
// A missing parent folder is made, for the owner only. An existing file is never
// overwritten: the error is then fs.ErrExist. When Create returns, the file is
// durable.
func Create(path string) (*Keyset, error) {
	handle, err := newHandle()
	if err != nil {
		return nil, err
	}
	k, err := fromHandle(handle)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&content)); err != nil {
		return nil, fmt.Errorf("encode the new keyset: %w", err)
	}
	if err := writeNew(path, content.Bytes()); err != nil {
		return nil, fmt.Errorf("create keyset: %w", err)
	}
	return k, nil
}

// writeNew writes a file that must not exist, and makes it and its name durable.
// What it could not write whole it takes away again.
func writeNew(path string, content []byte) (err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Load reads the keyset at path, a Tink keyset in JSON. The error is
// fs.ErrNotExist if there is no file, ErrExposed if its mode lets others than
// the owner in, and ErrNotKeyset if its content is of no use.
func Load(path string) (*Keyset, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("load keyset: %s: %w: it is no regular file", path, ErrNotKeyset)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("load keyset: %s has mode %#o: %w; run: chmod 600 %[1]s", path, mode, ErrExposed)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("load keyset: %s: %w: larger than %d bytes", path, ErrNotKeyset, maxFile)
	}
	k, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("load keyset: %s: %w", path, err)
	}
	return k, nil
}

// parse reads a keyset in JSON. Tink's own errors are left out: they may quote
// what stands in the file.
func parse(content []byte) (*Keyset, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("%w: it is empty, so nothing was ever sealed with it; delete it or restore it from a backup", ErrNotKeyset)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		return nil, fmt.Errorf("%w: expected a Tink keyset in JSON; restore it from a backup", ErrNotKeyset)
	}
	k, err := fromHandle(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: it must hold keys for authenticated encryption, each with Tink's output prefix", ErrNotKeyset)
	}
	return k, nil
}
