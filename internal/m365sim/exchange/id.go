package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
)

// An id is 113 bytes in base64url, with its padding, as Exchange's are:
// 4 bytes that tell its kind, 8 of the mailbox, 16 of the event's key, how often
// it was moved, the day of an occurrence, and a checksum that fills it up. An
// immutable id does not count moves.
const (
	idLength = 113
	idBody   = 4 + 8 + 16 + 4 + 4
)

var (
	ordinaryID  = []byte{0x00, 0x03, 0x24, 0x00} // AAMkA…
	immutableID = []byte{0x00, 0x09, 0x00, 0x2e} // AAkALg…
)

// An idParts is what an id says.
type idParts struct {
	immutable bool
	mailbox   [8]byte
	key       [16]byte
	moves     uint32
	day       Day // 0: not an occurrence
}

func mailboxMark(address string) (mark [8]byte) {
	sum := sha256.Sum256([]byte(address))
	copy(mark[:], sum[:])
	return mark
}

func (p idParts) String() string {
	b := make([]byte, 0, idLength)
	if p.immutable {
		b = append(b, immutableID...)
	} else {
		b = append(b, ordinaryID...)
	}
	b = append(b, p.mailbox[:]...)
	b = append(b, p.key[:]...)
	if p.immutable {
		p.moves = 0
	}
	b = binary.BigEndian.AppendUint32(b, p.moves)
	b = binary.BigEndian.AppendUint32(b, uint32(p.day))
	return base64.URLEncoding.EncodeToString(fill(b))
}

// fill appends the checksum, again and again.
func fill(b []byte) []byte {
	sum := sha256.Sum256(b)
	for len(b) < idLength {
		b = append(b, sum[:min(len(sum), idLength-len(b))]...)
	}
	return b
}

// parseID takes apart what String has made, and nothing else.
func parseID(id string) (p idParts, ok bool) {
	b, err := base64.URLEncoding.DecodeString(id)
	if err != nil || len(b) != idLength {
		return p, false
	}
	p.immutable = bytes.HasPrefix(b, immutableID)
	copy(p.mailbox[:], b[4:])
	copy(p.key[:], b[12:])
	p.moves = binary.BigEndian.Uint32(b[28:])
	p.day = Day(binary.BigEndian.Uint32(b[32:]))
	return p, p.String() == id
}

// ID returns an item's id, of the kind that is asked for.
func (it Item) ID(immutable bool) string {
	stored := it.stored()
	p := idParts{immutable: immutable, mailbox: mailboxMark(stored.Mailbox), moves: stored.Moves, day: it.Day}
	key, _ := hex.DecodeString(stored.Key) // it was made by newKey
	copy(p.key[:], key)
	return p.String()
}
