package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/pgstore"
)

func init() {
	caddy.RegisterModule(Postgres{})
}

// Postgres keeps everything in a PostgreSQL database (15 or later), which any
// number of gateways share.
type Postgres struct {
	// The URL of the database, such as
	// `postgres://onesgate:PASSWORD@db.example.com/onesgate`; several hosts may
	// stand in it, separated by commas: the one that takes writes is used. Other
	// machines are spoken to with `sslmode=verify-full` unless it says otherwise.
	// It holds a password, so give a placeholder: `{env.ONES_DATABASE_URL}`.
	// Required.
	URL string `json:"url,omitempty"`
	// How many connections there are at most, beside one that only listens, and one
	// while all records are read, to count them or for a backup. Default: 12.
	MaxConns int `json:"max_conns,omitempty"`
	// How long one statement may take. Default: `5s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	resolved pgstore.Options
	name     string
}

// openTimeout bounds how long a start waits for the database.
const openTimeout = 30 * time.Second

// CaddyModule returns the Caddy module information.
func (Postgres) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "ones.stores.postgres",
		New: func() caddy.Module { return new(Postgres) },
	}
}

// Provision resolves the options. It asks nobody.
func (p *Postgres) Provision(caddy.Context) (err error) {
	r, err := settled(p)
	if err != nil {
		return fmt.Errorf("store postgres: %w", err)
	}
	p.resolved = pgstore.Options{URL: r.URL, MaxConns: r.MaxConns, Timeout: time.Duration(r.Timeout), Now: time.Now}
	if p.name, err = p.resolved.Name(); err != nil {
		return fmt.Errorf("store postgres: %w", err)
	}
	return nil
}

func (p *Postgres) complete() error {
	if p.URL == "" {
		return missing("url")
	}
	return nil
}

func (p *Postgres) check() error {
	if p.MaxConns < 0 || p.Timeout < 0 {
		return errors.New("max_conns and timeout can't be negative")
	}
	return nil
}

func (p *Postgres) identity() string { return p.name }

func (p *Postgres) shared() bool { return true }

func (p *Postgres) options() string {
	return fmt.Sprintf("max_conns %d, timeout %s", p.MaxConns, time.Duration(p.Timeout))
}

func (p *Postgres) secret() string { return p.resolved.URL }

func (p *Postgres) examine(bool) doctor.Check { return doctor.Database(p.resolved) }

func (p *Postgres) used(ctx context.Context) bool {
	look, err := pgstore.Inspect(ctx, p.resolved)
	return err == nil && look.Used
}

func (p *Postgres) open(log *slog.Logger) (store.Store, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	o := p.resolved
	o.Log = log
	return pgstore.Open(ctx, o)
}

// UnmarshalCaddyfile sets the options up from Caddyfile tokens. Syntax:
//
//	postgres <url> {
//		max_conns <number>
//		timeout   <duration>
//	}
func (p *Postgres) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "postgres"
	return readWord(d, once("postgres <url> {…}", func(d *caddyfile.Dispenser, values []string) error {
		p.URL = values[0]
		return readBlock(d, "store postgres", postgresWords(p), func() error { return checkText(p) })
	}))
}

func postgresWords(p *Postgres) []word {
	return []word{
		once("max_conns <number>", readNumber(&p.MaxConns, 2, 1000)),
		once("timeout <duration>", readDuration(&p.Timeout)),
	}
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Postgres)(nil)
	_ caddyfile.Unmarshaler = (*Postgres)(nil)
	_ storeModule           = (*Postgres)(nil)
)
