package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

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
	// How many connections there are at most, beside one that only listens.
	// Default: 12.
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
	p.resolved = pgstore.Options{MaxConns: p.MaxConns, Timeout: time.Duration(p.Timeout), Now: time.Now}
	if p.resolved.URL, err = resolve("store postgres", p.URL); err != nil {
		return err
	}
	if p.MaxConns < 0 || p.Timeout < 0 {
		return fmt.Errorf("store postgres: max_conns and timeout can't be negative")
	}
	if p.name, err = p.resolved.Name(); err != nil {
		return fmt.Errorf("store postgres: %w", err)
	}
	return nil
}

func (p *Postgres) identity() string { return p.name }

func (p *Postgres) shared() bool { return true }

func (p *Postgres) options() string {
	return fmt.Sprintf("max_conns %d, timeout %s", p.MaxConns, time.Duration(p.Timeout))
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
	if !d.AllArgs(&p.URL) {
		return d.Err("store postgres takes the URL of the database, such as {env.ONES_DATABASE_URL}")
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "max_conns":
			err = p.unmarshalMaxConns(d)
		case "timeout":
			err = duration(d, &p.Timeout)
		default:
			err = unknown(d, "store postgres", "max_conns, timeout")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Postgres) unmarshalMaxConns(d *caddyfile.Dispenser) error {
	var text string
	if err := one(d, &text); err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || n > 1000 {
		return d.Errf("max_conns %s is not a number of connections from 2 to 1000", text)
	}
	p.MaxConns = n
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Postgres)(nil)
	_ caddyfile.Unmarshaler = (*Postgres)(nil)
	_ storeModule           = (*Postgres)(nil)
)
