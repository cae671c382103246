package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/caddyserver/xcaddy"
)

func main() {
	config := flag.String("config", "xcaddy.json", "what to build, as xcaddy.Builder in JSON")
	output := flag.String("output", filepath.Join("bin", "caddy"), "file to write")
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
	forget, err := hideReplaced(ctx, b)
	if err != nil {
		return err
	}
	defer forget()
	return b.Build(ctx, output)
}

// hideReplaced keeps modules that a folder replaces from being asked for
// elsewhere. The go command looks for a longer module path that might hold the
// plugin's package too, and any answer but "not found", such as a proxy's 403 or
// a host that can't be reached, ends the build. So these paths are fetched
// without a proxy, from an empty repository.
func hideReplaced(ctx context.Context, b xcaddy.Builder) (forget func(), err error) {
	empty, err := os.MkdirTemp("", "onesgate-build-")
	if err != nil {
		return nil, err
	}
	forget = func() { _ = os.RemoveAll(empty) }
	if out, err := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", empty).CombinedOutput(); err != nil {
		forget()
		return nil, fmt.Errorf("git, which the go command needs as well: %w: %s", err, out)
	}
	env := map[string]string{"GIT_CONFIG_COUNT": strconv.Itoa(len(b.Replacements))}
	private := []string{os.Getenv("GONOPROXY")}
	for i, r := range b.Replacements {
		private = append(private, r.Old.String())
		env[fmt.Sprintf("GIT_CONFIG_KEY_%d", i)] = "url.file://" + empty + ".insteadOf"
		env[fmt.Sprintf("GIT_CONFIG_VALUE_%d", i)] = "https://" + r.Old.String()
	}
	env["GONOPROXY"] = strings.Trim(strings.Join(private, ","), ",")
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			forget()
			return nil, err
		}
	}
	return forget, nil
}

// profile is the flag of the go command that names the profile to optimise with.
var profile = regexp.MustCompile(`-pgo=(\S+)`)

// read reads a build description. Unknown words in it are errors; folders in it, and
// the profile to optimise with, are relative to its own.
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
	folder, err := filepath.Abs(filepath.Dir(config)) // xcaddy builds in a temporary one
	if err != nil {
		return b, err
	}
	for i, r := range b.Replacements {
		if to := r.New.String(); strings.HasPrefix(to, ".") {
			b.Replacements[i] = xcaddy.NewReplace(r.Old.String(), filepath.Join(folder, to))
		}
	}
	if m := profile.FindStringSubmatch(b.BuildFlags); m != nil && m[1] != "auto" && m[1] != "off" && !filepath.IsAbs(m[1]) {
		b.BuildFlags = strings.Replace(b.BuildFlags, m[0], "'-pgo="+filepath.Join(folder, m[1])+"'", 1)
	}
	return b, nil
}
