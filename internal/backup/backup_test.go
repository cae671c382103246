package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

var now = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), MinFree: 1 << 20, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func commit(t *testing.T, s store.Store, writes ...store.Write) {
	t.Helper()
	if _, err := s.Commit(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
}

// content is what a store holds, without versions.
func content(t *testing.T, s store.Store) []store.Record {
	t.Helper()
	var records []store.Record
	err := s.Snapshot(t.Context(), func(r store.Record) error {
		r.Version = 0
		r.Value = slices.Clone(r.Value)
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// same compares what stores hold, and tells of a difference by its key: values
// may be large.
func same(t *testing.T, want, got []store.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Key != w.Key || !bytes.Equal(g.Value, w.Value) || !g.Expires.Equal(w.Expires) {
			t.Errorf("record %q until %v, want %q until %v, and its value", g.Key, g.Expires, w.Key, w.Expires)
		}
	}
}

// keys are a secret key and its public one.
func keys(t *testing.T) ([]age.Recipient, []age.Identity) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := ForRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := ByIdentities(strings.NewReader("# comment\n" + id.String() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return to, ids
}

func written(t *testing.T, s store.Store, to []age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(t.Context(), s, &b, now, "v1", to); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// all restores every record, counted as what stands before its first slash.
func all(r store.Record) (Fate, error) {
	kind, _, _ := strings.Cut(r.Key, "/")
	return Fate{Record: r, Kind: kind}, nil
}

func TestRoundTrip(t *testing.T) {
	from := open(t)
	commit(t, from,
		store.Write{Key: "a", Value: []byte{}},
		store.Write{Key: "b/\xff\x00", Value: []byte("\x00\xfe")},
		store.Write{Key: "b/later", Value: []byte("x"), Expires: now.Add(time.Hour + 7)},
		store.Write{Key: "c/large", Value: bytes.Repeat([]byte("x"), 900<<10)},
		store.Write{Key: "lease/instance", Value: []byte("host"), Expires: now.Add(time.Minute)},
		store.Write{Key: peers.Prefix + "x", Value: []byte("{}"), Expires: now.Add(time.Minute)},
		store.Write{Key: "backupless", Value: []byte("x"), Expires: now.Add(time.Minute)},
		store.Write{Key: "s/1"},
		store.Write{Key: store.EpochKey, Value: []byte("of this store")},
	)
	for i := range 5 { // more than one batch
		var writes []store.Write
		for n := range 500 {
			writes = append(writes, store.Write{Key: fmt.Sprintf("z/%d/%03d", i, n), Value: []byte("value")})
		}
		commit(t, from, writes...)
	}
	recipients, ids := keys(t)
	file := written(t, from, recipients)
	if bytes.Contains(file, []byte("later")) {
		t.Error("a key can be read in the file")
	}

	to := open(t)
	result, err := Restore(t.Context(), bytes.NewReader(file), ids, to, now.Add(2*time.Minute), func(r store.Record) (Fate, error) {
		f, err := all(r)
		f.LeftOut = f.Kind == "s"
		if r.Key == "a" {
			f.Record.Value = []byte("changed")
		}
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(content(t, from), func(r store.Record) bool {
		return passing(r.Key) || r.Key == "backupless" || r.Key == "s/1"
	})
	want[0].Value = []byte("changed")
	same(t, want, content(t, to))
	if epoch, err := store.Epoch(t.Context(), to); err != nil || epoch == "of this store" {
		t.Errorf("the epoch of the filled store is %q, %v, want one of its own", epoch, err)
	}
	wantResult := Result{
		Header: Header{ID: result.ID, Made: now, Version: "v1"}, Expired: 1,
		Restored: map[string]int{"a": 1, "b": 2, "c": 1, "z": 2500}, LeftOut: map[string]int{"s": 1},
	}
	if diff := cmp.Diff(wantResult, result); diff != "" || result.ID == "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if err := CheckFinished(t.Context(), to); err != nil {
		t.Error(err)
	}
}

// A backup is of one moment, whatever is committed while it is read.
func TestOneMoment(t *testing.T) {
	from := open(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	both := func(ctx context.Context, n int) error {
		value := fmt.Append(nil, n)
		_, err := from.Commit(ctx, store.Write{Key: "a", Value: value}, store.Write{Key: "z", Value: value})
		return err
	}
	if err := both(ctx, 0); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		for n := 1; both(ctx, n) == nil; n++ {
		}
	}()
	recipients, ids := keys(t)
	for range 20 {
		to := open(t)
		if _, err := Restore(t.Context(), bytes.NewReader(written(t, from, recipients)), ids, to, now, all); err != nil {
			t.Fatal(err)
		}
		if got := content(t, to); len(got) != 2 || !bytes.Equal(got[0].Value, got[1].Value) {
			t.Fatalf("a backup is of two moments: %v", got)
		}
	}
	stop()
	<-ended
}

func TestKeys(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: []byte("x")})
	first, firstID := keys(t)
	second, secondID := keys(t)
	_, strangerID := keys(t)
	passphrase, err := ForPassphrase("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	passphrase[0].(*age.ScryptRecipient).SetWorkFactor(10) // the race detector makes a second of scrypt ten
	by := func(passphrase string) []age.Identity {
		ids, err := ByPassphrase(passphrase)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	forTwo, forOne := written(t, from, append(first, second...)), written(t, from, passphrase)
	for _, tt := range []struct {
		name string
		file []byte
		ids  []age.Identity
		want error
	}{
		{"first", forTwo, firstID, nil},
		{"second", forTwo, secondID, nil},
		{"stranger", forTwo, strangerID, ErrWrongKey},
		{"a passphrase for a key", forTwo, by("correct horse"), ErrWrongKey},
		{"passphrase", forOne, by("correct horse"), nil},
		{"wrong passphrase", forOne, by("battery staple"), ErrWrongKey},
		{"a key for a passphrase", forOne, firstID, ErrWrongKey},
		{"no backup", []byte("hello"), firstID, ErrNotBackup},
		{"nothing", nil, firstID, ErrNotBackup},
		{"an endless line", bytes.Repeat([]byte("x"), maxAgeHeader+1), firstID, ErrNotBackup},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := open(t)
			_, err := Restore(t.Context(), bytes.NewReader(tt.file), tt.ids, to, now, all)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if errors.Is(err, ErrWrongKey) && strings.Contains(err.Error(), "made with a passphrase") != (&tt.file[0] == &forOne[0]) {
				t.Errorf("%v: says the wrong thing about what opens it", err)
			}
			if got := content(t, to); tt.want != nil && len(got) > 0 {
				t.Errorf("written nevertheless: %v", got)
			}
		})
	}
	secret := firstID[0].(*age.X25519Identity).String()
	for _, key := range []string{"", "age1x", secret, "# nothing", first[0].(*age.X25519Recipient).String() + "\n" + secret} {
		if _, err := ForRecipients([]string{key}); err == nil || strings.Contains(err.Error(), "SECRET-KEY") {
			t.Errorf("ForRecipients(%q) = %v, want an error that doesn't repeat it", key, err)
		}
	}
	if _, err := ByIdentities(strings.NewReader(secret + "x")); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("ByIdentities = %v, want an error that doesn't repeat it", err)
	}
}

// Damaged files change nothing, wherever they are damaged.
func TestDamaged(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: bytes.Repeat([]byte("x"), 200<<10)}, store.Write{Key: "b"})
	recipients, ids := keys(t)
	file := written(t, from, recipients)
	to := open(t)
	refused := func(what string, file []byte) {
		t.Helper()
		_, err := Restore(t.Context(), bytes.NewReader(file), ids, to, now, all)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotBackup) {
			t.Errorf("%s: %v, want ErrDamaged or ErrNotBackup", what, err)
		}
	}
	for at := 0; at < len(file); at += 7919 {
		refused(fmt.Sprintf("cut off at %d", at), file[:at])
		changed := slices.Clone(file)
		changed[at] ^= 1
		refused(fmt.Sprintf("changed at %d", at), changed)
	}
	refused("cut off at its end", file[:len(file)-1])
	refused("longer", append(slices.Clone(file), 0))
	if got := content(t, to); len(got) > 0 {
		t.Errorf("written nevertheless: %d records", len(got))
	}
}

// failing fails a commit, and all after it.
type failing struct {
	store.Store
	commits int // that go well
}

var errPower = errors.New("power cut")

func (s *failing) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if s.commits--; s.commits < 0 {
		return 0, errPower
	}
	return s.Store.Commit(ctx, writes...)
}

func TestInterrupted(t *testing.T) {
	from := open(t)
	for _, key := range []string{"a", "b", "c"} {
		commit(t, from, store.Write{Key: key, Value: bytes.Repeat([]byte("x"), 200<<10)})
	}
	recipients, ids := keys(t)
	file, other := written(t, from, recipients), written(t, from, recipients)
	for commits := range 5 { // the marker, three records, the end
		to := open(t)
		_, err := Restore(t.Context(), bytes.NewReader(file), ids, &failing{to, commits}, now, all)
		if !errors.Is(err, errPower) {
			t.Fatalf("after %d commits: %v", commits, err)
		}
		started := commits > 0
		if errors.Is(err, ErrUnfinished) != started {
			t.Errorf("after %d commits: %v", commits, err)
		}
		if err := CheckFinished(t.Context(), to); errors.Is(err, ErrUnfinished) != started {
			t.Errorf("after %d commits a gateway is told: %v", commits, err)
		}
		if started {
			if _, err := Restore(t.Context(), bytes.NewReader(other), ids, to, now, all); !errors.Is(err, ErrUnfinished) {
				t.Errorf("another backup over a part of the first: %v", err)
			}
		}
		if _, err := Restore(t.Context(), bytes.NewReader(file), ids, to, now, all); err != nil {
			t.Errorf("going on after %d commits: %v", commits, err)
		}
		same(t, content(t, from), content(t, to))
		if err := CheckFinished(t.Context(), to); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedStores(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a"})
	recipients, ids := keys(t)
	file := written(t, from, recipients)

	full := open(t)
	commit(t, full, store.Write{Key: "x"})
	if _, err := Restore(t.Context(), bytes.NewReader(file), ids, full, now, all); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a store with records: %v", err)
	}
	used := open(t)
	if _, err := store.Acquire(t.Context(), used, func() time.Time { return now }, "instance/1", "host-1", time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(file), ids, used, now, all); !errors.Is(err, ErrInUse) {
		t.Errorf("into a store that somebody works on: %v", err)
	}

	// What a rule refuses is refused before anything is written.
	errRule := errors.New("no")
	empty := open(t)
	if _, err := Restore(t.Context(), bytes.NewReader(file), ids, empty, now, func(store.Record) (Fate, error) { return Fate{}, errRule }); !errors.Is(err, errRule) {
		t.Errorf("refused by the rule: %v", err)
	}
	for _, s := range []store.Store{full, used, empty} {
		if err := CheckFinished(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
}

// A writer that fails leaves what nobody takes for a backup.
func TestWriteFails(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: bytes.Repeat([]byte("x"), 200<<10)})
	recipients, _ := keys(t)
	r, w := io.Pipe()
	go func() {
		_, _ = io.CopyN(io.Discard, r, 100<<10)
		_ = r.CloseWithError(errPower)
	}()
	if _, err := Write(t.Context(), from, w, now, "v1", recipients); !errors.Is(err, errPower) {
		t.Errorf("got %v", err)
	}
	if _, err := Write(t.Context(), from, io.Discard, now, "v1", nil); err == nil {
		t.Error("a backup for nobody was written")
	}
}
