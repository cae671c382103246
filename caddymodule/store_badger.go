package caddymodule

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

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
	dir, err := resolveOr("path", b.Path, filepath.Join(caddy.AppDataDir(), "onesgate", "store"))
	if err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if b.minFree, err = humanize.ParseBytes(cmp.Or(b.MinFree, "512MiB")); err != nil {
		return fmt.Errorf("min_free %q is not a size; write 512MiB", b.MinFree)
	}
	return nil
}

func (b *Badger) identity() string { return b.dir }

func (b *Badger) shared() bool { return false }

func (b *Badger) options() string {
	return "min_free " + humanize.IBytes(b.minFree)
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
	if d.NextArg() {
		b.Path = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "min_free":
			if err := one(d, &b.MinFree); err != nil {
				return err
			}
		default:
			return unknown(d, "store badger", "min_free")
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Badger)(nil)
	_ caddyfile.Unmarshaler = (*Badger)(nil)
	_ storeModule           = (*Badger)(nil)
)
