package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// profiled writes a profile of a Caddy's CPU time to a file, while load presses it.
func (v *program) profiled(ctx context.Context, file string, d time.Duration, load func(context.Context, time.Duration) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pressing := make(chan error, 1)
	go func() { pressing <- load(ctx, d+time.Second) }()
	defer func() {
		if err != nil {
			cancel()
		}
		err = errors.Join(err, <-pressing)
	}()
	seconds := max(int(d.Seconds()), 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://localhost/debug/pprof/profile?seconds=%d", seconds), nil)
	if err != nil {
		return err
	}
	res, err := v.adminClient().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the profile of %s: %s", v.name, res.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, res.Body)
	return errors.Join(err, out.Close())
}
