package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// Keys in Badger. Records have a first byte of their own, so that nothing a
// caller names can meet the store's own keys or Badger's.
const (
	recordPrefix       = "r"
	announcementPrefix = "a"
	versionKey         = "version"  // the last one given
	positionKey        = "position" // the last one given
)

func recordKey(key string) []byte { return []byte(recordPrefix + key) }

// announcementKey keeps announcements in their order.
func announcementKey(p store.Position) []byte {
	return binary.BigEndian.AppendUint64([]byte(announcementPrefix), uint64(p))
}

// encodeAnnouncement is a format byte, the length of the topic in two bytes, the
// topic and the value.
func encodeAnnouncement(topic string, value []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{formatAnnouncement}, uint16(len(topic))) // at most maxKey
	return append(append(b, topic...), value...)
}

func decodeAnnouncement(key, b []byte) (store.Announcement, error) {
	if len(key) != len(announcementPrefix)+8 || len(b) < 3 || b[0] != formatAnnouncement {
		return store.Announcement{}, fmt.Errorf("announcement %x: %w", key, errFormat)
	}
	end := 3 + int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < end {
		return store.Announcement{}, fmt.Errorf("announcement %x: %w", key, errFormat)
	}
	position := store.Position(binary.BigEndian.Uint64(key[len(announcementPrefix):]))
	return store.Announcement{Position: position, Topic: string(b[3:end]), Value: b[end:]}, nil
}

// A stored value is a format byte, the version, in formatExpiring the expiry as
// Unix seconds and nanoseconds, and the payload. Numbers are big endian.
const (
	formatLasting  = 1
	formatExpiring = 2

	formatAnnouncement = 1

	versionAt   = 1
	expiryAt    = versionAt + 8
	minEnvelope = expiryAt
	maxEnvelope = expiryAt + 8 + 4
)

// entryReserve is more than the bytes around one key and value, Badger's and
// ours. It also bounds how many writes fit into a commit.
const entryReserve = 100

// encode returns the stored form of a value whose version is not yet known:
// setVersion writes it.
func encode(value []byte, expires time.Time) []byte {
	b := make([]byte, minEnvelope, maxEnvelope+len(value))
	b[0] = formatLasting
	if !expires.IsZero() {
		b[0] = formatExpiring
		b = binary.BigEndian.AppendUint64(b, uint64(expires.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(expires.Nanosecond()))
	}
	return append(b, value...)
}

func setVersion(encoded []byte, v store.Version) {
	binary.BigEndian.PutUint64(encoded[versionAt:], uint64(v))
}

var errFormat = errors.New("unknown format: damaged, or written by a newer version")

// decode reads the stored form b of the record with that key. The value is a
// part of b.
func decode(key string, b []byte) (store.Record, error) {
	if len(b) < minEnvelope {
		return store.Record{}, fmt.Errorf("record %q: %w", key, errFormat)
	}
	r := store.Record{Key: key, Version: store.Version(binary.BigEndian.Uint64(b[versionAt:]))}
	switch {
	case b[0] == formatLasting:
		r.Value = b[minEnvelope:]
	case b[0] == formatExpiring && len(b) >= maxEnvelope:
		sec := int64(binary.BigEndian.Uint64(b[expiryAt:]))
		nsec := int64(binary.BigEndian.Uint32(b[expiryAt+8:]))
		r.Expires = time.Unix(sec, nsec).UTC()
		r.Value = b[maxEnvelope:]
	default:
		return store.Record{}, fmt.Errorf("record %q: %w", key, errFormat)
	}
	return r, nil
}

// expired reports whether r no longer exists at the time now.
func expired(r store.Record, now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// collectAfter is how long Badger keeps a record after its expiry, in case the
// clock is set back.
const collectAfter = 24 * time.Hour

// collectAt is when Badger may drop a record, in Unix seconds of the system's
// clock, by which Badger judges. Our own clock decides what callers see and may
// be another one, so the time left is carried over, not the time of day.
func collectAt(expires, now time.Time) uint64 {
	left := max(0, expires.Sub(now))
	return uint64(time.Now().Add(left).Add(collectAfter).Unix())
}
