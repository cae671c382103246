package seal

import (
	"errors"
	"fmt"
)

// ErrReadOnly: the keyset can't be written where it comes from. The error says
// what to do by hand.
var ErrReadOnly = errors.New("the keyset can't be written here")

// A Source is where a keyset comes from. It may be used concurrently, and prints
// as a name for people that holds no key.
type Source interface {
	// Load reads the keyset. Its errors are fs.ErrNotExist, ErrExposed and
	// ErrNotKeyset, and name the source.
	Load() (*Keyset, error)

	// Create makes a new keyset there, durably, and never over something else:
	// the error is then fs.ErrExist. A source that is not ours to write
	// refuses with ErrReadOnly.
	Create() (*Keyset, error)

	// Update puts what change makes of the keyset in its place, durably and
	// whole or not at all; it returns that. Updates of several processes happen
	// one after the other. Its errors are those of Load and change,
	// ErrReadOnly, and ErrLosesKey if change has dropped a key.
	Update(change func(*Keyset) (*Keyset, error)) (*Keyset, error)

	String() string
}

// Text is a keyset in JSON that was given as text, by an environment variable
// say. name is how errors call it: "{env.ONES_KEYSET}". The text itself is not
// kept, and no error quotes it.
func Text(name string, content []byte) Source {
	now, err := parse(content)
	if err != nil {
		err = fmt.Errorf("load keyset: %s: %w", name, err)
	}
	return text{name: name, now: now, err: err}
}

type text struct {
	name string
	now  *keys
	err  error // why it is no keyset
}

func (s text) String() string { return s.name }

func (s text) Load() (*Keyset, error) {
	if s.err != nil {
		return nil, s.err
	}
	return holding(s.now), nil
}

func (s text) Create() (*Keyset, error) {
	return nil, fmt.Errorf("create keyset: %s: %w: make one in a file, and set the variable to what stands in it", s.name, ErrReadOnly)
}

func (s text) Update(func(*Keyset) (*Keyset, error)) (*Keyset, error) {
	return nil, fmt.Errorf("change keyset: %s: %w: put it in a file, change that, set the variable to what stands in it then, and restart the gateway", s.name, ErrReadOnly)
}
