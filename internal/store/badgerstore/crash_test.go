package badgerstore

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

// childDir is the variable that makes the test binary a child: it opens the
// store there and writes to it until it is killed.
const childDir = "ONESGATE_TEST_BADGER_CHILD"

// runChild prints "open", then a line for each commit that was acknowledged:
// "ack KEY VERSION". Each commit puts two records, KEY/a and KEY/b. It never
// returns; if it can't go on it prints why.
func runChild(dir string) {
	fail := func(err error) {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	s, err := Open(Options{Dir: dir, MinFree: 1})
	if err != nil {
		fail(err)
	}
	fmt.Println("open")
	value := []byte(strings.Repeat("x", 4096))
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, n)
				v, err := s.Commit(context.Background(),
					store.Write{Key: key + "/a", Value: value}, store.Write{Key: key + "/b", Value: value})
				if err != nil {
					fail(err)
				}
				// One system call, so that lines are whole or missing.
				_, _ = os.Stdout.WriteString(fmt.Sprintf("ack %s %d\n", key, v))
			}
		})
	}
	wg.Wait()
}

// startChild starts the test binary as a child on dir. The test that killed it
// has to wait for it.
func startChild(t *testing.T, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

// TestKill kills a writing child with SIGKILL, again and again on the same
// folder, also while it is still opening, and looks for every commit that any
// of them has acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]store.Version{}
	var last store.Version
	for round := range 6 {
		n, err := rand.Int(rand.Reader, big.NewInt(400))
		if err != nil {
			t.Fatal(err)
		}
		after := int(n.Int64()) // lines
		if round == 2 {
			after = 0
		}
		before := last
		cmd, out := startChild(t, dir)
		for lines := 0; ; lines++ {
			if lines == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			line, err := out.ReadString('\n')
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var key string
			var v store.Version
			if _, err := fmt.Sscanf(line, "ack %s %d", &key, &v); err != nil {
				if line != "open\n" {
					t.Fatalf("round %d: child: %s", round, line)
				}
				continue
			}
			if v <= before {
				t.Errorf("round %d: version %d given again; an earlier process had %d", round, v, before)
			}
			acked[key] = v
			last = max(last, v)
		}
		var killed *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &killed) || killed.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("round %d: child ended with %v, want SIGKILL", round, err)
		}
	}
	if len(acked) == 0 {
		t.Fatal("no commit was acknowledged: nothing was tested")
	}

	s := openTest(t, dir, nil)
	defer closeTest(t, s)
	stored := map[string]store.Version{}
	for after := ""; ; {
		records, err := s.Scan(t.Context(), "", after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			stored[r.Key] = r.Version
			after = r.Key
		}
		if len(records) < 1000 {
			break
		}
	}
	for key, v := range acked {
		if got := stored[key+"/a"]; got != v {
			t.Errorf("%s was acknowledged with version %d, stored is %d", key, v, got)
		}
	}
	for key, v := range stored {
		other := strings.TrimSuffix(key, "/a") + "/b"
		if strings.HasSuffix(key, "/b") {
			other = strings.TrimSuffix(key, "/b") + "/a"
		}
		if stored[other] != v {
			t.Errorf("half a commit: %s has version %d, %s %d", key, v, other, stored[other])
		}
	}
	t.Logf("%d commits acknowledged, %d records stored", len(acked), len(stored))
}

// TestOtherProcess: the error names the process that has the store open.
func TestOtherProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, out := startChild(t, dir)
	defer func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	if line, err := out.ReadString('\n'); line != "open\n" {
		t.Fatalf("child: %q, %v", line, err)
	}
	_, err := Open(Options{Dir: dir})
	if want := fmt.Sprintf("process %d", cmd.Process.Pid); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("Open = %v, want ErrInUse by %s", err, want)
	}
}
