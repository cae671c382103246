package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is onesgate as it ships, built once. It calls its version "(devel)".
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv(callerWord) != "" {
		return runErrands()
	}
	dir, err := os.MkdirTemp("", "onesgate-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "onesgate")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "nobadger,nomysql,nopgx", "-o", binary, "../cmd/onesgate")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building onesgate:", err)
		return 1
	}
	return m.Run()
}
