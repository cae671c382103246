package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// ErrNotConnected: the room has no account.
var ErrNotConnected = errors.New("the room is not connected with an account")

// An Account is what a room is connected with, and who did that.
type Account struct {
	// PersonID is the account's id as a person.
	PersonID string `json:"person_id"`
	// Mailbox and Name are those of the account's own calendar; empty without one.
	Mailbox string `json:"mailbox,omitempty"`
	Name    string `json:"name,omitempty"`
	// ConnectedBy is the id of the admin, ConnectedAt when they did it; "": the admin
	// has been erased since.
	ConnectedBy string    `json:"connected_by"`
	ConnectedAt time.Time `json:"connected_at"`
}

// Accounts keeps the accounts of rooms. It may be used concurrently.
type Accounts struct {
	store  store.Store
	grants *grant.Keeper
}

// New returns the accounts kept in s, whose tokens are among grants.
func New(s store.Store, grants *grant.Keeper) *Accounts {
	return &Accounts{store: s, grants: grants}
}

const accounts = "room-account/"

func key(integration, room string) string { return accounts + integration + "/" + room }

// GrantOwner is the owner of a room's grant. It is nobody's id: those have a dot,
// and names of integrations and rooms have none.
func GrantOwner(integration, room string) string { return "room:" + integration + "/" + room }

// OfGrant returns the room that GrantOwner has made an owner of, and whether it has.
func OfGrant(owner string) (integration, room string, ok bool) {
	if owner, ok = strings.CutPrefix(owner, "room:"); !ok {
		return "", "", false
	}
	return strings.Cut(owner, "/")
}

// Connect connects a room with an account, in place of the one before, whose tokens
// no gateway uses from then on.
func (a *Accounts) Connect(ctx context.Context, integration, room string, account Account, tokens entra.Tokens) error {
	value, err := json.Marshal(account)
	if err != nil {
		return err
	}
	owner := GrantOwner(integration, room)
	return a.grants.Save(ctx, owner, integration, tokens, grant.Connected,
		store.Write{Key: key(integration, room), Value: value},
		store.Write{Op: store.Announce, Key: grant.GoneTopic, Value: []byte(owner)})
}

// Disconnect forgets a room's account and its tokens, and returns which it was, or
// ErrNotConnected.
func (a *Accounts) Disconnect(ctx context.Context, integration, room string) (Account, error) {
	rec, account, err := a.read(ctx, integration, room)
	if err != nil {
		return Account{}, err
	}
	return account, a.grants.Forget(ctx, GrantOwner(integration, room),
		store.Write{Op: store.Delete, Key: rec.Key, If: store.If(rec.Version)})
}

// Get returns a room's account and how its connection stands, or ErrNotConnected.
func (a *Accounts) Get(ctx context.Context, integration, room string) (Account, grant.State, error) {
	_, account, err := a.read(ctx, integration, room)
	if err != nil {
		return Account{}, "", err
	}
	state, err := a.State(ctx, integration, room)
	if err != nil {
		return Account{}, "", err
	}
	return account, state, nil
}

// State returns how the connection of a room stands that has an account. The store is
// read only where that isn't known.
func (a *Accounts) State(ctx context.Context, integration, room string) (grant.State, error) {
	c, err := a.grants.Connection(ctx, GrantOwner(integration, room))
	if err != nil {
		return "", err
	}
	return c.State(), nil
}

// Standing returns a room's account and a part of a commit that holds only if the room
// still has it by then, or ErrNotConnected.
func (a *Accounts) Standing(ctx context.Context, integration, room string) (Account, store.Write, error) {
	rec, account, err := a.read(ctx, integration, room)
	return account, store.Write{Op: store.Check, Key: key(integration, room), If: store.If(rec.Version)}, err
}

// A Connected is a room with its account.
type Connected struct {
	Integration, Room string
	Account
}

// atOnce bounds one look at the accounts.
const atOnce = 500

// All returns all rooms that have an account, also those that are not configured now.
func (a *Accounts) All(ctx context.Context) (all []Connected, err error) {
	for after := ""; ; {
		recs, err := a.store.Scan(ctx, accounts, after, atOnce)
		if err != nil {
			return nil, fmt.Errorf("listing the accounts of rooms: %w", err)
		}
		for _, rec := range recs {
			after = rec.Key
			account, err := decode(rec)
			if err != nil {
				return nil, err
			}
			// Neither name has a "/".
			integration, room, _ := strings.Cut(strings.TrimPrefix(rec.Key, accounts), "/")
			all = append(all, Connected{Integration: integration, Room: room, Account: account})
		}
		if len(recs) < atOnce {
			return all, nil
		}
	}
}

// ForgetAdmin takes the id of an admin out of a room's account.
func (a *Accounts) ForgetAdmin(ctx context.Context, integration, room, personID string) error {
	err := store.Update(ctx, a.store, key(integration, room), func(old store.Record) (store.Write, error) {
		if old.Version == store.Absent {
			return store.Write{}, ErrNotConnected
		}
		account, err := decode(old)
		if err != nil || account.ConnectedBy != personID {
			return store.Write{Op: store.Check}, err
		}
		account.ConnectedBy = ""
		value, err := json.Marshal(account)
		return store.Write{Value: value}, err
	})
	if errors.Is(err, ErrNotConnected) {
		return nil
	}
	return err
}

func (a *Accounts) read(ctx context.Context, integration, room string) (store.Record, Account, error) {
	rec, err := a.store.Get(ctx, key(integration, room))
	if errors.Is(err, store.ErrNotFound) {
		return rec, Account{}, ErrNotConnected
	}
	if err != nil {
		return rec, Account{}, fmt.Errorf("reading a room's account: %w", err)
	}
	account, err := decode(rec)
	return rec, account, err
}

func decode(rec store.Record) (Account, error) {
	var account Account
	if err := json.Unmarshal(rec.Value, &account); err != nil {
		return Account{}, fmt.Errorf("the record %s is damaged: %w", rec.Key, err)
	}
	return account, nil
}
