package badgerstore

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestEnvelope(t *testing.T) {
	for _, expires := range []time.Time{{}, time.Unix(0, 0), time.Unix(1, 999999999), time.Unix(-1, 5), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		for _, value := range []string{"", "payload"} {
			b := encode([]byte(value), expires)
			setVersion(b, 1<<63+7)
			r, err := decode("a", b)
			if err != nil || r.Key != "a" || string(r.Value) != value || r.Version != 1<<63+7 || !r.Expires.Equal(expires) {
				t.Errorf("decode(encode(%q, %v)) = %+v, %v", value, expires, r, err)
			}
		}
	}
}

func TestCollectAt(t *testing.T) {
	now := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) // not the system's clock
	tests := map[string]struct {
		expires time.Time
		want    time.Duration
	}{
		"later":    {now.Add(time.Hour), 25 * time.Hour},
		"expired":  {now.Add(-time.Hour), 24 * time.Hour},
		"long ago": {time.Unix(-1<<40, 0), 24 * time.Hour},
	}
	for name, tt := range tests {
		before := time.Now()
		got := collectAt(tt.expires, now)
		least, most := uint64(before.Add(tt.want).Unix()), uint64(time.Now().Add(tt.want).Unix())
		if got < least || got > most {
			t.Errorf("%s: collectAt = %d, want %d to %d", name, got, least, most)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode([]byte("x"), time.Time{}))
	f.Add(encode([]byte("x"), time.Unix(1, 2)))
	f.Add([]byte{})
	f.Add([]byte{formatExpiring, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode("a", b)
		if err != nil {
			if !errors.Is(err, errFormat) {
				t.Errorf("decode(%x) = %v, want errFormat", b, err)
			}
			return
		}
		if !bytes.HasSuffix(b, r.Value) {
			t.Errorf("decode(%x) = %x, which is not its end", b, r.Value)
		}
	})
}
