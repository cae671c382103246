// Command mutate takes the gateway's decisions about security away, one at a
// time, and runs the tests that have to notice. A decision whose loss nobody
// notices is one that the next change may lose, too: it needs a test.
//
//	go run ./internal/mutate [-run REGEXP]
//
// It changes no file: the go command is given the changed text as an overlay.
// The exit status is 1 if a decision was lost unnoticed, or could not be tried.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A decision is a piece of a file, and what is left when it is gone.
type decision struct {
	line    string // of docs/threat-model.md
	file    string // from the module's root
	is      string // stands once in the file
	becomes string
	in      string // the package whose tests have to notice; "": the file's own
	run     string // which of its tests; "": all
}

func (d decision) String() string {
	is, _, more := strings.Cut(strings.TrimSpace(d.is), "\n")
	if more {
		is += " …"
	}
	return fmt.Sprintf("%-7s %s: %s", d.line, d.file, is)
}

// without returns the file's text without the decision.
func (d decision) without(text []byte) ([]byte, error) {
	if n := bytes.Count(text, []byte(d.is)); n != 1 {
		return nil, fmt.Errorf("the decision stands there %d times, not once: say in internal/mutate how it reads now", n)
	}
	return bytes.Replace(text, []byte(d.is), []byte(d.becomes), 1), nil
}

func main() {
	pattern := flag.String("run", "", "only decisions that match `REGEXP`")
	flag.Parse()
	only, err := regexp.Compile(*pattern)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate: -run:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	tried, failed := 0, 0
	for _, d := range decisions {
		if !only.MatchString(d.String()) {
			continue
		}
		tried++
		began := time.Now()
		err := d.try(ctx)
		took := time.Since(began).Round(100 * time.Millisecond)
		if err != nil {
			failed++
			fmt.Printf("FAIL %s (%s)\n\tas %q: %v\n", d, took, d.becomes, err)
		} else {
			fmt.Printf("ok   %s (%s)\n", d, took)
		}
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Printf("%d decisions taken away, %d noticed\n", tried, tried-failed)
	if failed > 0 {
		os.Exit(1)
	}
}

var errUnnoticed = errors.New("no test has noticed that it is gone")

// try runs the tests without the decision. nil: one of them fails, as it should.
func (d decision) try(ctx context.Context) error {
	text, err := os.ReadFile(d.file)
	if err != nil {
		return fmt.Errorf("run this from the module's root: %w", err)
	}
	if text, err = d.without(text); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "onesgate-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	original, err := filepath.Abs(d.file)
	if err != nil {
		return err
	}
	changed, overlay := filepath.Join(dir, filepath.Base(d.file)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(changed, text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return err
	}

	in := d.in
	if in == "" {
		in = filepath.ToSlash(filepath.Dir(d.file))
	}
	args := []string{"test", "-overlay", overlay, "-vet=off", "-count=1", "-failfast", "-timeout=3m", "-run", d.run, "./" + in}
	imports, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.TestImports}} {{.XTestImports}}", "./"+in).Output()
	if err != nil {
		return fmt.Errorf("go list ./%s: %w", in, err)
	}
	if bytes.Contains(imports, []byte("pgregory.net/rapid")) {
		args = append(args, "-rapid.nofailfile") // what fails here is no case to be kept
	}
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && bytes.Contains(out, []byte("no tests to run")):
		return fmt.Errorf("no test matches -run %s", d.run)
	case err == nil:
		return errUnnoticed
	case !errors.As(err, &exit):
		return err
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return fmt.Errorf("it does not build without the decision, which proves nothing:\n%s", out)
	}
	return nil
}
