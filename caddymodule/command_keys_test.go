package caddymodule

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
)

// keys runs "ones keys" with some words and returns what it prints.
func keys(t *testing.T, words ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := keysCommand()
	cmd.SetArgs(words)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true
	err := cmd.Execute()
	return out.String(), err
}

func TestKeysCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keyset.json")
	row := regexp.MustCompile(`(?m)^(\d+)\s+enabled\s+(yes|no)$`)
	steps := []struct {
		words []string
		seals []string // of each key, the oldest first
	}{
		{[]string{"init", file}, []string{"yes"}},
		{[]string{"add", file}, []string{"yes", "no"}},
		{[]string{"promote", file, "--no-gateway"}, []string{"no", "yes"}},
		{[]string{"list", file}, []string{"no", "yes"}},
	}
	var first string
	for _, step := range steps {
		out, err := keys(t, step.words...)
		if err != nil {
			t.Fatalf("%v: %v", step.words, err)
		}
		var seals []string
		for _, match := range row.FindAllStringSubmatch(out, -1) {
			if first == "" {
				first = match[1]
			}
			seals = append(seals, match[2])
		}
		if strings.Join(seals, " ") != strings.Join(step.seals, " ") {
			t.Errorf("%v: %s, want %v", step.words, out, step.seals)
		}
	}
	if out, err := keys(t, "promote", file, "--no-gateway", "--id", first); err != nil || !regexp.MustCompile(first+` +enabled +yes`).MatchString(out) {
		t.Errorf("promoting the first again: %v %s", err, out)
	}
	retired, err := seal.File(file).Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Retire(k.Newest(), 0) })
	if err != nil {
		t.Fatal(err)
	}
	newest := strconv.FormatUint(uint64(retired.List()[1].ID), 10)
	if out, err := keys(t, "enable", file, "--id", newest); err != nil || !regexp.MustCompile(newest+` +enabled +no`).MatchString(out) {
		t.Errorf("enabling a retired key: %v %s", err, out)
	}
	for name, words := range map[string][]string{
		"a keyset that is there": {"init", file},
		"no file":                {"list", file + ".not"},
		"enable without a key":   {"enable", file},
		"retire without a key":   {"retire", file},
		"retire the primary key": {"retire", file, "--id", first},
		"a file that isn't":      {"add", file + ".not"},
		"an unknown key":         {"promote", file, "--no-gateway", "--id", "1"},
	} {
		if out, err := keys(t, words...); err == nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}
