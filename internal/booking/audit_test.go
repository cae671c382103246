package booking

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// audited returns the lines of the audit log since the last call.
func (h *house) audited() (lines []string) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	for line := range strings.Lines(h.log.String()) {
		var l map[string]any
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		switch l["msg"] {
		case "booking":
			lines = append(lines, fmt.Sprint(l["action"], " by ", l["by"], " for ", l["user"], " in ", l["room"], ": ", l["outcome"]))
		case "booking refused":
			lines = append(lines, fmt.Sprint("refused by ", l["by"], " for ", l["user"], ": ", l["outcome"]))
		}
	}
	h.log.Reset()
	slices.Sort(lines) // what the service does meanwhile has no order
	return lines
}

// Each act stands in the audit log: by whom, as whom, in which room, and what came of it;
// also one that is refused, and what becomes of a booking later. Never what it is about.
func TestEachActIsAudited(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		all := ""
		act := func(name string, want ...string) {
			t.Helper()
			h.settle(2 * time.Second)
			all += h.log.text()
			if got := h.audited(); !slices.Equal(got, want) {
				t.Errorf("%s: the audit log has\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		h.audited()
		const as, mail = " by ones for t1.alice in boardroom: ", "alice@contoso.com"
		id := h.call(mail, "POST", "/v1/bookings", body("09:30", "10:30", "subject", "TOPSECRET", "body", "TOPSECRET")).text("id")
		act("create", "create"+as+"accepted", "outcome"+as+"confirmed")
		h.call(mail, "PATCH", "/v1/bookings/"+id, `{"subject":"TOPSECRET again"}`)
		act("update", "change"+as+"made", "update"+as+"pending")
		h.call(mail, "GET", "/v1/bookings/"+id, "")
		h.call(mail, "POST", "/v1/availability", `{"rooms":["nowhere"],"start":"2026-12-01T10:00:00+08:00","end":"2026-12-01T11:00:00+08:00"}`)
		act("what only reads")
		h.want(h.call(bob.ID, "DELETE", "/v1/bookings/"+id, ""), 403)
		act("cancel, by another", "refused by ones for t1.bob: not_organizer")
		h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00", "subject", "TOPSECRET"))
		act("create, where it is taken", "refused by session for t1.bob: room_conflict")
		h.call(alice, "POST", "/v1/bookings", `{"subject":"TOPSECRET"}`)
		act("create, with fields missing", "refused by session for t1.alice: invalid_request")
		h.until("09:30:10")
		h.door(id, "check-in", "")
		act("check-in", "check-in by session for t1.alice in boardroom: confirmed")
		h.call(mail, "POST", "/v1/bookings/"+id+"/extend", `{"minutes":15}`)
		act("extend", "change"+as+"made", "extend"+as+"pending")
		h.call(mail, "POST", "/v1/bookings/"+id+"/end", "")
		act("end", "change"+as+"made", "end"+as+"pending")

		id = h.call(mail, "POST", "/v1/bookings", body("14:00", "15:00")).text("id")
		act("create", "create"+as+"accepted", "outcome"+as+"confirmed")
		h.call(mail, "DELETE", "/v1/bookings/"+id, `{"comment":"TOPSECRET"}`)
		act("cancel", "cancel"+as+"pending", "outcome"+as+"cancelled")

		h.call(mail, "POST", "/v1/bookings", body("16:00", "17:00"))
		act("create", "create"+as+"accepted", "outcome"+as+"confirmed")
		h.until("16:11:00")
		act("release", "change"+as+"made", "outcome"+as+"released")
		if strings.Contains(all, "TOPSECRET") {
			t.Error("the log tells what a booking is about")
		}
	})
}
