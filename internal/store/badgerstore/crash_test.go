package badgerstore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// childDir is the variable that makes the test binary a child: it opens the
// store there and writes to it until it is killed.
const childDir = "ONESGATE_TEST_BADGER_CHILD"

// slots is how many keys each caller of a child writes to, again and again, so
// that thousands of rounds need no more room than a few.
const slots = 50

// childValue is what each record that is written holds.
var childValue = []byte(strings.Repeat("x", 4096))

// runChild prints "open" and writes. It never returns; if it can't go on it
// prints why.
func runChild(dir string) {
	s, err := Open(Options{Dir: dir, MinFree: 1})
	if err == nil {
		fmt.Println("open")
		err = writeForever(s)
	}
	fmt.Println("failed", err)
	os.Exit(1)
}

// writeForever prints a line for each commit that was acknowledged:
// "ack KEY VERSION". Each commit puts two records, KEY/a and KEY/b, and announces
// KEY with the version that it came after. It returns the first error.
func writeForever(s *Store) error {
	failed := make(chan error)
	for caller := range 8 {
		go func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d-%d", caller, n%slots)
				v, err := s.Commit(context.Background(),
					store.Write{Key: key + "/a", Value: childValue}, store.Write{Key: key + "/b", Value: childValue},
					store.Write{Op: store.Announce, Key: key})
				if err != nil {
					failed <- err
					return
				}
				// One system call, so that lines are whole or missing.
				_, _ = os.Stdout.WriteString(fmt.Sprintf("ack %s %d\n", key, v))
			}
		}()
	}
	return <-failed
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

// upTo is a random number below n.
func upTo(n int64) int64 {
	r, _ := rand.Int(rand.Reader, big.NewInt(n)) // that reader never fails
	return r.Int64()
}

// A tally is what children have acknowledged.
type tally struct {
	commits int
	newest  map[string]store.Version // by key
	last    store.Version
	heard   store.Position // announcements that were looked at
}

// kill runs a child and kills it with SIGKILL: after so many lines, or in its
// start, after a moment.
func (a *tally) kill(t *testing.T, dir string, lines int64, moment time.Duration) {
	t.Helper()
	cmd, out := startChild(t, dir)
	kill := func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	if lines == 0 {
		defer time.AfterFunc(moment, kill).Stop()
	}
	before := a.last
	for n := int64(1); ; n++ {
		line, err := out.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !a.count(t, line, before) && line != "open\n" {
			t.Fatalf("child: %s", line)
		}
		if n == lines {
			kill()
		}
	}
	var killed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &killed) || killed.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child ended with %v, want SIGKILL", err)
	}
}

// count reports whether line acknowledges a commit, of a version later than before.
func (a *tally) count(t *testing.T, line string, before store.Version) bool {
	t.Helper()
	var key string
	var v store.Version
	if _, err := fmt.Sscanf(line, "ack %s %d", &key, &v); err != nil {
		return false
	}
	if v <= before {
		t.Errorf("version %d was given again; an earlier process had %d", v, before)
	}
	a.commits++
	a.newest[key] = max(a.newest[key], v)
	a.last = max(a.last, v)
	return true
}

// look reads all of s: the versions of its records, whose values must be whole,
// and the position of the last announcement. None may be missing after heard.
func look(s *Store, heard store.Position) (map[string]store.Version, store.Position, error) {
	records, err := s.Scan(context.Background(), "", "", 10_000)
	if err != nil {
		return nil, 0, err
	}
	stored := map[string]store.Version{}
	for _, r := range records {
		if !bytes.Equal(r.Value, childValue) {
			return nil, 0, fmt.Errorf("the value of %s is not what was put", r.Key)
		}
		stored[r.Key] = r.Version
	}
	for more := true; more; {
		announced, err := s.announced(heard, 1000)
		if err != nil {
			return nil, 0, fmt.Errorf("the feed has a gap: %w", err)
		}
		for _, an := range announced {
			if an.Position != heard+1 {
				return nil, 0, fmt.Errorf("after announcement %d comes %d", heard, an.Position)
			}
			heard = an.Position
		}
		more = len(announced) == 1000
	}
	return stored, heard, nil
}

// check opens the store and looks for all that was acknowledged.
func (a *tally) check(t *testing.T, dir string) {
	t.Helper()
	s := openTest(t, dir, nil)
	defer closeTest(t, s)
	stored, heard, err := look(s, a.heard)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range a.missing(stored, heard) {
		t.Error(what)
	}
}

// missing says what was acknowledged and isn't stored, given what look has found.
func (a *tally) missing(stored map[string]store.Version, heard store.Position) (what []string) {
	for key, v := range a.newest {
		if got := stored[key+"/a"]; got < v {
			what = append(what, fmt.Sprintf("%s was acknowledged with version %d, stored is %d", key, v, got))
		}
	}
	for key, v := range stored {
		if other := strings.TrimSuffix(key, "/a") + "/b"; strings.HasSuffix(key, "/a") && stored[other] != v {
			what = append(what, fmt.Sprintf("half a commit: %s has version %d, %s %d", key, v, other, stored[other]))
		}
	}
	if a.heard = heard; int(heard) < a.commits {
		what = append(what, fmt.Sprintf("%d announcements, but %d commits were acknowledged", heard, a.commits))
	}
	return what
}

// TestKill kills a writing child with SIGKILL, again and again on the same
// folder, a quarter of the times while it is still opening it, and looks for
// every commit that any of them has acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds, a := storetest.Rounds(t, "ONESGATE_CRASH_ROUNDS", 40), &tally{newest: map[string]store.Version{}}
	for round := range rounds {
		lines := 1 + upTo(400)
		if round%4 == 3 {
			lines = 0
		}
		a.kill(t, dir, lines, time.Duration(upTo(int64(60*time.Millisecond))))
		if round%10 == 9 {
			a.check(t, dir)
		}
	}
	if a.commits == 0 {
		t.Fatal("no commit was acknowledged: nothing was tested")
	}
	a.check(t, dir)
	t.Logf("%d kills, %d commits acknowledged, %d announced", rounds, a.commits, a.heard)
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
