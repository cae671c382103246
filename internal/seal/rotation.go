package seal

import (
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Errors of the steps of a rotation, wrapped with the key's id.
var (
	// ErrUnknownKey: the keyset has no key with that id.
	ErrUnknownKey = errors.New("no such key in the keyset; keys list shows which there are")
	// ErrNotEnabled: only an enabled key can become the primary one.
	ErrNotEnabled = errors.New("the key is not enabled")
	// ErrPrimary: the primary key can't be retired; promote another one first.
	ErrPrimary = errors.New("the key is the primary one")
	// ErrInUse: records are sealed with the key; seal them anew first.
	ErrInUse = errors.New("records are still sealed with the key")
)

// A Key is what may be shown of a key.
type Key struct {
	ID      uint32 `json:"id"`
	Status  Status `json:"status"`
	Primary bool   `json:"primary"`
}

// Status of a key; the words are Tink's.
type Status string

// The statuses of a key.
const (
	Enabled  Status = "enabled"
	Disabled Status = "disabled"
	// Destroyed is a key whose material somebody has taken out by Tink's tools.
	Destroyed Status = "destroyed"
)

var statuses = map[keyset.KeyStatus]Status{
	keyset.Enabled: Enabled, keyset.Disabled: Disabled, keyset.Destroyed: Destroyed,
}

// List returns what may be shown of the keys, the oldest first.
func (k *Keyset) List() []Key { return k.now.Load().list() }

func (k *keys) list() []Key {
	var list []Key
	for _, e := range k.entries {
		list = append(list, Key{ID: e.KeyID(), Status: statuses[e.KeyStatus()], Primary: e.IsPrimary()})
	}
	return list
}

// Newest returns the id of the enabled key that was added last.
func (k *Keyset) Newest() uint32 {
	var newest uint32
	for _, key := range k.List() {
		if key.Status == Enabled {
			newest = key.ID
		}
	}
	return newest
}

// Add returns k with one more key, the newest: enabled, and not primary, so that
// it opens and doesn't seal yet. k itself stays as it is, here and below.
func (k *Keyset) Add() (*Keyset, error) {
	return k.now.Load().changed("add a key", func(m *keyset.Manager) error {
		_, err := m.Add(template())
		return err
	})
}

// Promote returns k with another primary key: the one that seals from now on. Its
// errors are ErrUnknownKey and ErrNotEnabled.
func (k *Keyset) Promote(id uint32) (*Keyset, error) {
	now := k.now.Load()
	key, err := now.find(id)
	if err != nil {
		return nil, fmt.Errorf("promote key %d: %w", id, err)
	}
	if key.Status != Enabled {
		return nil, fmt.Errorf("promote key %d: %w but %s; keys enable switches a retired one on", id, ErrNotEnabled, key.Status)
	}
	return now.changed("promote the key", func(m *keyset.Manager) error { return m.SetPrimary(id) })
}

// Retire returns k with a key disabled: it opens nothing any more. records is how
// many are sealed with it by a count made after the last gateway has taken the
// keyset in which another one is primary. The errors are ErrUnknownKey,
// ErrPrimary and ErrInUse.
func (k *Keyset) Retire(id uint32, records int) (*Keyset, error) {
	now := k.now.Load()
	key, err := now.find(id)
	switch {
	case err != nil:
	case key.Primary:
		err = fmt.Errorf("%w; promote another one first", ErrPrimary)
	case records > 0:
		err = fmt.Errorf("%w (%d); rewrap them first", ErrInUse, records)
	}
	if err != nil {
		return nil, fmt.Errorf("retire key %d: %w", id, err)
	}
	return now.changed("retire the key", func(m *keyset.Manager) error { return m.Disable(id) })
}

// Enable returns k with a key enabled: the way back from a Retire that came too
// early. The error is ErrUnknownKey, or Tink's if the key was destroyed.
func (k *Keyset) Enable(id uint32) (*Keyset, error) {
	now := k.now.Load()
	if _, err := now.find(id); err != nil {
		return nil, fmt.Errorf("enable key %d: %w", id, err)
	}
	return now.changed("enable the key", func(m *keyset.Manager) error { return m.Enable(id) })
}

func (k *keys) find(id uint32) (Key, error) {
	for _, key := range k.list() {
		if key.ID == id {
			return key, nil
		}
	}
	return Key{}, ErrUnknownKey
}

// changed returns a keyset of k's keys to which something was done.
func (k *keys) changed(what string, do func(*keyset.Manager) error) (*Keyset, error) {
	m := keyset.NewManagerFromHandle(k.handle)
	if err := do(m); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	handle, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	next, err := fromHandle(handle)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return holding(next), nil
}
