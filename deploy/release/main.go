// Release makes what is published of a version: for each platform an archive with the
// binary, the licences of all that is in it and the systemd unit; its bill of materials in
// CycloneDX; and the checksums of all these.
//
//	go run ./deploy/release -version v1.2.3 -output dist
//
// It takes what is committed under the tag, never what lies in the folder. Whoever runs it
// with the same Go gets the same bytes: paths, times, owners and the machine leave no trace.
package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

func main() {
	o := options{}
	flag.StringVar(&o.version, "version", "", "the tag to release, such as v1.2.3")
	flag.StringVar(&o.output, "output", "dist", "the folder to make")
	flag.StringVar(&o.repository, "repository", ".", "where the tag is")
	platforms := flag.String("platforms", "linux/amd64,linux/arm64", "GOOS/GOARCH, separated by commas")
	flag.Parse()
	o.platforms = strings.Split(*platforms, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

type options struct {
	version    string
	output     string
	repository string
	platforms  []string
}

// sbomTool makes bills of materials. It is kept by those who keep the format.
const sbomTool = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"

// tags leave databases out of Caddy that nothing here uses, as in the Makefile.
const tags = "nobadger,nomysql,nopgx"

var semantic = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// release makes the folder o.output, whole or not at all.
func release(ctx context.Context, o options) (err error) {
	if !semantic.MatchString(o.version) {
		return fmt.Errorf("%q is no version; write one such as v1.2.3", o.version)
	}
	if _, err := os.Lstat(o.output); err == nil {
		return fmt.Errorf("%s is there already; a release is not written over another one", o.output)
	}
	work, err := os.MkdirTemp("", "onesgate-release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	source := filepath.Join(work, "source")
	repository, err := filepath.Abs(o.repository)
	if err != nil {
		return err
	}
	if _, err := output(ctx, repository, nil, "git", "clone", "--quiet", "--depth=1", "--branch="+o.version, "file://"+repository, source); err != nil {
		return fmt.Errorf("%[1]s is no tag of %[2]s; make it first, git tag -s %[1]s: %[3]w", o.version, repository, err)
	}
	committed, err := output(ctx, source, nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(committed, 10, 64)
	if err != nil {
		return err
	}
	bin := filepath.Join(work, "bin")
	if _, err := output(ctx, work, []string{"GOBIN=" + bin, "GOFLAGS=-trimpath"}, "go", "install", sbomTool); err != nil {
		return err
	}
	made := filepath.Join(work, "made")
	if err := os.Mkdir(made, 0o755); err != nil {
		return err
	}
	for _, platform := range o.platforms {
		p := target{version: o.version, source: source, at: time.Unix(seconds, 0).UTC(), sbomTool: filepath.Join(bin, "cyclonedx-gomod")}
		var ok bool
		if p.os, p.arch, ok = strings.Cut(platform, "/"); !ok {
			return fmt.Errorf("%q is no platform; write one such as linux/amd64", platform)
		}
		if err := p.make(ctx, filepath.Join(work, p.os+"-"+p.arch), made); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
	}
	if err := sum(made); err != nil {
		return err
	}
	return os.CopyFS(o.output, os.DirFS(made))
}

// A target is one platform of a release.
type target struct {
	version  string
	os, arch string
	source   string    // what was committed under the tag
	at       time.Time // when it was committed: the time of all that is made
	sbomTool string
}

// name is what the files of the target are called, but for what they are.
func (p target) name() string {
	return fmt.Sprintf("onesgate_%s_%s_%s", strings.TrimPrefix(p.version, "v"), p.os, p.arch)
}

// env is that of the build: nothing of the machine counts, but for its Go and where that
// finds modules.
func (p target) env() []string {
	return []string{
		"GOOS=" + p.os, "GOARCH=" + p.arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off",
		"GOWORK=off", "GOFLAGS=-tags=" + tags,
	}
}

// make makes the archive and the bill of materials, by way of the folder tmp.
func (p target) make(ctx context.Context, tmp, made string) error {
	binary := filepath.Join(tmp, "onesgate")
	if _, err := output(ctx, p.source, p.env(), "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", binary, "./cmd/onesgate"); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	if info.Main.Version != p.version {
		return fmt.Errorf("the binary calls itself %s, not %s", info.Main.Version, p.version)
	}
	files, err := p.contents(ctx, binary, info.Deps)
	if err != nil {
		return err
	}
	if err := archive(filepath.Join(made, p.name()+".tar.gz"), p.name(), files, p.at); err != nil {
		return err
	}
	_, err = output(ctx, p.source, p.env(), p.sbomTool, "app", "-json", "-licenses", "-std", "-noserial", "-notimestamp",
		"-main", "cmd/onesgate", "-output", filepath.Join(made, p.name()+".cdx.json"), ".")
	return err
}

// contents says what goes into the archive: where each file is, by its name there.
func (p target) contents(ctx context.Context, binary string, deps []*debug.Module) (map[string]string, error) {
	files := map[string]string{"onesgate": binary}
	for _, name := range []string{"LICENSE", "README.md", "Caddyfile", "deploy/systemd/onesgate.service", "deploy/systemd/onesgate.sysusers"} {
		files[name] = filepath.Join(p.source, filepath.FromSlash(name))
	}
	goroot, err := output(ctx, p.source, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders := map[string]string{"go": goroot}
	for _, m := range deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if folders[m.Path+"@"+m.Version], err = output(ctx, p.source, p.env(), "go", "list", "-m", "-f={{.Dir}}", m.Path); err != nil {
			return nil, err
		}
	}
	for module, folder := range folders {
		found, err := licences(folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", module, err)
		}
		for _, name := range found {
			files["licenses/"+module+"/"+name] = filepath.Join(folder, name)
		}
	}
	return files, nil
}

var (
	licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`)
	notice  = regexp.MustCompile(`(?i)^(notice|patents|copyright)`)
)

// licences names the files of a module that have to go with what is made of it.
func licences(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	licensed := false
	for _, e := range entries {
		if e.Type().IsRegular() && (licence.MatchString(e.Name()) || notice.MatchString(e.Name())) {
			names = append(names, e.Name())
			licensed = licensed || licence.MatchString(e.Name())
		}
	}
	if !licensed {
		return nil, errors.New("it has no licence, so it may not be given to others")
	}
	return names, nil
}

// output runs a program to its end, and returns what it has written. More is added to
// the environment.
func output(ctx context.Context, dir string, more []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), more...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
