package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tagged is a copy of what is committed here, with a tag.
func tagged(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-hardlinks", root, dir},
		{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "tag", "-m", version, version},
	} {
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v %s", args, err, out)
		}
	}
	return dir
}

// Two releases, from other folders, in another time zone and with another umask, are the
// same to the byte; and what is in them is whole.
func TestRelease(t *testing.T) {
	const version = "v0.0.1"
	made := map[string]map[string][]byte{}
	for _, name := range []string{"one", "other"} {
		if name == "other" {
			t.Setenv("TZ", "Asia/Hong_Kong")
			old := syscall.Umask(0o077)
			defer syscall.Umask(old)
		}
		dir := filepath.Join(t.TempDir(), "dist")
		repository := tagged(t, version)
		// What isn't committed is not released.
		if err := os.WriteFile(filepath.Join(repository, "cmd/onesgate/main.go"), []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := release(t.Context(), options{version: version, output: dir, repository: repository, platforms: []string{"linux/amd64"}}); err != nil {
			t.Fatal(err)
		}
		check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
		check.Dir = dir
		if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), "OK") != 2 {
			t.Errorf("checksums: %v %s", err, out)
		}
		made[name] = map[string][]byte{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if made[name][e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, file := range []string{"onesgate_0.0.1_linux_amd64.tar.gz", "onesgate_0.0.1_linux_amd64.cdx.json"} {
		one, other := made["one"][file], made["other"][file]
		if len(one) == 0 || !bytes.Equal(one, other) {
			t.Errorf("%s: %d and %d bytes, and not the same", file, len(one), len(other))
		}
	}
	modules := checkArchive(t, made["one"]["onesgate_0.0.1_linux_amd64.tar.gz"], version)

	var bill struct {
		Format     string `json:"bomFormat"`
		Metadata   struct{ Component struct{ Version string } }
		Components []struct {
			Name, Version string
			Evidence      struct{ Licenses []any }
		}
	}
	if err := json.Unmarshal(made["one"]["onesgate_0.0.1_linux_amd64.cdx.json"], &bill); err != nil {
		t.Fatal(err)
	}
	if bill.Format != "CycloneDX" || bill.Metadata.Component.Version != version {
		t.Errorf("the bill of materials is %q of %q", bill.Format, bill.Metadata.Component.Version)
	}
	listed := map[string]bool{}
	for _, c := range bill.Components {
		listed[c.Name+"@"+c.Version] = true
		if c.Name != "std" && len(c.Evidence.Licenses) == 0 { // Go's own is in the archive
			t.Errorf("the bill of materials knows no licence of %s", c.Name)
		}
	}
	for m := range modules {
		if m != "go" && !listed[m] {
			t.Errorf("the bill of materials lacks %s, which is in the binary", m)
		}
	}
}

// checkArchive returns the modules whose licences are in an archive. The binary has to say
// that it is of the version.
func checkArchive(t *testing.T, content []byte, version string) map[string]bool {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]bool{}
	binary := filepath.Join(t.TempDir(), "onesgate")
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Mode != 0o644 && h.Mode != 0o755 {
			t.Errorf("%s belongs to %d:%d and has mode %#o", h.Name, h.Uid, h.Gid, h.Mode)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		if licence, is := strings.CutPrefix(name, "licenses/"); is {
			modules[licence[:strings.LastIndex(licence, "/")]] = true
		}
		if name == "onesgate" {
			f, err := os.OpenFile(binary, os.O_CREATE|os.O_WRONLY, 0o700)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(f, r); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	if !modules["go"] || len(modules) < 100 {
		t.Errorf("licences of %d modules", len(modules))
	}
	out, err := exec.CommandContext(t.Context(), binary, "build-info").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "mod\tgithub.com/onesgate/onesgate\t"+version) {
		t.Errorf("build-info: %v %s", err, out)
	}
	if !strings.Contains(string(out), "build\t-pgo=default.pgo\n") {
		t.Errorf("it was not built with the profile: %s", out)
	}
	return modules
}

func TestReleaseRefuses(t *testing.T) {
	there := t.TempDir()
	for name, tt := range map[string]struct {
		options options
		want    string
	}{
		"no version":  {options{version: "1.2"}, "is no version"},
		"no tag":      {options{version: "v9.9.9", repository: "../.."}, "is no tag"},
		"another one": {options{version: "v1.2.3", output: there}, "there already"},
		"no platform": {options{version: "v0.0.2", repository: tagged(t, "v0.0.2"), platforms: []string{"linux"}}, "is no platform"},
	} {
		if tt.options.output == "" {
			tt.options.output = filepath.Join(t.TempDir(), "dist")
		}
		if err := release(t.Context(), tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
	if _, err := licences(there); err == nil {
		t.Error("a module without a licence is given to others")
	}
}
