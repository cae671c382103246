package booking

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
)

const theDoor = "room:boardroom"

// A panel at a door tells passers-by what goes on behind it, and no more.
func TestRoomReads(t *testing.T) {
	story(t, func(h *house) {
		h.connectRoom("boardroom", "boardroom@contoso.com")
		open := h.book("10:00", "11:00", "subject", "Open day", "body", "the agenda", "attendees", []string{"carol@contoso.com"})
		private := h.book("12:00", "13:00", "subject", "Salaries", "private", true)
		elsewhere := h.book("14:00", "15:00", "subject", "Elsewhere", "room", "harbour")
		for _, r := range []reply{open, private, elsewhere} {
			h.want(r, 201)
		}

		list := h.call(theDoor, "GET", "/v1/bookings", "")
		if found, _ := list.body["bookings"].([]any); len(found) != 2 {
			t.Errorf("the room has %d bookings, want 2", len(found))
		}
		if found, _ := h.call(theDoor, "GET", "/v1/bookings?room=harbour", "").body["bookings"].([]any); len(found) != 0 {
			t.Errorf("of another room: %v", found)
		}
		h.want(h.call(theDoor, "GET", "/v1/bookings/"+open.text("id"), ""), 200,
			"subject", "Open day", "organizer.name", "Alice Chan", "body", "null", "attendees", "[]", "graph", "{}")
		h.want(h.call(theDoor, "GET", "/v1/bookings/"+private.text("id"), ""), 200,
			"subject", "", "organizer", `{"id":""}`, "start", "2026-12-01T12:00:00+08:00", "status", "confirmed")
		h.want(h.call(theDoor, "GET", "/v1/bookings/"+elsewhere.text("id"), ""), 404, "code", "not_found")

		// The room's own grant looks.
		h.graph.foreign["boardroom@contoso.com"] = []period{{opening.Add(6 * time.Hour), opening.Add(7 * time.Hour)}}
		h.graph.subject = "By Outlook"
		const day = "/schedule?from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z"
		here := h.call(theDoor, "GET", "/v1/rooms/boardroom"+day, "")
		h.want(here, 200)
		if blocks := here.text("blocks"); !strings.Contains(blocks, "Open day") || !strings.Contains(blocks, "By Outlook") || strings.Contains(blocks, "Salaries") {
			t.Errorf("the room's schedule: %s", blocks)
		}
		h.connectRoom("harbour", "harbour@contoso.com")
		there := h.call(theDoor, "GET", "/v1/rooms/harbour"+day, "")
		h.want(there, 200)
		if blocks := there.text("blocks"); !strings.Contains(blocks, "start") || strings.Contains(blocks, "Elsewhere") {
			t.Errorf("another room's schedule: %s", blocks)
		}
		h.state[rooms.GrantOwner("contoso", "boardroom")] = grant.NeedsSignIn
		h.want(h.call(theDoor, "GET", "/v1/rooms/boardroom"+day, ""), 200, "as_of", "null")
		h.want(h.call(theDoor, "GET", "/v1/rooms/other"+day, ""), 404, "code", "unknown_room")

		for _, target := range []string{"/v1/users", "/v1/users/me", "/v1/users/" + alice.ID, "/v1/changes"} {
			h.want(h.call(theDoor, "GET", target, ""), 403, "code", "forbidden")
		}
	})
}

// A room organizes what is booked at its door with the account that stands for it,
// unless that is the room itself.
func TestRoomBooks(t *testing.T) {
	story(t, func(h *house) {
		book := func(from, to string, changes ...any) reply {
			t.Helper()
			return h.call(theDoor, "POST", "/v1/bookings", body(from, to, changes...), "Idempotency-Key", from)
		}
		forbids := func(why string, r reply) {
			t.Helper()
			h.want(r, 403, "code", "forbidden")
			if !strings.Contains(r.text("detail"), why) {
				t.Errorf("detail: %s, want %q", r.text("detail"), why)
			}
		}
		forbids("No account", book("10:00", "11:00"))
		h.connectRoom("boardroom", "Boardroom@Contoso.com")
		forbids("own mailbox", book("10:00", "11:00"))
		h.connectRoom("boardroom", "")
		forbids("without a mailbox", book("10:00", "11:00"))
		if n := len(h.graph.live()); n != 0 {
			t.Fatalf("%d events were made", n)
		}

		h.connectRoom("boardroom", "rooms@contoso.com")
		forbids("itself only", book("10:00", "11:00", "room", "harbour"))
		forbids("itself only", h.call(theDoor, "POST", "/v1/bookings/check", body("10:00", "11:00", "room", "harbour")))
		h.want(h.call(theDoor, "POST", "/v1/bookings/check", body("10:00", "11:00")), 200, "free", "true", "checked", "true")
		made := book("10:00", "11:00", "subject", "At the door", "external_id", "ONES-1")
		h.want(made, 201, "subject", "At the door", "organizer", `{"id":"room:contoso/boardroom","name":"Boardroom"}`)
		if events := h.graph.live(); len(events) != 1 || events[0].Owner != "room:contoso/boardroom" || events[0].Room != "boardroom@contoso.com" {
			t.Errorf("events: %v", events)
		}
		again := book("10:00", "11:00", "subject", "At the door", "external_id", "ONES-1")
		h.want(again, 200, "id", made.text("id"))
		private := h.call(alice, "POST", "/v1/bookings", body("12:00", "13:00", "private", true))
		h.want(private, 201)
		taken := book("12:30", "13:30")
		h.want(taken, 409, "code", "room_conflict")
		if strings.Contains(taken.text("clashes"), "Alice") {
			t.Errorf("a private clash tells %s", taken.text("clashes"))
		}

		// Its account can't be used any more.
		h.state["room:contoso/boardroom"] = grant.NeedsSignIn
		h.dead["room:contoso/boardroom"] = grant.ErrNeedsSignIn
		h.want(book("15:00", "16:00"), 403, "code", "needs_sign_in", "login_url", "https://ones.example.com/.ones/rooms/boardroom/connect")
		delete(h.dead, "room:contoso/boardroom")

		// Another account comes in the moment in which the booking is accepted.
		var changed bool
		h.store.setFail(func(writes []store.Write) error {
			if changed || writes[0].Key[:len(recordPrefix)] != recordPrefix {
				return nil
			}
			changed = true
			own := store.Write{Key: "room-account/contoso/boardroom", Value: []byte(`{"mailbox":"boardroom@contoso.com"}`)}
			_, err := h.store.Store.Commit(t.Context(), own)
			return err
		})
		forbids("own mailbox", book("16:00", "17:00"))
		if !changed {
			t.Error("the booking was never about to be accepted")
		}
		if n := len(h.graph.live()); n != 2 {
			t.Errorf("%d events, want that of the door and that of alice", n)
		}
	})
}

// Rooms that one account stands for book with the mailbox of that account: all together
// have the places there that one mailbox has.
func TestRoomsOfOneAccountShareItsMailbox(t *testing.T) {
	story(t, func(h *house) {
		h.connectRoom("boardroom", "rooms@contoso.com")
		h.connectRoom("harbour", "rooms@contoso.com")
		var mu sync.Mutex
		now, most := 0, 0
		h.graph.setFault(func(r *http.Request, _ bool) (*http.Response, error, bool) {
			if !strings.Contains(r.URL.Path, "/me/") {
				return nil, nil, false
			}
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return nil, nil, false
		})
		for i := range 6 {
			for _, room := range []string{"boardroom", "harbour"} {
				go h.call("room:"+room, "POST", "/v1/bookings",
					body(fmt.Sprintf("%02d:00", 10+i), fmt.Sprintf("%02d:30", 10+i), "room", room), "Prefer", "respond-async")
			}
		}
		h.settle(5 * time.Minute)
		if n := len(h.graph.live()); n != 12 || most > 4 {
			t.Errorf("%d events, %d calls to the account's mailbox at once; want 12, and 4 at most", n, most)
		}
	})
}
