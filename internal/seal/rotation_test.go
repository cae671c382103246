package seal_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
)

// must returns a function that takes what one step of a rotation returns.
func must(t testing.TB) func(*seal.Keyset, error) *seal.Keyset {
	return func(k *seal.Keyset, err error) *seal.Keyset {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

func wantOpens(t *testing.T, k *seal.Keyset, sealed []byte, want error) {
	t.Helper()
	if plain, err := k.Open(sealed, "grant", "alice"); !errors.Is(err, want) || err == nil && string(plain) != "secret" {
		t.Errorf("Open = %q, %v, want %v", plain, err, want)
	}
}

// TestRotation goes all the way, and finds the keyset it began with unchanged.
func TestRotation(t *testing.T) {
	must := must(t)
	k := newKeyset(t)
	old := k.Primary()
	sealedOld := mustSeal(t, k, "secret", "grant", "alice")

	added := must(k.Add())
	newest := added.Newest()
	if newest == old || added.Primary() != old {
		t.Errorf("after Add: newest %d, primary %d, want another one, %d", newest, added.Primary(), old)
	}
	promoted := must(added.Promote(newest))
	sealedNew := mustSeal(t, promoted, "secret", "grant", "alice")
	if by, _ := seal.KeyOf(sealedNew); by != newest {
		t.Errorf("after Promote sealed with %d, want %d", by, newest)
	}
	wantOpens(t, added, sealedNew, nil)
	wantOpens(t, promoted, sealedOld, nil)

	retired := must(promoted.Retire(old, 0))
	wantOpens(t, retired, sealedOld, seal.ErrWrongKey)
	wantOpens(t, retired, sealedOld, seal.ErrRetired)
	wantOpens(t, retired, sealedNew, nil)
	wantOpens(t, must(retired.Enable(old)), sealedOld, nil)
	wantOpens(t, must(must(retired.Retire(old, 0)).Enable(old)), sealedOld, nil) // once more is no harm

	want := []seal.Key{{ID: old, Status: seal.Disabled}, {ID: newest, Status: seal.Enabled, Primary: true}}
	if got := retired.List(); !slices.Equal(got, want) {
		t.Errorf("List = %v, want %v", got, want)
	}
	if got := retired.Newest(); got != newest {
		t.Errorf("Newest = %d, want %d", got, newest)
	}
	if got, want := k.List(), []seal.Key{{ID: old, Status: seal.Enabled, Primary: true}}; !slices.Equal(got, want) {
		t.Errorf("List of the first = %v, want %v", got, want)
	}
}

func TestRefusedSteps(t *testing.T) {
	must := must(t)
	first := newKeyset(t)
	old := first.Primary()
	both := must(first.Add())
	newest := both.Newest()
	retired := must(must(both.Promote(newest)).Retire(old, 0))
	const unknown = 7
	for _, tt := range []struct {
		name string
		step func() (*seal.Keyset, error)
		want error
	}{
		{"promote an unknown key", func() (*seal.Keyset, error) { return both.Promote(unknown) }, seal.ErrUnknownKey},
		{"promote a retired key", func() (*seal.Keyset, error) { return retired.Promote(old) }, seal.ErrNotEnabled},
		{"retire an unknown key", func() (*seal.Keyset, error) { return both.Retire(unknown, 0) }, seal.ErrUnknownKey},
		{"retire the primary key", func() (*seal.Keyset, error) { return both.Retire(old, 0) }, seal.ErrPrimary},
		{"retire the only key", func() (*seal.Keyset, error) { return first.Retire(old, 0) }, seal.ErrPrimary},
		{"retire a key in use", func() (*seal.Keyset, error) { return both.Retire(newest, 1) }, seal.ErrInUse},
		{"enable an unknown key", func() (*seal.Keyset, error) { return both.Enable(unknown) }, seal.ErrUnknownKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if k, err := tt.step(); k != nil || !errors.Is(err, tt.want) {
				t.Errorf("got %v, %v, want %v", k, err, tt.want)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	must := must(t)
	first := newKeyset(t)
	old := first.Primary()
	both := must(first.Add())
	promoted := must(both.Promote(both.Newest()))
	retired := must(promoted.Retire(old, 0))
	for _, tt := range []struct {
		name     string
		from, to *seal.Keyset
		want     error
	}{
		{"the same", both, both, nil},
		{"one more", first, both, nil},
		{"another primary", both, promoted, nil},
		{"add and promote at once", first, promoted, nil},
		{"one retired", promoted, retired, nil},
		{"all at once", first, retired, nil},
		{"one enabled again", retired, promoted, nil},
		{"one fewer", both, first, seal.ErrLosesKey},
		{"the primary fewer", promoted, first, seal.ErrLosesKey},
		{"quite another", first, newKeyset(t), seal.ErrLosesKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			running := must(tt.from.Promote(tt.from.Primary())) // a copy
			sealed := mustSeal(t, running, "secret", "grant", "alice")
			user := *running
			if err := running.Replace(tt.to); !errors.Is(err, tt.want) {
				t.Fatalf("Replace = %v, want %v", err, tt.want)
			}
			want := tt.to
			if tt.want != nil {
				want = tt.from
				wantOpens(t, running, sealed, nil)
			}
			if !slices.Equal(user.List(), want.List()) {
				t.Errorf("in force: %v, want %v", user.List(), want.List())
			}
		})
	}
}

// TestReplaceDroppingRetired: a key that is disabled already may go for good.
func TestReplaceDroppingRetired(t *testing.T) {
	must := must(t)
	kept := newKeyset(t)
	both := must(kept.Add())
	retired := must(both.Retire(both.Newest(), 0))
	if err := retired.Replace(kept); err != nil {
		t.Errorf("Replace = %v", err)
	}
}

// TestReplaceByAnotherKeyOfThatID: the id alone doesn't make it the same key.
func TestReplaceByAnotherKeyOfThatID(t *testing.T) {
	running, other := newKeyset(t), filepath.Join(t.TempDir(), "keyset.json")
	if _, err := seal.Create(other); err != nil {
		t.Fatal(err)
	}
	id := fmt.Appendf(nil, "yId\": %d", running.Primary())
	forged := regexp.MustCompile(`yId":\s*\d+`).ReplaceAll(readFile(t, other), id)
	next, err := seal.Text("forged", forged).Load()
	if err != nil || next.Primary() != running.Primary() {
		t.Fatalf("Load = %v, %v", next, err)
	}
	if err := running.Replace(next); !errors.Is(err, seal.ErrLosesKey) {
		t.Errorf("Replace = %v, want ErrLosesKey", err)
	}
}

// TestReplaceWhileInUse: whoever seals and opens meanwhile notices nothing.
func TestReplaceWhileInUse(t *testing.T) {
	must := must(t)
	running := newKeyset(t)
	stop := make(chan struct{})
	var users sync.WaitGroup
	for i := range 4 {
		users.Go(func() {
			id := fmt.Sprint(i)
			var sealed [][]byte
			for {
				select {
				case <-stop:
					return
				default:
				}
				fresh, err := running.Seal([]byte(id), "grant", id)
				if err != nil {
					t.Error(err)
					return
				}
				sealed = append(sealed[max(0, len(sealed)-20):], fresh)
				for _, s := range sealed {
					if plain, err := running.Open(s, "grant", id); err != nil || string(plain) != id {
						t.Errorf("Open = %q, %v", plain, err)
						return
					}
				}
				_ = running.String()
			}
		})
	}
	for range 20 {
		next := must(running.Add())
		for _, step := range []*seal.Keyset{next, must(next.Promote(next.Newest()))} {
			if err := running.Replace(step); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	users.Wait()
	if got := len(running.List()); got != 21 {
		t.Errorf("%d keys, want 21", got)
	}
}

// TestReplaceAtOnce: of two that would both be added to the same keyset, one is
// refused rather than lost.
func TestReplaceAtOnce(t *testing.T) {
	must := must(t)
	running := newKeyset(t)
	var refused int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, next := range []*seal.Keyset{must(running.Add()), must(running.Add())} {
		wg.Go(func() {
			if err := running.Replace(next); errors.Is(err, seal.ErrLosesKey) {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	wg.Wait()
	if refused != 1 {
		t.Errorf("%d were refused, want 1", refused)
	}
}
