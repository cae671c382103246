// Package freeport finds ports for programs that listen where they are told to.
package freeport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// The ports that are given lie below those that the kernel gives to connections (from 32768 on,
// in Linux): one of those may be taken by any connection before the program listens.
const (
	first = 20_000
	many  = 12_000
)

// given counts the ports that were tried. Each process begins somewhere else, as several
// may look at the same time.
var given atomic.Int64

func init() { given.Store(int64(os.Getpid()) * 97) }

// Next returns a port of 127.0.0.1 that nobody listens on, and that it has not returned in
// this process for a long time. It may be called concurrently.
func Next() (int, error) {
	for range many {
		port := first + int(given.Add(1)%many)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, err
		}
		return port, l.Close()
	}
	return 0, errors.New("all ports are in use")
}
