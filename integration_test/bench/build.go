package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tags are those that onesgate is built with, and what Caddy's own releases are built with.
const tags = "nobadger,nomysql,nopgx"

// Caddy's own program, of the version that we are built on.
const stockCaddy = "github.com/caddyserver/caddy/v2/cmd/caddy"

const (
	onesgate = "github.com/onesgate/onesgate/cmd/onesgate"
	profile  = "cmd/onesgate/default.pgo" // in the repository
)

// build builds what is measured and isn't a peer. Afterwards this program keeps to its
// own core.
func (l *lab) build(ctx context.Context) (err error) {
	fmt.Fprintln(l.progress, "building")
	if l.gateway, err = l.goBuild(ctx, "onesgate", onesgate, "-tags="+tags, "-pgo=off"); err != nil {
		return err
	}
	if l.caddy, err = l.goBuild(ctx, "caddy", stockCaddy, "-tags="+tags, "-pgo=off"); err != nil {
		return err
	}
	if l.optimised {
		if l.caddyUntagged, err = l.goBuild(ctx, "caddy-untagged", stockCaddy, "-pgo=off"); err != nil {
			return err
		}
		root, err := repository(ctx)
		if err != nil {
			return err
		}
		if l.gatewayOptimised, err = l.goBuild(ctx, "onesgate-optimised", onesgate, "-tags="+tags, "-pgo="+filepath.Join(root, profile)); err != nil {
			return err
		}
		if l.caddyTuned, err = l.tuneCaddy(ctx); err != nil {
			return err
		}
	}
	return l.cores.keep()
}

// goBuild builds a program into the lab's folder.
func (l *lab) goBuild(ctx context.Context, name, program string, flags ...string) (file string, err error) {
	l.say("%s", name)
	file = filepath.Join(l.dir, name)
	build := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", file, program)...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", program, err, out)
	}
	return file, nil
}

// repository is the root of what this program belongs to.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f={{.Dir}}", "github.com/onesgate/onesgate").Output()
	return strings.TrimSpace(string(out)), err
}

// tuneCaddy builds stock Caddy with a profile of itself under the load that it is
// measured with: it is not to be compared with a profile made for something else.
func (l *lab) tuneCaddy(ctx context.Context) (string, error) {
	v, err := l.caddyAt("caddy-profiled", l.caddy)
	if err != nil {
		return "", err
	}
	if err := v.start(ctx); err != nil {
		return "", err
	}
	defer l.stopAll()
	file := filepath.Join(l.dir, "caddy.pgo")
	err = v.profiled(ctx, file, max(4*l.window, time.Second), func(ctx context.Context, d time.Duration) error {
		_, err := press(ctx, v.target, l.connections, d)
		return err
	})
	if err != nil {
		return "", err
	}
	return l.goBuild(ctx, "caddy-tuned", stockCaddy, "-tags="+tags, "-pgo="+file)
}
