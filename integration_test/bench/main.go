package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	quick := flag.Bool("quick", false, "a short run, which shows that all works and measures nothing well")
	write := flag.String("write", "", "folder of the documentation to write the table and the plot into; \"\": only print")
	only := flag.String("only", "", "measure the parts with this in their names, such as \"pages\", and print")
	pgo := flag.String("pgo", "", "measure nothing, and write a profile for profile-guided optimisation to this file")
	seconds := flag.Int("seconds", 30, "how long each of the profiles of -pgo takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := full()
	if *quick {
		p = short()
	}
	var err error
	if *pgo != "" {
		err = writeProfile(ctx, p, *pgo, *seconds, os.Stderr)
	} else {
		p.only = *only
		err = measure(ctx, p, *write, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure does all of a plan, and writes what came out to out, and into docs unless
// that is "". What it is at is told to progress.
func measure(ctx context.Context, p plan, docs string, out, progress io.Writer) (err error) {
	l, err := newLab(p, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.build(ctx); err != nil {
		return err
	}
	var r report
	for _, part := range []struct {
		name string
		do   func(context.Context, *report) error
	}{
		{"pages", l.pages},
		{"visitors without a session", l.visitors},
		{"many sessions", l.manySessions},
		{"WebSockets", l.webSockets},
		{"a start with much in the store", l.richStart},
		{"streams", l.streams},
		{"idling", l.idling},
	} {
		if !strings.Contains(part.name, p.only) {
			continue
		}
		fmt.Fprintf(progress, "%s measuring %s\n", time.Now().Format(time.TimeOnly), part.name)
		if err := part.do(ctx, &r); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		l.stopAll()
	}
	table := r.markdown(l)
	if _, err := io.WriteString(out, table); err != nil {
		return err
	}
	if docs == "" || p.only != "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(docs, plotName), r.plot(), 0o644); err != nil {
		return err
	}
	return replaceSection(filepath.Join(docs, "performance.md"), table)
}
