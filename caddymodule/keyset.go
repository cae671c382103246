package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// keysetLook is how often a running gateway looks for a changed keyset.
const keysetLook = 2 * time.Second

// keysetSource returns where the keyset comes from: a file, or what a
// placeholder holds, which is known by its opening brace. outside is a folder that
// it must not lie in.
func keysetSource(value, outside string) (seal.Source, error) {
	if err := checkInline(value); err != nil {
		return nil, err
	}
	resolved, err := resolveOr("keyset", value, filepath.Join(caddy.AppDataDir(), "onesgate", "keyset.json"))
	if err != nil {
		return nil, err
	}
	if inline(resolved) {
		return seal.Text(value, []byte(resolved)), nil
	}
	if resolved != value && !filepath.IsAbs(resolved) && value != "" {
		// It is not repeated: it may be a keyset that is not quite JSON.
		return nil, fmt.Errorf("keyset: what %s stands for is neither a keyset in JSON, as it stands in the file, without quotes around it, nor an absolute path", value)
	}
	path, err := filepath.Abs(resolved)
	if err != nil {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	if within(path, outside) {
		return nil, fmt.Errorf("keyset %s lies inside the store %s: a copy of the store would carry the keys to it; put the keyset elsewhere", path, outside)
	}
	return seal.File(path), nil
}

// checkInline refuses keys that stand in the configuration.
func checkInline(value string) error {
	if !inline(value) {
		return nil
	}
	return errors.New("keyset: the keys themselves stand in the configuration, where everybody can read them; put them into a file and name that, or a placeholder such as {env.ONES_KEYSET}")
}

// inline says whether something is a keyset itself, in JSON; no path and no
// placeholder looks so.
func inline(value string) bool {
	inner, opened := strings.CutPrefix(strings.TrimSpace(value), "{")
	return opened && strings.HasPrefix(strings.TrimSpace(inner), `"`)
}

// within says whether path lies in dir.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// openKeyset loads the keys, or makes them for a store that has nothing sealed yet.
func openKeyset(ctx context.Context, src seal.Source, s store.Store, shared bool, log *slog.Logger) (*seal.Keyset, error) {
	keys, err := src.Load()
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if shared {
		return nil, fmt.Errorf("the keyset %s is not there, and gateways that share a database need the same one: copy it from another gateway, or for the first one make it with: onesgate ones keys init %[1]s", src)
	}
	// What signs assertions is the first thing that is ever sealed.
	_, err = s.Get(ctx, signingKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err == nil {
		return nil, fmt.Errorf("the keyset %s is gone, but the store holds what was sealed with it: put the file back from your backup; without it everybody has to sign in again, with a new store", src)
	}
	if keys, err = src.Create(); err != nil {
		return nil, err
	}
	log.Info("a keyset was made; keep a copy of it apart from the store", "file", src.String())
	return keys, nil
}
