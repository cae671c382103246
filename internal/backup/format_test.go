package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// stream writes a stream in clear.
func stream(t testing.TB, records ...store.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newFrameWriter(&b)
	if err := w.header(Header{ID: "id", Made: now, Version: "v1"}); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.trailer(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var sample = []store.Record{
	{Key: "a", Value: []byte("1")},
	{Key: "b", Value: []byte{}, Expires: now.Add(7)},
	{Key: "c", Value: []byte("3"), Expires: time.Unix(math.MaxInt32, 0)},
}

func ignore(store.Record) error { return nil }

// A stream that ends anywhere but at its end is refused, without age's help.
func TestCutOffStream(t *testing.T) {
	whole := stream(t, sample...)
	if _, err := readStream(bytes.NewReader(whole), ignore); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := readStream(bytes.NewReader(whole[:n]), ignore); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d of %d bytes: %v, want ErrDamaged", n, len(whole), err)
		}
	}
}

func TestHostileStreams(t *testing.T) {
	frame := func(kind byte, content string) string {
		return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(content)))) + content
	}
	head := frame('h', `{"onesgate_backup":1,"id":"x"}`)
	whole := string(stream(t, sample...))
	for _, tt := range []struct {
		name, stream string
		want         error
	}{
		{"another format", frame('h', `{"onesgate_backup":2,"id":"x"}`), ErrNewer},
		{"no format", frame('h', `{"id":"x"}`), ErrNotBackup},
		{"no JSON", frame('h', `x`), ErrNotBackup},
		{"no header", frame('r', `{"onesgate_backup":1,"id":"x"}`), ErrNotBackup},
		{"no id", frame('h', `{"onesgate_backup":1}`), ErrDamaged},
		{"a huge part", "h\xff\xff\xff\xff", ErrDamaged},
		{"a huge key", head + frame('r', "\xff\xff\xff\xffk\x00"), ErrDamaged},
		{"an empty key", head + frame('r', "\x00\x00\x00\x00\x00"), ErrDamaged},
		{"no value", head + frame('r', "\x00\x00\x00\x01k"), ErrDamaged},
		{"half an expiry", head + frame('r', "\x00\x00\x00\x01k\x01\x00"), ErrDamaged},
		{"too many nanoseconds", head + frame('r', "\x00\x00\x00\x01k\x01\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"), ErrDamaged},
		{"an unknown part", head + frame('x', ""), ErrDamaged},
		{"a short trailer", head + frame('t', ""), ErrDamaged},
		{"twice the same key", string(stream(t, sample[0], sample[0])), ErrDamaged},
		{"out of order", string(stream(t, sample[1], sample[0])), ErrDamaged},
		{"another value", strings.Replace(whole, "a\x001", "a\x002", 1), ErrDamaged},
		{"something behind", whole + "x", ErrDamaged},
	} {
		if _, err := readStream(strings.NewReader(tt.stream), ignore); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	w := newFrameWriter(&bytes.Buffer{})
	if err := w.record(store.Record{Key: "k", Value: make([]byte, maxFrame)}); err == nil {
		t.Error("a record was written that nobody would read")
	}
}

// FuzzReadStream: whatever is read as a backup is written as the same bytes.
func FuzzReadStream(f *testing.F) {
	f.Add(stream(f))
	f.Add(stream(f, sample...))
	f.Add([]byte("h\x00\x00\x00\x02{}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var records []store.Record
		_, err := readStream(bytes.NewReader(in), func(r store.Record) error {
			records = append(records, r)
			return nil
		})
		var out bytes.Buffer
		w := newFrameWriter(&out)
		for _, r := range records {
			if err := w.record(r); err != nil {
				t.Fatal(err)
			}
		}
		headerEnds := 0
		if len(in) >= frameStart {
			headerEnds = frameStart + int(binary.BigEndian.Uint32(in[1:]))
		}
		if len(records) > 0 && !bytes.HasPrefix(in[headerEnds:], out.Bytes()) {
			t.Errorf("read %q as %v, which is written as %q", in, records, out.Bytes())
		}
		if err == nil && len(in) != headerEnds+out.Len()+frameStart+trailerSize {
			t.Errorf("%d bytes were not looked at", len(in)-headerEnds-out.Len()-frameStart-trailerSize)
		}
	})
}
