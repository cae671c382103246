package seal_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
)

// A tap is a source that gives what it is told to.
type tap struct {
	seal.Source
	mu  sync.Mutex
	now *seal.Keyset
	err error
}

func (s *tap) set(now *seal.Keyset, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = now, err
}

func (s *tap) Load() (*seal.Keyset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.err
}

func (s *tap) String() string { return "the tap" }

// TestFollow: what can be taken is taken, what can't be is told once and changes
// nothing.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 2 * time.Second
		must := must(t)
		first := newKeyset(t)
		both := must(first.Add())
		promoted := must(both.Promote(both.Newest()))
		used := must(first.Promote(first.Primary())) // a copy

		var log bytes.Buffer
		src, changes := &tap{now: first}, 0
		var problem error
		ctx, stop := context.WithCancel(context.Background())
		var work sync.WaitGroup
		work.Go(func() {
			used.Follow(ctx, src, every, slog.New(slog.NewTextHandler(&log, nil)), func(changed bool, err error) {
				if problem = err; changed {
					changes++
				}
			})
		})
		for _, step := range []struct {
			name    string
			now     *seal.Keyset
			err     error
			want    *seal.Keyset
			changes int
			says    string // of a log line; empty: there is none
		}{
			{"the same", first, nil, first, 0, ""},
			{"one more", both, nil, both, 1, "keys=2"},
			{"gone", nil, errors.New("no such file"), both, 1, "no such file"},
			{"gone for long", nil, errors.New("no such file"), both, 1, ""},
			{"back", both, nil, both, 1, "can be read again"},
			{"another one by mistake", newKeyset(t), nil, both, 1, "lacks a key"},
			{"promoted", promoted, nil, promoted, 2, "was changed"},
		} {
			log.Reset()
			src.set(step.now, step.err)
			time.Sleep(every)
			synctest.Wait()
			if got, want := used.String(), step.want.String(); got != want || changes != step.changes {
				t.Errorf("%s: %s after %d changes, want %s after %d", step.name, got, changes, want, step.changes)
			}
			if (problem == nil) != (step.err == nil && step.name != "another one by mistake") {
				t.Errorf("%s: the problem is %v", step.name, problem)
			}
			if told := log.String(); (told == "") != (step.says == "") || !strings.Contains(told, step.says) || strings.Count(told, "\n") > 1 {
				t.Errorf("%s: told %q, want %q", step.name, told, step.says)
			}
		}
		log.Reset()
		src.set(nil, errors.New("no such file"))
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "no such file"); n != 3 {
			t.Errorf("in eleven minutes told %d times of a problem, want 3: %s", n, log.String())
		}
		stop()
		work.Wait()
	})
}
