package seal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrNotKeyset: what was given as a keyset is none, or none of use.
var ErrNotKeyset = errors.New("not a keyset")

// keys are what a Keyset is at one moment. They are never changed.
type keys struct {
	handle  *keyset.Handle
	entries []*keyset.Entry // of handle, the oldest first: Tink appends new ones
	aead    tink.AEAD
	primary uint32
	// enabled holds the ids of the keys that open records.
	enabled map[uint32]bool
}

// newKeys makes one key.
func newKeys() (*keys, error) {
	handle, err := keyset.NewHandle(template())
	if err != nil {
		return nil, fmt.Errorf("make a new keyset: %w", err)
	}
	return fromHandle(handle)
}

// template is XAES-256-GCM. Its nonces of 192 bits may be random for ever; those
// of plain AES-GCM are spent after 2³² records (NIST SP 800-38D, 8.3;
// https://c2sp.org/XAES-256-GCM).
func template() *tinkpb.KeyTemplate { return aead.XAES256GCM192BitNonceKeyTemplate() }

// fromHandle refuses keys whose output doesn't begin with the key's id: without
// it, a wrong key could not be told from a changed record.
func fromHandle(handle *keyset.Handle) (*keys, error) {
	info := handle.KeysetInfo()
	k := &keys{handle: handle, primary: info.GetPrimaryKeyId(), enabled: map[uint32]bool{}}
	for i, key := range info.GetKeyInfo() {
		if key.GetOutputPrefixType() != tinkpb.OutputPrefixType_TINK {
			return nil, fmt.Errorf("key %d of the keyset doesn't use Tink's output prefix", key.GetKeyId())
		}
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, err
		}
		k.entries = append(k.entries, entry)
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

// parse reads a keyset in JSON. Tink's own errors are left out: they may quote
// what stands there.
func parse(content []byte) (*keys, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("%w: it is empty; restore it from a backup, or make a new one if nothing was ever sealed", ErrNotKeyset)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		return nil, fmt.Errorf("%w: expected a Tink keyset in JSON; restore it from a backup", ErrNotKeyset)
	}
	k, err := fromHandle(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: it must hold keys for authenticated encryption, each with Tink's output prefix", ErrNotKeyset)
	}
	return k, nil
}

// encode is the opposite of parse: its result holds the keys in the clear.
func (k *keys) encode() ([]byte, error) {
	var content bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&content)); err != nil {
		return nil, fmt.Errorf("encode the keyset: %w", err)
	}
	return content.Bytes(), nil
}

// keptBy returns ErrLosesKey if an enabled key of k is not in next, or is another
// key there by the same id.
func (k *keys) keptBy(next *keys) error {
	there := map[uint32]*keyset.Entry{}
	for _, e := range next.entries {
		there[e.KeyID()] = e
	}
	var lost []uint32
	for _, e := range k.entries {
		if same := there[e.KeyID()]; k.enabled[e.KeyID()] && (same == nil || !same.Key().Equal(e.Key())) {
			lost = append(lost, e.KeyID())
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%w (key ids %d)", ErrLosesKey, lost)
	}
	return nil
}
