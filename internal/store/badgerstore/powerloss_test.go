package badgerstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// A powerCut says when a machine loses its power.
type powerCut struct {
	changes int // after so many writes and flushes of the disk, or -1
	acks    int // after so many acknowledged commits, or -1
}

// An outage is a disk whose machines lose their power again and again, and what
// they have acknowledged.
type outage struct {
	rig   rig
	disk  *volatileDisk
	tally tally
	early int // power cuts before the store was open
}

func newOutage(t *testing.T, r rig) *outage {
	t.Helper()
	return &outage{rig: r, disk: newVolatileDisk(newExt4(t, r.dir)), tally: tally{newest: map[string]store.Version{}}}
}

// run boots a machine, which looks at what the last one has left, and cuts its
// power. It returns what is missing.
func (o *outage) run(t *testing.T, cut powerCut, variables ...string) (missing []string, err error) {
	t.Helper()
	o.disk.powerOn(cut.changes)
	var announced store.Position
	stored, open, acks, before := map[string]store.Version{}, false, 0, o.tally.last
	err = o.rig.boot(t.Context(), o.disk, func(line string) error {
		var key string
		var v store.Version
		switch {
		case line == "open":
			open = true
			missing = o.tally.missing(stored, announced)
		case o.tally.count(t, line, before):
			acks++
		default:
			if _, err := fmt.Sscanf(line, "record %s %d", &key, &v); err == nil {
				stored[key] = v
			} else if _, err := fmt.Sscanf(line, "announced %d", &announced); err != nil {
				return fmt.Errorf("the guest: %s", line)
			}
		}
		if open && acks == cut.acks {
			o.disk.cut()
		}
		return nil
	}, append(variables, fmt.Sprintf("%s=%d", guestHeard, o.tally.heard))...)
	if !open {
		o.early++
	}
	return missing, err
}

// keep writes the image of a disk to where it outlives the test.
func keep(t *testing.T, image []byte) string {
	t.Helper()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("onesgate-power-loss-%d.img", os.Getpid()))
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Error(err)
	}
	return path
}

// TestPowerLoss cuts the power of a machine that writes, again and again on the
// same disk, a quarter of the times while it is still opening the store. The disk
// forgets what was not flushed. Every acknowledged commit must be there.
//
// TestKill can't tell: the kernel outlives a killed process, and writes what that
// has never synced.
func TestPowerLoss(t *testing.T) {
	rounds := storetest.Rounds(t, "ONESGATE_POWER_LOSS_ROUNDS", 0)
	if rounds == 0 {
		t.Skip("only for a soak: ONESGATE_POWER_LOSS_ROUNDS is not set")
	}
	r := newRig(t)

	// The rig must find losses where there are some.
	t.Run("control", func(t *testing.T) {
		o := newOutage(t, r)
		_, err := o.run(t, powerCut{changes: -1, acks: 500}, guestNoSync+"=1")
		if err != nil {
			t.Fatal(err)
		}
		missing, err := o.run(t, powerCut{changes: -1, acks: 0})
		if err != nil {
			t.Fatal(err)
		}
		if len(missing) == 0 {
			t.Fatal("a store that doesn't sync has lost nothing: the rig is no good")
		}
		t.Logf("without syncing: %d commits acknowledged, to %d keys; %d complaints: %s, …",
			o.tally.commits, len(o.tally.newest), len(missing), missing[0])
	})

	t.Run("store", func(t *testing.T) {
		o := newOutage(t, r)
		checked := 0
		for round := range rounds + 1 {
			cut := powerCut{changes: 1 + int(upTo(3000)), acks: -1}
			switch {
			case round == rounds: // just look
				cut, checked = powerCut{changes: -1, acks: 0}, o.tally.commits
			case round%4 == 2: // long enough for some memtables
				cut.changes += int(upTo(10_000))
			case round%4 == 3:
				cut.changes = 1 + int(upTo(40))
			}
			image := slices.Clone(o.disk.durable)
			missing, err := o.run(t, cut)
			if err != nil || len(missing) > 0 || t.Failed() {
				t.Fatalf("in round %d, with the disk that is kept as %s: %v\nmissing: %s",
					round, keep(t, image), err, strings.Join(missing, "\n"))
			}
		}
		if checked == 0 {
			t.Fatal("no commit was acknowledged: nothing was tested")
		}
		t.Logf("%d power cuts, %d of them before the store was open; %d commits acknowledged, %d announced, none missing",
			rounds, o.early, checked, o.tally.heard)
		t.Logf("the disk had %d writes and %d flushes; of the sectors in its cache %d got through, %d were lost",
			o.disk.writes, o.disk.flushes, o.disk.kept, o.disk.lost)
	})
}
