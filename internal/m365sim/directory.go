package m365sim

import "strings"

// tenant returns the tenant by its id or its domain, or nil.
func (c *Config) tenant(name string) *Tenant {
	for i := range c.Tenants {
		if t := &c.Tenants[i]; strings.EqualFold(t.ID, name) || strings.EqualFold(t.Domain, name) {
			return t
		}
	}
	return nil
}

func (t *Tenant) app(clientID string) *App {
	for i := range t.Apps {
		if strings.EqualFold(t.Apps[i].ClientID, clientID) {
			return &t.Apps[i]
		}
	}
	return nil
}

func (t *Tenant) person(mail string) *Person {
	for i := range t.People {
		if strings.EqualFold(t.People[i].Mail, mail) {
			return &t.People[i]
		}
	}
	return nil
}

func (t *Tenant) room(address string) *Room {
	for i := range t.Rooms {
		if strings.EqualFold(t.Rooms[i].Address, address) {
			return &t.Rooms[i]
		}
	}
	return nil
}

// displayName is what the directory calls an address; the address itself if it
// isn't in there.
func (t *Tenant) displayName(address string) string {
	if p := t.person(address); p != nil {
		return p.Name
	}
	if r := t.room(address); r != nil {
		return r.Name
	}
	return address
}

// hasMailbox says whether mail to that address ends up in a calendar here.
func (t *Tenant) hasMailbox(address string) bool {
	p := t.person(address)
	return p != nil && !p.NoMailbox || t.room(address) != nil
}
