package booking

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
)

// changes asks for what has changed since a cursor, and returns it in short and the
// next cursor.
func (h *house) changes(cursor string, query ...string) (told []string, next string) {
	h.t.Helper()
	r := h.call("", "GET", "/v1/changes?cursor="+url.QueryEscape(cursor)+strings.Join(query, ""), "")
	h.want(r, 200)
	list, _ := r.body["changes"].([]any)
	for _, c := range list {
		for kind, v := range c.(map[string]any) {
			m := v.(map[string]any)
			switch {
			case m["deleted"] == true:
				told = append(told, kind+" deleted")
			case kind == "booking":
				told = append(told, fmt.Sprintf("booking %q %s", m["subject"], m["status"]))
			case kind == "user":
				told = append(told, fmt.Sprintf("user %s %s", m["name"], m["connection"]))
			default:
				told = append(told, fmt.Sprintf("room %s %s", m["room"], m["connection"]))
			}
		}
	}
	next = r.text("next_cursor")
	if next == "" {
		h.t.Error("there is no next_cursor")
	}
	return told, next
}

// announce tells in the store's feed that a grant has another state.
func (h *house) announce(topic, owner string, state grant.State) {
	h.t.Helper()
	h.mu.Lock()
	if state != "" {
		h.state[owner] = state
	}
	h.mu.Unlock()
	if _, err := h.store.Commit(h.t.Context(), store.Write{Op: store.Announce, Key: topic, Value: []byte(owner)}); err != nil {
		h.t.Fatal(err)
	}
}

func TestChanges(t *testing.T) {
	story(t, func(h *house) {
		directory := people.New(h.store, time.Now)
		told, at := h.changes("")
		if len(told) != 0 {
			t.Errorf("without a cursor: %v", told)
		}
		moved := alice
		moved.Name = "Alice Wong"
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"nothing", func() {}, "[]"},
			{"a booking, which changes twice", func() { h.want(h.book("10:00", "11:00", "subject", "Review"), 201) }, `[booking "Review" confirmed]`},
			{"a private one", func() { h.want(h.book("12:00", "13:00", "subject", "Salaries", "private", true), 201) }, `[booking "" confirmed]`},
			{"the same sign-in", func() { _ = directory.SignedIn(t.Context(), alice) }, "[]"},
			{"another name", func() { _ = directory.SignedIn(t.Context(), moved) }, "[user Alice Wong connected]"},
			{"a grant that has ended", func() { h.announce(grant.Topic, alice.ID, grant.NeedsSignIn) }, "[user Alice Wong needs_sign_in]"},
			{"a grant that is given up", func() { h.announce(grant.GoneTopic, bob.ID, grant.NeedsSignIn) }, "[user Bob Lee needs_sign_in]"},
			{"a room's account is gone", func() {
				h.announce(grant.GoneTopic, rooms.GrantOwner("contoso", "boardroom"), "")
			}, "[room boardroom not_connected]"},
			{"a room that is not configured", func() { h.announce(grant.Topic, rooms.GrantOwner("contoso", "cellar"), grant.Connected) }, "[]"},
			{"a room of that name elsewhere", func() { h.announce(grant.Topic, rooms.GrantOwner("fabrikam", "boardroom"), grant.Connected) }, "[]"},
			{"what gateways tell each other", func() { h.announce("session", "x", "") }, "[]"},
			{"an erasure", func() {
				e, err := directory.Get(t.Context(), alice.ID)
				if err != nil {
					t.Fatal(err)
				}
				struck, err := directory.Strike(t.Context(), e, "operator")
				if err != nil {
					t.Fatal(err)
				}
				if n, err := h.svc.Erase(t.Context(), struck); err != nil || n != 2 {
					t.Fatalf("erased %d, %v", n, err)
				}
			}, "[user deleted booking deleted booking deleted]"},
		} {
			step.do()
			told, next := h.changes(at)
			if got := fmt.Sprint(told); got != step.want {
				t.Errorf("%s: told %s, want %s", step.name, got, step.want)
			}
			if again, _ := h.changes(at); fmt.Sprint(again) != fmt.Sprint(told) {
				t.Errorf("%s: the same cursor tells %v, then %v", step.name, told, again)
			}
			at = next
		}
	})
}

// The state of a room's account is told with the room.
func TestChangedRoom(t *testing.T) {
	story(t, func(h *house) {
		_, at := h.changes("")
		h.connectRoom("boardroom", "boardroom@contoso.com")
		h.announce(grant.Topic, rooms.GrantOwner("contoso", "boardroom"), grant.Connected)
		if told, _ := h.changes(at); fmt.Sprint(told) != "[room boardroom connected]" {
			t.Errorf("told %v", told)
		}
		h.want(h.call("", "GET", "/v1/rooms/boardroom", ""), 200, "connection", "connected")
		h.want(h.call("", "GET", "/v1/rooms/harbour", ""), 200, "connection", "not_connected")
	})
}

// connectRoom has an account stand for a room.
func (h *house) connectRoom(room, mailbox string) {
	h.t.Helper()
	value := fmt.Sprintf(`{"person_id":"t1.service","mailbox":%q,"name":"Room service","connected_by":"t1.alice"}`, mailbox)
	if _, err := h.store.Commit(h.t.Context(), store.Write{Key: "room-account/contoso/" + room, Value: []byte(value)}); err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state[rooms.GrantOwner("contoso", room)] = grant.Connected
}

// A caller who waits hears at once, and no longer than asked for.
func TestChangesWait(t *testing.T) {
	story(t, func(h *house) {
		_, at := h.changes("")
		begun := time.Now()
		if told, _ := h.changes(at, "&wait=20"); len(told) != 0 || time.Since(begun) < 20*time.Second || time.Since(begun) > 21*time.Second {
			t.Errorf("nothing has changed: told %v after %s, want nothing after 20 s", told, time.Since(begun))
		}
		begun = time.Now()
		go func() {
			time.Sleep(5 * time.Second)
			h.announce(grant.Topic, bob.ID, grant.NeedsSignIn)
		}()
		told, _ := h.changes(at, "&wait=20")
		if fmt.Sprint(told) != "[user Bob Lee needs_sign_in]" || time.Since(begun) > 6*time.Second {
			t.Errorf("told %v after %s, want bob after 5 s", told, time.Since(begun))
		}
		synctest.Wait()
	})
}

// Nobody who waits holds up a reload, or the end of the process.
func TestChangesWaitNoLonger(t *testing.T) {
	story(t, func(h *house) {
		var world atomic.Pointer[World]
		var ends atomic.Bool
		world.Store(h.world)
		h.svc.world, h.svc.ending = world.Load, ends.Load
		_, at := h.changes("")
		for name, happens := range map[string]func(){
			"a reload": func() { next := *h.world; world.Store(&next) },
			"the end":  func() { ends.Store(true) },
		} {
			begun := time.Now()
			time.AfterFunc(5*time.Second, happens)
			told, next := h.changes(at, "&wait=20")
			if took := time.Since(begun); len(told) != 0 || next != at || took < 5*time.Second || took > 6*time.Second {
				t.Errorf("%s after 5 s: told %v after %s", name, told, took)
			}
			ends.Store(false)
		}
	})
}

// A cursor leads on at every gateway.
func TestChangesElsewhere(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		_, at := h.changes("")
		h.want(h.book("10:00", "11:00", "subject", "Review"), 201)
		for _, gateway := range []*house{other, h} {
			if told, _ := gateway.changes(at); fmt.Sprint(told) != `[booking "Review" confirmed]` {
				t.Errorf("told %v", told)
			}
		}
		other.stop()
	})
}

// Many changes come in several answers, each once.
func TestChangesInPages(t *testing.T) {
	story(t, func(h *house) {
		_, at := h.changes("")
		var all []string
		for n := range 25 {
			h.announce("session", fmt.Sprint(n), "") // between them, what is not told
			if n%5 == 0 {
				h.announce(grant.Topic, bob.ID, grant.Connected)
				h.announce(grant.Topic, eve.ID, grant.Connected)
			}
		}
		for range 30 {
			told, next := h.changes(at, "&limit=2")
			if len(told) > 2 {
				t.Errorf("told %v, want two at most", told)
			}
			all, at = append(all, told...), next
		}
		if len(all) != 10 {
			t.Errorf("told %v, want bob and eve five times", all)
		}
	})
}

func TestRefusedCursors(t *testing.T) {
	story(t, func(h *house) {
		_, at := h.changes("")
		elsewhere := cursor(strings.Repeat("A", 26) + "/1")
		for name, tt := range map[string]struct {
			as     any
			query  string
			status int
			code   string
		}{
			"of another store":            {"", "cursor=" + elsewhere, 410, "cursor_expired"},
			"that is ahead":               {"", "cursor=" + ahead(t, at), 410, "cursor_expired"},
			"that is none":                {"", "cursor=x", 422, "invalid_request"},
			"of another list":             {"", "cursor=" + cursor("boardroom"), 422, "invalid_request"},
			"too long a wait":             {"", "wait=31", 422, "invalid_request"},
			"a person":                    {alice, "", 403, "forbidden"},
			"a service that acts for one": {alice.ID, "", 403, "forbidden"},
		} {
			r := h.call(tt.as, "GET", "/v1/changes?"+tt.query, "")
			if r.status != tt.status || r.text("code") != tt.code {
				t.Errorf("%s: got %d %s, want %d %s", name, r.status, r.text("code"), tt.status, tt.code)
			}
		}
		// Nobody has asked for longer than announcements are kept.
		h.announce(grant.Topic, bob.ID, grant.Connected)
		time.Sleep(store.AnnouncementLife + time.Hour)
		h.announce(grant.Topic, bob.ID, grant.Connected)
		h.want(h.call("", "GET", "/v1/changes?cursor="+at, ""), 410, "code", "cursor_expired")
	})
}

// ahead is a cursor of the same store whose position has not been reached.
func ahead(t *testing.T, at string) string {
	t.Helper()
	now, err := position(at, epochAndPosition)
	if err != nil {
		t.Fatal(err)
	}
	epoch, _, _ := strings.Cut(now, "/")
	return cursor(epoch + "/999999")
}

// Who waits in vain for too long a queue of others is told at once.
func TestTooManyWait(t *testing.T) {
	story(t, func(h *house) {
		_, at := h.changes("")
		for range maxPolls {
			go h.changes(at, "&wait=10")
		}
		synctest.Wait()
		r := h.call("", "GET", "/v1/changes?wait=10&cursor="+at, "")
		h.want(r, 429, "code", "throttled")
		if r.header.Get("Retry-After") == "" {
			t.Error("there is no Retry-After")
		}
		h.settle(11 * time.Second)
		h.changes(at)
	})
}
