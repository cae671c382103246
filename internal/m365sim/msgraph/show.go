package msgraph

import (
	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Show renders all that stands in a mailbox's calendars, as its owner sees it.
// Series are shown as their masters.
func (g *Graph) Show(c *front.Call, mailbox string) []any {
	shown := []any{}
	box := g.exchange.Mailbox(mailbox)
	if box == nil {
		return shown
	}
	v := &call{Call: c, box: box, role: world.RoleDelegateAll}
	for _, it := range box.Items("*") {
		m := v.render(it)
		m["m365sim.reasons"] = reasons(it)
		shown = append(shown, m)
	}
	return shown
}

// reasons are what the answers' mails say, by attendee; Graph has no place for
// them.
func reasons(it exchange.Item) map[string]string {
	m := map[string]string{}
	for _, a := range it.Attendees {
		if a.Reason != "" {
			m[a.EmailAddress.Address] = a.Reason
		}
	}
	return m
}
