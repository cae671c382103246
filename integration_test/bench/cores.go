package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores says who runs where: what is measured alone on one core, this program, which
// is everything around it, on another.
type cores struct {
	apart     bool // there are two
	proxy, us int
}

// split takes the first two cores that this program may run on.
func split() (cores, error) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return cores{}, fmt.Errorf("which cores there are: %w", err)
	}
	if may.Count() < 2 {
		return cores{}, nil
	}
	var two []int
	for i := 0; len(two) < 2; i++ {
		if may.IsSet(i) {
			two = append(two, i)
		}
	}
	return cores{apart: true, proxy: two[0], us: two[1]}, nil
}

// keep has this program run on its own core from now on; builds come before.
func (c cores) keep() error {
	if !c.apart {
		return nil
	}
	runtime.GOMAXPROCS(1)
	var own unix.CPUSet
	own.Set(c.us)
	// Threads that are started later run where the one runs that starts them. Twice,
	// since one may have been started meanwhile.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, &own); err != nil && err != unix.ESRCH {
				return fmt.Errorf("keeping to core %d: %w", c.us, err)
			}
		}
	}
	return nil
}

// measured is what a command begins with that is to run on the other core. taskset
// (util-linux) gives its process to the command.
func (c cores) measured() []string {
	if !c.apart {
		return nil
	}
	return []string{"taskset", "--cpu-list", strconv.Itoa(c.proxy)}
}
