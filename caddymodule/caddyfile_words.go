package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// one reads the single argument of a word that may be there once.
func one(d *caddyfile.Dispenser, to *string) error {
	word := d.Val()
	if *to != "" {
		return d.Errf("%s is there twice", word)
	}
	if !d.AllArgs(to) {
		return d.ArgErr()
	}
	if *to == "" {
		return d.Errf("%s is empty", word)
	}
	return nil
}

// flag reads a word that stands alone and may be there once.
func flag(d *caddyfile.Dispenser, to *bool) error {
	if *to {
		return d.Errf("%s is there twice", d.Val())
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	*to = true
	return nil
}

// many reads the arguments of a word that may be there once.
func many(d *caddyfile.Dispenser, to *[]string) error {
	word := d.Val()
	if *to != nil {
		return d.Errf("%s is there twice; write all on one line", word)
	}
	if *to = d.RemainingArgs(); len(*to) == 0 {
		return d.ArgErr()
	}
	return nil
}

func number(d *caddyfile.Dispenser, to *int) error {
	word, text := d.Val(), ""
	if err := one(d, &text); err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return d.Errf("%s %q is not a number; write 12", word, text)
	}
	*to = n
	return nil
}

func duration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	word, text := d.Val(), ""
	if *to != 0 {
		return d.Errf("%s is there twice", word)
	}
	if err := one(d, &text); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(text)
	if err != nil || parsed <= 0 {
		return d.Errf("%s %q is not a duration; write 10m, 4h or 60d", word, text)
	}
	*to = caddy.Duration(parsed)
	return nil
}

// unknown is the error for a word that has no meaning where it stands.
func unknown(d *caddyfile.Dispenser, in, known string) error {
	return d.Errf("%s doesn't know %q; it knows %s", in, d.Val(), known)
}
