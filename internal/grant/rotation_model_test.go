package grant_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"pgregory.net/rapid"
)

// TestRotationModel rotates keys under two gateways on one store, which take the
// changed keyset when they please, while people sign in and are refreshed on both.
//
// In order, every grant can be used on either gateway at any time. In any other
// order a step is refused or a grant waits for its operator; the keyset, with all
// its keys enabled, opens every grant at every time, and no grant is called dead.
func TestRotationModel(t *testing.T) {
	w := newWorld(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &rotation{w: w, rt: rt, run: runs, inOrder: rapid.Bool().Draw(rt, "in order")}
		m.source = seal.File(filepath.Join(t.TempDir(), "keyset.json"))
		first, err := m.source.Create()
		if err != nil {
			rt.Fatal(err)
		}
		m.file = first
		for i := range m.gateways {
			m.gateways[i].start(m)
		}
		defer m.close()
		rt.Repeat(map[string]func(*rapid.T){
			"sign in": m.signIn,
			"refresh": m.refresh,
			"add":     m.add,
			"promote": m.promote,
			"reload":  m.reload,
			"restart": m.restart,
			"rewrap":  m.rewrap,
			"retire":  m.retire,
			"":        m.check,
		})
		m.repair()
	})
}

// A rotation is a keyset in a file, and the gateways that use it.
type rotation struct {
	w        *world
	rt       *rapid.T
	run      int
	inOrder  bool
	source   seal.Source
	file     *seal.Keyset // what is in it
	gateways [2]gateway
	owners   []string
}

type gateway struct {
	*grant.Keeper
	keys *seal.Keyset
}

// start makes a gateway with the keyset that is in the file.
func (g *gateway) start(m *rotation) {
	keys, err := m.source.Load()
	if err != nil {
		m.rt.Fatal(err)
	}
	m.w.keys = keys
	g.keys, g.Keeper = keys, m.w.keeper()
}

func (m *rotation) close() {
	for i := range m.gateways {
		m.gateways[i].Close()
	}
	for _, owner := range m.owners { // the next run has other keys
		_, err := m.w.store.Commit(m.w.t.Context(), store.Write{Key: "grant/" + owner, Op: store.Delete})
		if err != nil {
			m.rt.Error(err)
		}
	}
}

func (m *rotation) anyGateway(rt *rapid.T) *gateway {
	return &m.gateways[rapid.IntRange(0, len(m.gateways)-1).Draw(rt, "gateway")]
}

// all says whether something is so on each gateway.
func (m *rotation) all(is func(keys *seal.Keyset) bool) bool {
	return is(m.gateways[0].keys) && is(m.gateways[1].keys)
}

func (m *rotation) signIn(rt *rapid.T) {
	owner := fmt.Sprintf("rotation.%d.%d", m.run, rapid.IntRange(0, 3).Draw(rt, "owner"))
	if !slices.Contains(m.owners, owner) {
		m.owners = append(m.owners, owner)
	}
	m.w.save(m.anyGateway(rt).Keeper, owner, "saved", grant.Connected)
}

// refresh opens a grant and seals another refresh token.
func (m *rotation) refresh(rt *rapid.T) {
	if len(m.owners) == 0 {
		rt.Skip("nobody has signed in")
	}
	owner := rapid.SampledFrom(m.owners).Draw(rt, "owner")
	g := m.anyGateway(rt)
	m.w.advance(2 * time.Hour)
	_, err := g.Token(rt.Context(), owner, grant.Ask{})
	switch {
	case err == nil:
	case m.inOrder:
		rt.Errorf("Token = %v, though all was done in order", err)
	case !errors.Is(err, grant.ErrIntegrationDown) || !errors.Is(err, seal.ErrWrongKey):
		rt.Errorf("Token = %v, want ErrIntegrationDown around ErrWrongKey", err)
	default:
		if c, err := g.Connection(rt.Context(), owner); err != nil || c.State() != grant.Unavailable {
			rt.Errorf("Connection = %v, %v, want unavailable", c.State(), err)
		}
	}
}

// change does one step to the keyset in the file.
func (m *rotation) change(step func(*seal.Keyset) (*seal.Keyset, error)) error {
	next, err := m.source.Update(step)
	if err == nil {
		m.file = next
	}
	return err
}

func (m *rotation) add(rt *rapid.T) {
	if len(m.file.List()) > 4 {
		rt.Skip("enough keys")
	}
	if err := m.change((*seal.Keyset).Add); err != nil {
		rt.Fatal(err)
	}
}

func (m *rotation) anyKey(rt *rapid.T) seal.Key {
	return rapid.SampledFrom(m.file.List()).Draw(rt, "key")
}

func (m *rotation) promote(rt *rapid.T) {
	key := m.anyKey(rt)
	if m.inOrder && !m.all(func(keys *seal.Keyset) bool { return keys.Enabled(key.ID) }) {
		rt.Skip("not every gateway has the key")
	}
	err := m.change(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Promote(key.ID) })
	if want := key.Status == seal.Disabled; want != errors.Is(err, seal.ErrNotEnabled) || !want && err != nil {
		rt.Errorf("Promote of a key that is %s = %v", key.Status, err)
	}
}

func (m *rotation) reload(rt *rapid.T) {
	g := m.anyGateway(rt)
	next, err := m.source.Load()
	if err == nil {
		err = g.keys.Replace(next)
	}
	if err != nil {
		rt.Error(err)
	}
}

func (m *rotation) restart(rt *rapid.T) {
	g := m.anyGateway(rt)
	g.Close()
	g.start(m)
}

func (m *rotation) rewrap(rt *rapid.T) {
	g := m.anyGateway(rt)
	r, err := g.Rewrap(rt.Context())
	if err != nil || r.Damaged > 0 {
		rt.Errorf("Rewrap = %+v, %v", r, err)
	}
	if m.inOrder && len(r.Unopened) > 0 {
		rt.Errorf("Rewrap = %+v, though all was done in order", r)
	}
	for id := range r.Sealed {
		if id != g.keys.Primary() && r.Unopened[id] != r.Sealed[id] {
			rt.Errorf("Rewrap = %+v: some that can be opened are not sealed with %d", r, g.keys.Primary())
		}
	}
}

func (m *rotation) retire(rt *rapid.T) {
	key := m.anyKey(rt)
	seals := func(keys *seal.Keyset) bool { return keys.Primary() == key.ID }
	if m.inOrder && (seals(m.gateways[0].keys) || seals(m.gateways[1].keys)) {
		rt.Skip("a gateway still seals with the key")
	}
	records, err := m.anyGateway(rt).CountKeys(rt.Context())
	if err != nil {
		rt.Fatal(err)
	}
	var want error
	switch {
	case key.Primary:
		want = seal.ErrPrimary
	case records[key.ID] > 0:
		want = seal.ErrInUse
	}
	err = m.change(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Retire(key.ID, records[key.ID]) })
	if !errors.Is(err, want) {
		rt.Errorf("Retire = %v, want %v", err, want)
	}
}

// enabled returns a keyset with all its keys enabled.
func enabled(k *seal.Keyset) (*seal.Keyset, error) {
	for _, key := range k.List() {
		var err error
		if k, err = k.Enable(key.ID); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (m *rotation) check(rt *rapid.T) {
	all, err := enabled(m.file)
	if err != nil {
		rt.Fatal(err)
	}
	m.w.keys = all
	for _, owner := range m.owners {
		if state, token, _ := m.w.stored(owner); state != "connected" || token == "" {
			rt.Errorf("stored for %s: %s with %q", owner, state, token)
		}
	}
}

// repair is what an operator does after steps in the wrong order: afterwards every
// grant can be used everywhere, and the rotation can be finished.
func (m *rotation) repair() {
	if err := m.change(enabled); err != nil {
		m.rt.Fatal(err)
	}
	for i := range m.gateways {
		if err := m.gateways[i].keys.Replace(m.file); err != nil {
			m.rt.Fatal(err)
		}
	}
	for i := range m.gateways {
		for _, owner := range m.owners {
			m.w.advance(2 * time.Hour)
			if _, err := m.gateways[i].Token(m.rt.Context(), owner, grant.Ask{}); err != nil {
				m.rt.Errorf("Token after the repair = %v", err)
			}
		}
	}
	if _, err := m.gateways[0].Rewrap(m.rt.Context()); err != nil {
		m.rt.Fatal(err)
	}
	records, err := m.gateways[1].CountKeys(m.rt.Context())
	if err != nil {
		m.rt.Fatal(err)
	}
	for _, key := range m.file.List() {
		if key.Primary {
			continue
		}
		if err := m.change(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Retire(key.ID, records[key.ID]) }); err != nil {
			m.rt.Errorf("Retire after the repair = %v", err)
		}
	}
}
