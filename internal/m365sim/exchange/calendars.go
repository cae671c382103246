package exchange

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// A Calendar besides the default one.
type Calendar struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// DefaultName is what the default calendar is called.
func (m *Mailbox) DefaultName() string {
	if m.record.Name != "" {
		return m.record.Name
	}
	return "Calendar"
}

// Calendars besides the default one.
func (m *Mailbox) Calendars() []Calendar { return m.record.Calendars }

// AddCalendar makes another calendar. Its name must be new in the mailbox.
func (x *Exchange) AddCalendar(m *Mailbox, name string) (Calendar, error) {
	taken := func(c Calendar) bool { return strings.EqualFold(c.Name, name) }
	if name == "" {
		return Calendar{}, ErrValidation
	}
	if taken(Calendar{Name: m.DefaultName()}) || slices.ContainsFunc(m.record.Calendars, taken) {
		return Calendar{}, Refuse("ErrorFolderExists", "A folder with the specified name already exists.")
	}
	id := make([]byte, 60)
	_, _ = rand.Read(id)
	copy(id, ordinaryID)
	c := Calendar{ID: base64.URLEncoding.EncodeToString(id), Name: name}
	m.record.Calendars = append(m.record.Calendars, c)
	x.records.Put(m.address, m.record)
	return c, nil
}

// RenameCalendar gives a calendar another name; "" is the default one.
func (x *Exchange) RenameCalendar(m *Mailbox, id, name string) {
	if id == "" {
		m.record.Name = name
	}
	for i := range m.record.Calendars {
		if m.record.Calendars[i].ID == id {
			m.record.Calendars[i].Name = name
		}
	}
	x.records.Put(m.address, m.record)
}

// DeleteCalendar removes a calendar with all that is in it.
func (x *Exchange) DeleteCalendar(m *Mailbox, id string, now time.Time) {
	for _, it := range m.Items(id) {
		x.Withdraw(m, it, now)
	}
	m.record.Calendars = slices.DeleteFunc(m.record.Calendars, func(c Calendar) bool { return c.ID == id })
	x.records.Put(m.address, m.record)
}
