package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// ErrWrongKey: the backup was made for another key or passphrase.
var ErrWrongKey = errors.New("the backup can't be opened with this key or passphrase")

// workFactor of the passphrase, as the logarithm of scrypt's N: about a second
// to make, and as much to try one. maxWorkFactor bounds what a file can ask of
// its reader: some four seconds, and 1 GiB of memory.
const (
	workFactor    = 18
	maxWorkFactor = 20
)

// ForRecipients lets whoever has one of the secret keys open a backup. They are
// public keys as age-keygen prints them, age1… or age1pq1…
func ForRecipients(keys []string) ([]age.Recipient, error) {
	var recipients []age.Recipient
	for i, key := range keys {
		// What is wrong is not repeated: it may be a secret key, by mistake.
		parsed, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil || len(parsed) != 1 {
			return nil, fmt.Errorf("recipient %d is not a public key of age; it begins with age1, and age-keygen prints it", i+1)
		}
		recipients = append(recipients, parsed...)
	}
	return recipients, nil
}

// ForPassphrase lets whoever knows the passphrase open a backup.
func ForPassphrase(passphrase string) ([]age.Recipient, error) {
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(workFactor)
	return []age.Recipient{r}, nil
}

// ByIdentities reads secret keys, one a line, as age-keygen writes them.
func ByIdentities(from io.Reader) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(from)
	if err != nil {
		return nil, errors.New("it holds no secret keys of age; age-keygen writes such a file, with lines that begin with AGE-SECRET-KEY-")
	}
	return ids, nil
}

// ByPassphrase opens what ForPassphrase closed.
func ByPassphrase(passphrase string) ([]age.Identity, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return []age.Identity{id}, nil
}

// maxAgeHeader bounds what age keeps in memory before it decrypts: the stanzas
// of hundreds of recipients.
const maxAgeHeader = 1 << 20

// A headReader ends after left bytes, unless it is open.
type headReader struct {
	io.Reader
	left int
	open bool
}

func (r *headReader) Read(b []byte) (int, error) {
	if !r.open && len(b) > r.left {
		b = b[:r.left]
	}
	if len(b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := r.Reader.Read(b)
	r.left -= n
	return n, err
}

const byPassphraseStart = "age-encryption.org/v1\n-> scrypt "

// decrypt begins to read an encrypted stream.
func decrypt(from *bufio.Reader, ids []age.Identity) (io.Reader, error) {
	// age keeps a passphrase apart from all other keys, and says so at the start
	// (https://c2sp.org/age#scrypt-recipient-stanza).
	start, _ := from.Peek(len(byPassphraseStart))
	head := &headReader{Reader: from, left: maxAgeHeader}
	plain, err := age.Decrypt(head, ids...)
	head.open = true
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none) && string(start) == byPassphraseStart:
		return nil, fmt.Errorf("%w; it was made with a passphrase", ErrWrongKey)
	case errors.As(err, &none):
		return nil, fmt.Errorf("%w; it was made for the holders of secret keys", ErrWrongKey)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	return plain, nil
}
