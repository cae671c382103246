package badgerstore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
)

const (
	// maxGroup is the size in bytes at which a group is closed, so it may grow
	// beyond by one commit. Badger takes 15 % of its memtable, 2.4 MiB, and some
	// 26,000 entries in one transaction; entryReserve keeps 2 MiB below both.
	maxGroup  = 1 << 20
	maxQueued = 256 // commits
)

// write is the writer: it answers the commits in the queue until that is closed.
// While one group is being synced, the next one gathers in the queue.
func (s *Store) write() {
	defer close(s.written)
	for first := range s.queue {
		group := s.gather(first)
		s.writeGroup(group)
		for _, c := range group {
			close(c.answered)
		}
	}
}

// gather returns first and the commits that wait behind it, as many as fit.
func (s *Store) gather(first *commit) []*commit {
	group := []*commit{first}
	for size := first.size; size < maxGroup; {
		select {
		case c, ok := <-s.queue:
			if !ok {
				return group
			}
			group = append(group, c)
			size += c.size
		default:
			return group
		}
	}
	return group
}

// writeGroup judges each commit of the group by the state that those before it
// leave, writes all that may happen in one transaction, and sets the answers.
func (s *Store) writeGroup(group []*commit) {
	if s.fenced != nil {
		failAll(group, s.fenced)
		return
	}
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	last := s.version
	position, _ := s.tail.Last()
	for _, c := range group {
		if c.err = s.judge(txn, c); c.err != nil || !c.changes() {
			continue
		}
		last++
		c.version = last
		s.space.spend(c.size)
		if err := c.apply(txn, &position); err != nil {
			// Part of it is in the transaction now, so none of that may be written.
			failAll(group, fmt.Errorf("nothing written: %w", err))
			return
		}
	}
	if last == s.version {
		return
	}
	if err := s.persistGroup(txn, last, position); err != nil {
		s.fenced = fmt.Errorf("%w; restart the gateway, after looking at the disk: %w", store.ErrUnknownOutcome, err)
		failAll(group, s.fenced)
		return
	}
	s.version = last
	s.tail.Learn(position)
}

// persistGroup makes the transaction durable, with the last version and position
// given in it.
// An error doesn't mean that nothing was written: Badger may have logged the
// transaction and failed to sync, and a kernel reports such a failure only once.
func (s *Store) persistGroup(txn *badger.Txn, last store.Version, position store.Position) error {
	if err := setCounter(txn, versionKey, uint64(last)); err != nil {
		return err
	}
	if told, _ := s.tail.Last(); position != told {
		if err := setCounter(txn, positionKey, uint64(position)); err != nil {
			return err
		}
	}
	return s.persist(txn)
}

// judge returns why c must not happen, or nil.
func (s *Store) judge(txn *badger.Txn, c *commit) error {
	for _, w := range c.writes {
		if !w.condition {
			continue
		}
		switch r, err := s.get(txn, w.key); {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("read %q: %w", w.key, err)
		case r.Version != w.version: // Absent if not found
			return fmt.Errorf("%q: %w", w.key, store.ErrConflict)
		}
	}
	if c.changes() {
		return s.space.check(c.puts)
	}
	return nil
}

// changes reports whether c writes anything.
func (c *commit) changes() bool {
	return slices.ContainsFunc(c.writes, func(w write) bool { return w.op != store.Check })
}

// apply adds the writes of c to the transaction. position is the last one that
// was given to an announcement.
func (c *commit) apply(txn *badger.Txn, position *store.Position) error {
	for _, w := range c.writes {
		var err error
		switch w.op {
		case store.Put:
			setVersion(w.entry.Value, c.version)
			err = txn.SetEntry(w.entry)
		case store.Delete:
			err = txn.Delete(recordKey(w.key))
		case store.Announce:
			*position++
			w.entry.Key = announcementKey(*position)
			err = txn.SetEntry(w.entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failAll answers err to every commit that has no error of its own.
func failAll(group []*commit, err error) {
	for _, c := range group {
		if c.err == nil {
			c.version, c.err = 0, err
		}
	}
}
