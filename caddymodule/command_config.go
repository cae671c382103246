package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"
)

// configFlags say which configuration a command is about.
type configFlags struct{ file, adapter string }

// defaultCaddyfile is the file that Caddy itself takes if none is named.
const defaultCaddyfile = "Caddyfile"

func (f *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "The gateway's configuration file (default: ./Caddyfile)")
	cmd.Flags().StringVarP(&f.adapter, "adapter", "a", "", "The config adapter of --config (default: caddyfile, and none for *.json)")
	var env []string
	cmd.Flags().StringSliceVar(&env, "envfile", nil, "File(s) of variables that are set for this command, as with caddy run")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		cmd.SilenceUsage = true
		return loadEnvFiles(env)
	}
}

// load reads the configuration as Caddy would, but without a line of log. file
// is empty if none was named and there is none here.
func (f *configFlags) load() (config []byte, file string, err error) {
	config, file, _, err = f.adapt()
	return config, file, err
}

// adapt is load, and tells what Caddy warns of.
func (f *configFlags) adapt() (config []byte, file string, warnings []caddyconfig.Warning, err error) {
	file = f.file
	if file == "" {
		file = defaultCaddyfile
	}
	config, err = os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && f.file == "" {
		return nil, "", nil, nil
	}
	if err != nil {
		return nil, "", nil, fmt.Errorf("the configuration can't be read: %w", err)
	}
	name := f.adapterOf(file)
	if name == "" {
		return config, file, nil, nil
	}
	adapter := caddyconfig.GetAdapter(name)
	if adapter == nil {
		return nil, "", nil, fmt.Errorf("there is no config adapter %q", name)
	}
	config, warnings, err = adaptWith(adapter, config, file)
	if err != nil {
		return nil, "", nil, fmt.Errorf("the configuration %s can't be read: %w", file, err)
	}
	return config, file, warnings, nil
}

// adapterOf is the adapter that a file takes; "": it is JSON.
func (f *configFlags) adapterOf(file string) string {
	if f.adapter == "" && filepath.Ext(file) != ".json" {
		return "caddyfile"
	}
	return f.adapter
}

// ones is the app of the configuration, with nothing resolved yet.
func (f *configFlags) ones() (*App, string, error) {
	config, file, err := f.load()
	if err != nil {
		return nil, "", err
	}
	if file == "" {
		return nil, "", errors.New("there is no Caddyfile here; name it with --config")
	}
	app, err := onesOf(config, file)
	return app, file, err
}

// errNoOnes: a configuration is none of a gateway.
var errNoOnes = errors.New("no ones block")

// onesOf returns the app of a configuration, with nothing resolved yet.
func onesOf(config []byte, file string) (*App, error) {
	var cfg struct {
		Apps struct {
			Ones *App `json:"ones"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &cfg); err != nil {
		return nil, fmt.Errorf("the configuration %s can't be read: %w", file, err)
	}
	if cfg.Apps.Ones == nil {
		return nil, fmt.Errorf("the configuration %s has %w, which would name store and keyset", file, errNoOnes)
	}
	if err := cfg.Apps.Ones.whole(); err != nil {
		return nil, fmt.Errorf("the configuration %s can't be read: %w", file, err)
	}
	return cfg.Apps.Ones, nil
}

// storeOf returns the app of a configuration with its store and keyset resolved,
// and nothing else: where a store is restored, the rest may not be there yet.
func storeOf(ctx context.Context, config []byte, file string) (*App, error) {
	a, err := onesOf(config, file)
	if err != nil {
		return nil, err
	}
	cctx, cancel := caddy.NewContext(caddy.Context{Context: ctx})
	defer cancel()
	if err := a.provisionStore(cctx); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}
