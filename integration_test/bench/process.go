package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait; what is awaited comes far sooner.
const patience = 2 * time.Minute

// A process is a program that is measured, with the processes it starts itself.
type process struct {
	cmd    *exec.Cmd
	log    string // the file with all that it writes
	exited chan struct{}
}

// launch starts a program on the core of those that are measured. What it writes is
// added to a file.
func (l *lab) launch(logFile string, env []string, argv ...string) (*process, error) {
	argv = append(l.cores.measured(), argv...)
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), log: logFile, exited: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt ends this program first
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	}()
	l.running = append(l.running, p)
	return p, nil
}

// await asks what until it has no error.
func (p *process) await(ctx context.Context, what func() error) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		err := what()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		case <-p.exited:
			return fmt.Errorf("%s has ended: %s", p.cmd.Path, p.lastWords())
		case <-late.C:
			return fmt.Errorf("%w; it wrote: %s", err, p.lastWords())
		}
	}
}

// lastWords is the end of what it has written.
func (p *process) lastWords() string {
	const enough = 2000
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b[max(0, len(b)-enough):]))
}

// stop asks it to end, and ends it if it doesn't.
func (p *process) stop() {
	select {
	case <-p.exited:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(patience):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // and what it leaves behind
	<-p.exited
}

// tick is the unit of times in /proc (proc_pid_stat(5)): 100 Hz on every Linux that Go
// runs on.
const tick = 10 * time.Millisecond

// cpu is the time that it and its children have used so far.
func (p *process) cpu() (time.Duration, error) {
	var sum time.Duration
	err := p.tree(func(_ int, stat []string) error {
		for _, field := range stat[11:15] { // utime, stime, and both of children that have ended
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return err
			}
			sum += time.Duration(ticks) * tick
		}
		return nil
	})
	return sum, err
}

// memory is what it and its children have in memory that isn't of files, in bytes.
func (p *process) memory() (int64, error) {
	var sum int64
	err := p.tree(func(pid int, _ []string) error {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(status), "RssAnon:")
		var kib int64
		if _, err := fmt.Sscan(rest, &kib); err != nil {
			return fmt.Errorf("the memory of process %d: %w", pid, err)
		}
		sum += kib << 10
		return nil
	})
	return sum, err
}

// tree calls do for the process and all below it, with the fields of its stat from the
// state on (the third).
func (p *process) tree(do func(pid int, stat []string) error) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	stats, children := map[int][]string{}, map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ") // names may hold anything
		fields := strings.Fields(rest)
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return err
		}
		stats[pid], children[parent] = fields, append(children[parent], pid)
	}
	for below := []int{p.cmd.Process.Pid}; len(below) > 0; below = below[1:] {
		pid := below[0]
		if stats[pid] == nil {
			return fmt.Errorf("process %d has ended: %s", pid, p.lastWords())
		}
		if err := do(pid, stats[pid]); err != nil {
			return err
		}
		below = append(below, children[pid]...)
	}
	return nil
}
