package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
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

// A Keyset seals and opens records. It may be used concurrently. Printing it in
// any way shows how many keys it has and the id of the primary one, no more.
type Keyset struct {
	aead    tink.AEAD
	primary uint32
	// enabled holds the ids of the keys that open records.
	enabled map[uint32]bool
}

// New returns a keyset with one new key, in memory only: what it seals is lost
// with the process.
func New() (*Keyset, error) {
	handle, err := newHandle()
	if err != nil {
		return nil, err
	}
	return fromHandle(handle)
}

// newHandle makes a keyset of one XAES-256-GCM key. Its nonces of 192 bits may
// be random for ever; those of plain AES-GCM are spent after 2³² records
// (NIST SP 800-38D, 8.3; https://c2sp.org/XAES-256-GCM).
func newHandle() (*keyset.Handle, error) {
	handle, err := keyset.NewHandle(aead.XAES256GCM192BitNonceKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a new keyset: %w", err)
	}
	return handle, nil
}

// fromHandle refuses keys whose output doesn't begin with the key's id: without
// it, a wrong key could not be told from a changed record.
func fromHandle(handle *keyset.Handle) (*Keyset, error) {
	info := handle.KeysetInfo()
	k := &Keyset{primary: info.GetPrimaryKeyId(), enabled: map[uint32]bool{}}
	for _, key := range info.GetKeyInfo() {
		if key.GetOutputPrefixType() != tinkpb.OutputPrefixType_TINK {
			return nil, fmt.Errorf("key %d of the keyset doesn't use Tink's output prefix", key.GetKeyId())
		}
		if key.GetStatus() == tinkpb.KeyStatusType_ENABLED {
			k.enabled[key.GetKeyId()] = true
		}
	}
	var err error
	if k.aead, err = aead.New(handle); err != nil {
		return nil, fmt.Errorf("the keyset is not one for authenticated encryption: %w", err)
	}
	return k, nil
}

// Seal encrypts plain with the primary key for the record of that kind and id.
// Only Open with the same kind and id gives it back. The result is 45 bytes
// longer than plain.
func (k *Keyset) Seal(plain []byte, kind, id string) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plain, associatedData(kind, id))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", kind, err)
	}
	return sealed, nil
}

// Open decrypts what Seal has made for the same kind and id. Its errors are
// ErrWrongKey and ErrTampered.
func (k *Keyset) Open(sealed []byte, kind, id string) ([]byte, error) {
	keyID, ok := keyIDOf(sealed)
	if !ok {
		return nil, fmt.Errorf("open %s: %w", kind, ErrTampered)
	}
	if !k.enabled[keyID] {
		return nil, fmt.Errorf("open %s: %w (key id %d)", kind, ErrWrongKey, keyID)
	}
	plain, err := k.aead.Decrypt(sealed, associatedData(kind, id))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, ErrTampered)
	}
	return plain, nil
}

// keyIDOf reads the prefix that Tink puts before the ciphertext: a byte 1, then
// the key's id, big endian (https://developers.google.com/tink/wire-format).
func keyIDOf(sealed []byte) (id uint32, ok bool) {
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
	return fmt.Sprintf("keyset of %d keys, primary %d", len(k.enabled), k.primary)
}

// Format writes what String returns, whatever the verb.
func (k Keyset) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue logs what String returns.
func (k Keyset) LogValue() slog.Value { return slog.StringValue(k.String()) }
