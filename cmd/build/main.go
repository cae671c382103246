// Command build makes the binary that xcaddy.json describes: Caddy with
// onesgate and whatever other modules are named there.
//
//	go run ./cmd/build [-config xcaddy.json] [-output bin/onesgate]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/caddyserver/xcaddy"
)

func main() {
	config := flag.String("config", "xcaddy.json", "what to build, as xcaddy.Builder in JSON")
	output := flag.String("output", filepath.Join("bin", "onesgate"), "file to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, *config, *output); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, config, output string) error {
	b, err := read(config)
	if err != nil {
		return err
	}
	if output, err = filepath.Abs(output); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	// What is replaced by a folder is never to be asked of a module proxy: one
	// that answers other than "not found" would end the build.
	private := []string{os.Getenv("GONOPROXY")}
	for _, r := range b.Replacements {
		private = append(private, r.Old.String())
	}
	if err := os.Setenv("GONOPROXY", strings.Trim(strings.Join(private, ","), ",")); err != nil {
		return err
	}
	return b.Build(ctx, output)
}

// read reads a build description. Unknown words in it are errors; folders in it
// are relative to its own.
func read(config string) (xcaddy.Builder, error) {
	var b xcaddy.Builder
	f, err := os.Open(config)
	if err != nil {
		return b, err
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return b, fmt.Errorf("%s: %w", config, err)
	}
	for i, r := range b.Replacements {
		if to := r.New.String(); strings.HasPrefix(to, ".") {
			// xcaddy builds in a temporary folder.
			abs, err := filepath.Abs(filepath.Join(filepath.Dir(config), to))
			if err != nil {
				return b, err
			}
			b.Replacements[i] = xcaddy.NewReplace(r.Old.String(), abs)
		}
	}
	return b, nil
}
