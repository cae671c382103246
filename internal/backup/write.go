package backup

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/store"
)

// passing says whether a record is about this one store only: who works on it at this
// moment, and what its announcements are counted by.
func passing(key string) bool {
	return strings.HasPrefix(key, leasePrefix) || strings.HasPrefix(key, peers.Prefix) || key == store.EpochKey
}

// Write writes the records that s has at this moment, now, to w; commits go on
// meanwhile. version is that of the program. It returns how many records it has
// written. After an error w holds half a backup, which every reader refuses.
func Write(ctx context.Context, s store.Store, w io.Writer, now time.Time, version string, to []age.Recipient) (records uint64, err error) {
	encrypted, err := age.Encrypt(w, to...)
	if err != nil {
		return 0, fmt.Errorf("encrypt the backup: %w", err)
	}
	// age writes blocks of 64 KiB; records are smaller.
	buffered := bufio.NewWriterSize(encrypted, 64<<10)
	frames := newFrameWriter(buffered)
	if err := frames.header(Header{ID: rand.Text(), Made: now.UTC().Truncate(time.Second), Version: version}); err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	err = s.Snapshot(ctx, func(r store.Record) error {
		if passing(r.Key) {
			return nil
		}
		return frames.record(r)
	})
	if err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	if err := frames.trailer(); err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	if err := encrypted.Close(); err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	return frames.records, nil
}
