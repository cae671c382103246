package booking

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
)

// users follows the cursors of a list of people to its end.
func (h *house) users(query string) (ids []string, pages int) {
	h.t.Helper()
	for at := ""; ; {
		r := h.call("", "GET", "/v1/users?"+query+"&cursor="+url.QueryEscape(at), "")
		h.want(r, 200)
		list, _ := r.body["users"].([]any)
		for _, u := range list {
			ids = append(ids, u.(map[string]any)["id"].(string))
		}
		pages++
		next, more := r.body["next_cursor"].(string)
		if !more {
			return ids, pages
		}
		at = next
	}
}

func TestUsers(t *testing.T) {
	story(t, func(h *house) {
		h.state[bob.ID] = grant.NeedsSignIn
		directory := people.New(h.store, time.Now)
		if ids, _ := h.users(""); !slices.Equal(ids, []string{alice.ID, bob.ID, eve.ID}) {
			t.Errorf("people: %v", ids)
		}
		if ids, pages := h.users("limit=1"); !slices.Equal(ids, []string{alice.ID, bob.ID, eve.ID}) || pages != 3 {
			t.Errorf("one on each of %d pages: %v", pages, ids)
		}
		r := h.call("", "GET", "/v1/users", "")
		list, _ := json.Marshal(r.body["users"].([]any)[1])
		want := `{"card_number":"1002","connection":"needs_sign_in","default_groups":[],"first_seen":"2026-12-01T01:00:00Z","groups":[],"id":"t1.bob",` +
			`"integration":"contoso","last_seen":"2026-12-01T01:00:00Z","login_url":"https://ones.example.com/.ones/login/contoso","mail":"bob@contoso.com","name":"Bob Lee"}`
		if string(list) != want {
			t.Errorf("bob is %s,\nwant %s", list, want)
		}

		// Who signs in again as they were is no news; who comes, or has another card, is.
		time.Sleep(time.Hour)
		since := url.QueryEscape(time.Now().In(hongKong).Format(time.RFC3339))
		carded := alice
		carded.CardNumber = "2001"
		for _, p := range []identity.Person{carded, bob, {ID: "t1.carol", Integration: "contoso"}} {
			if err := directory.SignedIn(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if ids, _ := h.users("since=" + since); !slices.Equal(ids, []string{alice.ID, "t1.carol"}) {
			t.Errorf("since: %v", ids)
		}
		time.Sleep(time.Second)
		if ids, _ := h.users("since=" + url.QueryEscape(time.Now().Format(time.RFC3339))); ids != nil {
			t.Errorf("since a second later: %v", ids)
		}

		for name, tt := range map[string]struct {
			as     any
			query  string
			status int
		}{
			"a person":                 {alice, "", 403},
			"a service that acts":      {alice.ID, "", 403},
			"a time that is none":      {"", "since=yesterday", 422},
			"a cursor that is none":    {"", "cursor=*", 422},
			"more than is given":       {"", "limit=201", 422},
			"a word that is not known": {"", "after=x", 422},
		} {
			if r := h.call(tt.as, "GET", "/v1/users?"+tt.query, ""); r.status != tt.status {
				t.Errorf("%s: got %d, want %d", name, r.status, tt.status)
			}
		}
	})
}

// Whose connection does not work, for whatever reason, is told where to sign in, if one can.
func TestUserIsToldWhereToSignIn(t *testing.T) {
	story(t, func(h *house) {
		const at = "https://ones.example.com/.ones/login/contoso"
		for state, want := range map[grant.State]string{
			grant.Connected: "null", grant.NeedsSignIn: at, grant.NeedsAdminConsent: at, grant.NoMailbox: at, grant.Unavailable: "null",
		} {
			h.state[alice.ID] = state
			h.want(h.call("", "GET", "/v1/users/"+alice.ID, ""), 200, "connection", string(state), "login_url", want)
			h.want(h.call(alice, "GET", "/v1/users/me", ""), 200, "connection", string(state), "login_url", want)
		}
		delete(h.world.Integrations, "contoso")
		h.state[alice.ID] = grant.NeedsSignIn
		h.want(h.call("", "GET", "/v1/users/"+alice.ID, ""), 200, "connection", "needs_sign_in", "login_url", "null")
	})
}

// However many people there are, one answer reads a bounded number of them.
func TestManyUsers(t *testing.T) {
	story(t, func(h *house) {
		directory := people.New(h.store, time.Now)
		for n := range maxRead + 500 {
			if err := directory.SignedIn(t.Context(), identity.Person{ID: fmt.Sprintf("t1.p%04d", n)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		since := url.QueryEscape(time.Now().Format(time.RFC3339))
		last := identity.Person{ID: fmt.Sprintf("t1.p%04d", maxRead+499), Name: "Zoe"}
		if err := directory.SignedIn(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		if ids, pages := h.users("since=" + since); !slices.Equal(ids, []string{last.ID}) || pages != 2 {
			t.Errorf("%v on %d pages, want the last one on the second", ids, pages)
		}
		if ids, _ := h.users("limit=200"); len(ids) != maxRead+500+3 {
			t.Errorf("%d people, want %d", len(ids), maxRead+500+3)
		}
	})
}
