package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// Errors of reading a backup.
var (
	// ErrNotBackup: it is something else.
	ErrNotBackup = errors.New("this is not a backup of onesgate")
	// ErrNewer: it was written by a later version of this program.
	ErrNewer = errors.New("the backup was written by a newer version of onesgate")
	// ErrDamaged: it was cut off or changed.
	ErrDamaged = errors.New("the backup is damaged or incomplete")
)

// format is the version of what is written here.
const format = 1

// A Header says what a backup is of. It holds nothing that depends on an engine.
type Header struct {
	// ID is random: two runs over the same backup recognise it.
	ID string `json:"id"`
	// Made is when its records were read.
	Made time.Time `json:"made"`
	// Version of the program that made it.
	Version string `json:"version"`
}

// The stream is a sequence of frames: a byte that says what it is, the length of
// the rest in four bytes, and the rest. Numbers are big endian.
//
//	header   JSON: "onesgate_backup": the format, and the Header
//	record   the key's length in four bytes, the key, the expiry, the value
//	trailer  the number of records in eight bytes, the SHA-256 of all before it
//
// An expiry is a byte 0, or a byte 1, Unix seconds and nanoseconds.
const (
	frameHeader  = 'h'
	frameRecord  = 'r'
	frameTrailer = 't'

	frameStart  = 1 + 4
	trailerSize = 8 + sha256.Size
	neverSize   = 1
	expirySize  = 1 + 8 + 4

	// maxFrame bounds what a reader takes into memory at once. It is more than
	// any engine can keep in one record.
	maxFrame = 4 << 20
)

// formattedHeader is the first frame. Its format is read before anything else.
type formattedHeader struct {
	Format int `json:"onesgate_backup"`
	Header
}

// A frameWriter writes frames and sums them up.
type frameWriter struct {
	to      io.Writer
	sum     hash.Hash
	records uint64
	buf     []byte
}

func newFrameWriter(to io.Writer) *frameWriter { return &frameWriter{to: to, sum: sha256.New()} }

// frame writes a frame whose content append adds to a buffer.
func (w *frameWriter) frame(kind byte, content func([]byte) []byte) error {
	w.buf = content(append(w.buf[:0], kind, 0, 0, 0, 0))
	n := len(w.buf) - frameStart
	if n > maxFrame {
		return fmt.Errorf("a record of %d bytes is too large for a backup", n)
	}
	binary.BigEndian.PutUint32(w.buf[1:], uint32(n))
	_, _ = w.sum.Write(w.buf) // never fails
	_, err := w.to.Write(w.buf)
	return err
}

func (w *frameWriter) header(h Header) error {
	encoded, err := json.Marshal(formattedHeader{format, h})
	if err != nil {
		return err
	}
	return w.frame(frameHeader, func(b []byte) []byte { return append(b, encoded...) })
}

func (w *frameWriter) record(r store.Record) error {
	w.records++
	return w.frame(frameRecord, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint32(b, uint32(len(r.Key)))
		b = append(b, r.Key...)
		if r.Expires.IsZero() {
			b = append(b, 0)
		} else {
			b = binary.BigEndian.AppendUint64(append(b, 1), uint64(r.Expires.Unix()))
			b = binary.BigEndian.AppendUint32(b, uint32(r.Expires.Nanosecond()))
		}
		return append(b, r.Value...)
	})
}

func (w *frameWriter) trailer() error {
	sum := w.sum.Sum(nil)
	return w.frame(frameTrailer, func(b []byte) []byte {
		return append(binary.BigEndian.AppendUint64(b, w.records), sum...)
	})
}

// damaged is ErrDamaged with what was found.
func damaged(what string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(what, args...))
}

// readStream hands each record of a stream to yield, and returns the header. It
// has read a whole and unchanged backup only if it returns no error; what yield
// got before may be of half a one.
func readStream(from io.Reader, yield func(store.Record) error) (Header, error) {
	r := frameReader{from: from, sum: sha256.New()}
	h, err := r.header()
	if err != nil {
		return Header{}, err
	}
	last := ""
	for {
		kind, content, err := r.frame()
		if err != nil {
			return h, err
		}
		switch kind {
		case frameRecord:
			rec, err := parseRecord(content)
			if err != nil {
				return h, err
			}
			if r.records > 0 && rec.Key <= last {
				return h, damaged("its records are out of order")
			}
			last = rec.Key
			r.records++
			if err := yield(rec); err != nil {
				return h, err
			}
		case frameTrailer:
			return h, r.end(content)
		default:
			return h, damaged("an unknown part 0x%x", kind)
		}
	}
}

// A frameReader reads frames and sums them up.
type frameReader struct {
	from    io.Reader
	sum     hash.Hash
	records uint64
}

// unread says why a frame could not be read.
func unread(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends too early: %w", err)
	}
	return damaged("it was changed after it was made: %w", err)
}

// frame reads the next frame, whose content nobody else holds.
func (r *frameReader) frame() (kind byte, content []byte, err error) {
	var start [frameStart]byte
	if _, err := io.ReadFull(r.from, start[:]); err != nil {
		return 0, nil, unread(err)
	}
	n := binary.BigEndian.Uint32(start[1:])
	if n > maxFrame {
		return 0, nil, damaged("a part of %d bytes", n)
	}
	content = make([]byte, n)
	if _, err := io.ReadFull(r.from, content); err != nil {
		return 0, nil, unread(err)
	}
	if start[0] != frameTrailer { // which tells the sum of all before it
		_, _ = r.sum.Write(start[:])
		_, _ = r.sum.Write(content)
	}
	return start[0], content, nil
}

func (r *frameReader) header() (Header, error) {
	kind, content, err := r.frame()
	if err != nil {
		return Header{}, err
	}
	var h formattedHeader
	if err := json.Unmarshal(content, &h); kind != frameHeader || err != nil || h.Format < 1 {
		return Header{}, ErrNotBackup
	}
	if h.Format > format {
		return Header{}, fmt.Errorf("%w: its format is %d, this one reads up to %d", ErrNewer, h.Format, format)
	}
	if h.ID == "" {
		return Header{}, damaged("its header has no id")
	}
	return h.Header, nil
}

func parseRecord(b []byte) (store.Record, error) {
	errRecord := damaged("a record that can't be read")
	if len(b) < 4 {
		return store.Record{}, errRecord
	}
	n := uint64(binary.BigEndian.Uint32(b))
	b = b[4:]
	if n == 0 || n+neverSize > uint64(len(b)) {
		return store.Record{}, errRecord
	}
	r := store.Record{Key: string(b[:n])}
	b = b[n:]
	switch {
	case b[0] == 0:
		r.Value = b[neverSize:]
	case b[0] == 1 && len(b) >= expirySize:
		nanoseconds := binary.BigEndian.Uint32(b[9:])
		if nanoseconds >= uint32(time.Second) {
			return store.Record{}, errRecord
		}
		r.Expires = time.Unix(int64(binary.BigEndian.Uint64(b[1:])), int64(nanoseconds)).UTC()
		r.Value = b[expirySize:]
	default:
		return store.Record{}, errRecord
	}
	return r, nil
}

// end checks the trailer against what was read before it, and that nothing follows.
func (r *frameReader) end(content []byte) error {
	if len(content) != trailerSize {
		return damaged("its end can't be read")
	}
	if binary.BigEndian.Uint64(content) != r.records || !bytes.Equal(content[8:], r.sum.Sum(nil)) {
		return damaged("what it holds is not what was written")
	}
	// age checks its last part only when it is read to the end.
	switch n, err := io.ReadFull(r.from, make([]byte, 1)); {
	case n > 0:
		return damaged("something follows its end")
	case !errors.Is(err, io.EOF):
		return damaged("its end can't be read: %w", err)
	}
	return nil
}
