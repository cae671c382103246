package pgtest

import (
	"fmt"
	"testing"
)

// Main runs a package's tests beside a server, which it puts in its place first. It
// returns the exit status.
func Main(m *testing.M, server **Server) (status int) {
	var err error
	if *server, err = Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() {
		if err := (*server).Close(); err != nil {
			fmt.Println(err)
			status = 1
		}
	}()
	return m.Run()
}
