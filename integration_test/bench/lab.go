package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A lab is all that stands around what is measured, and where it was built.
type lab struct {
	plan
	dir       string
	progress  io.Writer
	cores     cores
	microsoft *microsoft
	ones      *server
	running   []*process
	peers     peerPrograms

	// What was built, as files. The optimised ones are "" if the plan has none.
	gateway, gatewayOptimised        string
	caddy, caddyUntagged, caddyTuned string
}

// newLab starts what surrounds a gateway.
func newLab(p plan, progress io.Writer) (_ *lab, err error) {
	l := &lab{plan: p, progress: progress}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.cores, err = split(); err != nil {
		return nil, err
	}
	if l.dir, err = os.MkdirTemp("", "onesgate-bench-"); err != nil {
		return nil, err
	}
	if l.ones, err = serve(ones()); err != nil {
		return nil, err
	}
	if l.microsoft, err = startMicrosoft(); err != nil {
		return nil, err
	}
	if p.peers {
		l.peers = findPeers(progress)
	}
	return l, nil
}

// stopAll stops what is measured.
func (l *lab) stopAll() {
	for _, p := range l.running {
		p.stop()
	}
	l.running = nil
}

func (l *lab) close() error {
	l.stopAll()
	var err error
	if l.ones != nil {
		err = l.ones.stop()
	}
	if l.microsoft != nil {
		err = errors.Join(err, l.microsoft.stop())
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

// say tells what is being done.
func (l *lab) say(format string, values ...any) {
	fmt.Fprintf(l.progress, "  "+format+"\n", values...)
}
