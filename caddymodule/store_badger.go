package caddymodule

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

func init() {
	caddy.RegisterModule(Badger{})
}

// Badger keeps everything in an embedded database on this machine.
type Badger struct {
	// The folder; only the service that runs onesgate may read it. Default:
	// `onesgate/store` in Caddy's data folder. A local disk (ext4, XFS), no NFS.
	Path string `json:"path,omitempty"`
	// Nothing is written when less is free on the disk, such as `512MiB`.
	// Default: `512MiB`.
	MinFree string `json:"min_free,omitempty"`

	dir     string
	minFree uint64
}

// CaddyModule returns the Caddy module information.
func (Badger) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "ones.stores.badger",
		New: func() caddy.Module { return new(Badger) },
	}
}

// Provision resolves the options. It opens nothing.
func (b *Badger) Provision(caddy.Context) (err error) {
	r, err := settled(b)
	if err != nil {
		return fmt.Errorf("store badger: %w", err)
	}
	if b.minFree, err = r.size(); err != nil {
		return err
	}
	b.dir, err = filepath.Abs(cmp.Or(r.Path, filepath.Join(caddy.AppDataDir(), "onesgate", "store")))
	return err
}

func (b *Badger) complete() error { return nil }

func (b *Badger) check() error {
	_, err := b.size()
	return about("min_free", err)
}

// size is how much has to be free, in bytes.
func (b *Badger) size() (uint64, error) {
	n, err := humanize.ParseBytes(cmp.Or(b.MinFree, "512MiB"))
	if err != nil {
		return 0, fmt.Errorf("min_free %q is not a size; write 512MiB", b.MinFree)
	}
	return n, nil
}

func (b *Badger) identity() string { return b.dir }

func (b *Badger) shared() bool { return false }

func (b *Badger) options() string {
	return "min_free " + humanize.IBytes(b.minFree)
}

func (b *Badger) secret() string { return "" }

func (b *Badger) examine(beside bool) doctor.Check { return doctor.Folder(b.dir, b.minFree, beside) }

func (b *Badger) used(context.Context) bool {
	look, err := badgerstore.Inspect(b.dir)
	return err == nil && look.Used
}

func (b *Badger) open(log *slog.Logger) (store.Store, error) {
	return badgerstore.Open(badgerstore.Options{Dir: b.dir, MinFree: b.minFree, Log: log, Now: time.Now})
}

// UnmarshalCaddyfile sets the options up from Caddyfile tokens. Syntax:
//
//	badger [<path>] {
//		min_free <size>
//	}
func (b *Badger) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "badger"
	return readWord(d, once("badger [<folder>] {…}", func(d *caddyfile.Dispenser, values []string) error {
		b.Path = strings.Join(values, "")
		return readBlock(d, "store badger", badgerWords(b), func() error { return checkText(b) })
	}))
}

func badgerWords(b *Badger) []word {
	return []word{once("min_free <size>", readText(&b.MinFree))}
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Badger)(nil)
	_ caddyfile.Unmarshaler = (*Badger)(nil)
	_ storeModule           = (*Badger)(nil)
)
