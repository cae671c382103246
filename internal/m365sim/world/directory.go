package world

import (
	"slices"
	"strings"
)

// A World is a checked configuration with its directory. It does not change,
// and may be used concurrently.
type World struct {
	Config
	// Base is where the simulator is reached: an absolute URL without a path.
	Base string

	tenants map[string]*Tenant // by id and by domain, in lower case
}

// New checks a configuration and returns its world. The configuration must not
// be changed afterwards.
func New(cfg Config, base string) (*World, error) {
	if cfg.Scopes == "" {
		cfg.Scopes = ScopesSuperset
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	w := &World{Config: cfg, Base: base, tenants: map[string]*Tenant{}}
	w.Tenants = slices.Clone(cfg.Tenants)
	for i := range w.Tenants {
		t := &w.Tenants[i]
		t.makeIndex()
		w.tenants[strings.ToLower(t.ID)], w.tenants[strings.ToLower(t.Domain)] = t, t
	}
	return w, nil
}

// Tenant returns the tenant by its id or its domain, of whatever cloud, or nil.
func (w *World) Tenant(name string) *Tenant { return w.tenants[strings.ToLower(name)] }

// App returns an app by its client id and the tenant it is registered in, of
// whatever cloud, or nil.
func (w *World) App(clientID string) (*App, *Tenant) {
	for i := range w.Tenants {
		if a := w.Tenants[i].index.apps[strings.ToLower(clientID)]; a != nil {
			return a, &w.Tenants[i]
		}
	}
	return nil, nil
}

// An index finds what a tenant has, by names in lower case.
type index struct {
	apps   map[string]*App    // by client id
	people map[string]*Person // by address and by object id
	rooms  map[string]*Room   // by address

	accounts []*Person // all who can sign in: people, and rooms with an account
}

func (t *Tenant) makeIndex() {
	t.index = index{apps: map[string]*App{}, people: map[string]*Person{}, rooms: map[string]*Room{}}
	for i := range t.Apps {
		t.index.apps[strings.ToLower(t.Apps[i].ClientID)] = &t.Apps[i]
	}
	for i := range t.People {
		t.index.accounts = append(t.index.accounts, &t.People[i])
	}
	for i := range t.Rooms {
		r := &t.Rooms[i]
		t.index.rooms[strings.ToLower(r.Address)] = r
		if r.Account != "" {
			t.index.accounts = append(t.index.accounts, &Person{ID: r.Account, Name: r.Name, Mail: r.Address, Shares: r.Shares})
		}
	}
	for _, p := range t.index.accounts {
		t.index.people[strings.ToLower(p.Mail)], t.index.people[strings.ToLower(p.ID)] = p, p
	}
}

// Accounts returns all who can sign in: the people, then the rooms that have an
// account.
func (t *Tenant) Accounts() []*Person { return t.index.accounts }

// Person returns one of the Accounts by address or object id, or nil.
func (t *Tenant) Person(name string) *Person { return t.index.people[strings.ToLower(name)] }

// Room returns a room by its address, or nil.
func (t *Tenant) Room(address string) *Room { return t.index.rooms[strings.ToLower(address)] }

// DisplayName is what the directory calls an address; the address itself if it
// isn't in there.
func (t *Tenant) DisplayName(address string) string {
	if p := t.Person(address); p != nil {
		return p.Name
	}
	if r := t.Room(address); r != nil {
		return r.Name
	}
	return address
}

// Mailbox returns the address, in lower case, of the mailbox that an address or
// an object id means; "" where there is none.
func (t *Tenant) Mailbox(name string) string {
	if p := t.Person(name); p != nil && !p.NoMailbox {
		return strings.ToLower(p.Mail)
	}
	if r := t.Room(name); r != nil {
		return strings.ToLower(r.Address)
	}
	return ""
}

// OneOf says whether somebody is named in a list of addresses and groups.
func (p *Person) OneOf(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, p.Mail) || slices.ContainsFunc(p.Groups, func(g string) bool { return strings.EqualFold(g, name) })
	})
}

// roles in their order.
var roles = []Role{RoleNone, RoleFreeBusy, RoleLimitedRead, RoleRead, RoleWrite, RoleDelegate, RoleDelegateAll}

// AtLeast says whether a role includes another.
func (r Role) AtLeast(least Role) bool { return slices.Index(roles, r) >= slices.Index(roles, least) }

// Shares of a mailbox.
func (t *Tenant) Shares(address string) []Share {
	if p := t.Person(address); p != nil {
		return p.Shares
	}
	if r := t.Room(address); r != nil {
		return r.Shares
	}
	return nil
}

// RoleOn returns what somebody may do with a mailbox's calendar: the most that
// a share with them says, else what the default says.
func (t *Tenant) RoleOn(p *Person, address string) Role {
	if strings.EqualFold(p.Mail, address) {
		return RoleDelegateAll
	}
	everybody, own := RoleFreeBusy, Role("")
	for _, s := range t.Shares(address) {
		switch {
		case strings.EqualFold(s.With, "default"):
			everybody = s.Role
		case p.OneOf([]string{s.With}) && (own == "" || s.Role.AtLeast(own)):
			own = s.Role
		}
	}
	if own != "" {
		return own
	}
	return everybody
}
