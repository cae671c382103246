package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// Errors of Open, wrapped with the kind of the record. Test with errors.Is.
var (
	// ErrWrongKey: sealed with a key that is not in this keyset, or is disabled
	// in it. The record may be perfectly good: give the right keyset, and never
	// delete the record because of this error.
	ErrWrongKey = errors.New("sealed with a key that this keyset doesn't have")
	// ErrTampered: not something that Seal has made for this kind and id; it
	// was changed, cut short, or belongs to another record.
	ErrTampered = errors.New("sealed record was changed or belongs elsewhere")
)

// ErrRetired is the ErrWrongKey of a key that is in the keyset, and disabled.
var ErrRetired = fmt.Errorf("%w any more: it is retired; switch it on with keys enable", ErrWrongKey)

// ErrLosesKey: the keyset that is to take the place of another lacks a key that
// is enabled in that one, so records may be sealed with it.
var ErrLosesKey = errors.New("the new keyset lacks a key that is in use")

// A Keyset seals and opens records. Make one with New or a Source. It may be used
// concurrently, also while it is replaced; nobody waits for that. Printing it in
// any way shows how many keys it has and the id of the primary one, no more.
type Keyset struct {
	// now holds what the keyset is at this moment. Copies of a Keyset share it.
	now *atomic.Pointer[keys]
}

// New returns a keyset with one new key, in memory only: what it seals is lost
// with the process.
func New() (*Keyset, error) {
	now, err := newKeys()
	if err != nil {
		return nil, err
	}
	return holding(now), nil
}

func holding(now *keys) *Keyset {
	k := &Keyset{now: new(atomic.Pointer[keys])}
	k.now.Store(now)
	return k
}

// Replace puts next in k's place for everybody who uses k: a running gateway
// takes a changed keyset so. It refuses with ErrLosesKey, and changes nothing, if
// a key that is enabled in k is not in next at all; one that is disabled there is
// as its operator wants it.
func (k *Keyset) Replace(next *Keyset) error {
	to := next.now.Load()
	for {
		from := k.now.Load()
		if err := from.keptBy(to); err != nil {
			return fmt.Errorf("replace the keyset: %w", err)
		}
		if k.now.CompareAndSwap(from, to) {
			return nil
		}
	}
}

// Seal encrypts plain with the primary key for the record of that kind and id.
// Only Open with the same kind and id gives it back. The result is 45 bytes
// longer than plain.
func (k *Keyset) Seal(plain []byte, kind, id string) ([]byte, error) {
	sealed, err := k.now.Load().aead.Encrypt(plain, associatedData(kind, id))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", kind, err)
	}
	return sealed, nil
}

// Open decrypts what Seal has made for the same kind and id. Its errors are
// ErrWrongKey and ErrTampered.
func (k *Keyset) Open(sealed []byte, kind, id string) ([]byte, error) {
	now := k.now.Load()
	keyID, ok := KeyOf(sealed)
	if !ok {
		return nil, fmt.Errorf("open %s: %w", kind, ErrTampered)
	}
	if !now.enabled[keyID] {
		if _, err := now.find(keyID); err == nil {
			return nil, fmt.Errorf("open %s: %w (key id %d)", kind, ErrRetired, keyID)
		}
		return nil, fmt.Errorf("open %s: %w (key id %d)", kind, ErrWrongKey, keyID)
	}
	plain, err := now.aead.Decrypt(sealed, associatedData(kind, id))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, ErrTampered)
	}
	return plain, nil
}

// Primary returns the id of the key that seals.
func (k *Keyset) Primary() uint32 { return k.now.Load().primary }

// Enabled says whether the keyset opens what the key with that id has sealed.
func (k *Keyset) Enabled(id uint32) bool { return k.now.Load().enabled[id] }

// KeyOf returns the id of the key that something was sealed with; ok is false
// for what Seal hasn't made. It reads the prefix that Tink puts before the
// ciphertext: a byte 1, then the key's id, big endian
// (https://developers.google.com/tink/wire-format).
func KeyOf(sealed []byte) (id uint32, ok bool) {
	const tinkStart = 1
	if len(sealed) < 5 || sealed[0] != tinkStart {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:]), true
}

// associatedData binds a ciphertext to its record. Each part stands after its
// length, so that no two different pairs of kind and id give the same bytes.
func associatedData(kind, id string) []byte {
	var b []byte
	for _, part := range []string{"onesgate/1", kind, id} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// String describes the keyset without its keys.
func (k Keyset) String() string {
	now := k.now.Load()
	return fmt.Sprintf("keyset of %d keys, primary %d", len(now.entries), now.primary)
}

// Format writes what String returns, whatever the verb.
func (k Keyset) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue logs what String returns.
func (k Keyset) LogValue() slog.Value { return slog.StringValue(k.String()) }
