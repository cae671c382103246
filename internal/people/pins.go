package people

import (
	"context"
	"errors"
	"fmt"

	"github.com/onesgate/onesgate/internal/store"
)

// A Pin says whose an admin's address is.
type Pin struct {
	// Address is the integration, "/", and the address, without case.
	Address string
	Holder  string // the id

	version store.Version
}

const pins = "admin/"

// maxPins bounds how many pins are looked at: one for each admin that is, or was,
// named by an address.
const maxPins = 10_000

// Pin returns whose an admin's address is: the first one who has proven it. A
// directory gives addresses away again, and with them would go the rights. fresh says
// that it is id's from now on.
func (d *Directory) Pin(ctx context.Context, address, id string) (holder string, fresh bool, err error) {
	key := pins + address
	rec, err := d.store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		_, err = d.store.Commit(ctx, store.Write{Key: key, Value: []byte(id), If: store.If(store.Absent)})
		if err == nil {
			return id, true, nil
		}
		if errors.Is(err, store.ErrConflict) { // somebody was faster
			rec, err = d.store.Get(ctx, key)
		}
	}
	return string(rec.Value), false, err
}

// Pins returns whose the addresses of admins are.
func (d *Directory) Pins(ctx context.Context) ([]Pin, error) {
	recs, err := d.store.Scan(ctx, pins, "", maxPins)
	if err != nil {
		return nil, fmt.Errorf("listing the addresses of admins: %w", err)
	}
	var all []Pin
	for _, rec := range recs {
		all = append(all, Pin{Address: rec.Key[len(pins):], Holder: string(rec.Value), version: rec.Version})
	}
	return all, nil
}

// Unpin gives an address up: it is whoever's who proves it next.
func (d *Directory) Unpin(ctx context.Context, p Pin) error {
	_, err := d.store.Commit(ctx, store.Write{Op: store.Delete, Key: pins + p.Address, If: store.If(p.version)})
	return err
}
