package caddymodule

import (
	"errors"
	"fmt"
)

// mistakes are errors that are told together, so that nobody has to mend one to be told of the
// next: a line each.
type mistakes []error

func (m mistakes) Error() string { return errors.Join(m...).Error() }

// Unwrap is for package errors.
func (m mistakes) Unwrap() []error { return m }

// gathered puts errors together, of which each may be nil or be mistakes itself; nil: there
// is none.
func gathered(errs ...error) error {
	var all mistakes
	for _, err := range errs {
		all = append(all, each(err)...)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// foundIn says of each error where it was found.
func foundIn(where string, err error) error {
	var all []error
	for _, one := range each(err) {
		all = append(all, fmt.Errorf("%s: %w", where, one))
	}
	return gathered(all...)
}

// each returns the errors that are told together; none for nil.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := err.(mistakes); ok {
		return all
	}
	return []error{err}
}
