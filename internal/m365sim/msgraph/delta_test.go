package msgraph

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// round goes on with change tracking until its end. It returns what it was told
// and the link to the next round.
func (m mailbox) round(path string, headers ...string) (told []map[string]any, link string) {
	m.t.Helper()
	for path != "" {
		a := m.must(http.StatusOK, http.MethodGet, path, nil, headers...)
		told = append(told, a.value(m.t)...)
		path, _ = a.json(m.t)["@odata.nextLink"].(string)
		link, _ = a.json(m.t)["@odata.deltaLink"].(string)
	}
	return told, link
}

func removed(entries []map[string]any) []any {
	ids := []any{}
	for _, e := range entries {
		if r, is := e["@removed"].(record); is && r["reason"] == "deleted" {
			ids = append(ids, e["id"])
		}
	}
	return ids
}

func TestDelta(t *testing.T) {
	for name, path := range map[string]string{
		"a view": "/me/calendarView/delta?" + thatDay, "in another spelling": "/me/CALENDARVIEW/microsoft.graph.delta()?" + strings.ReplaceAll(thatDay, "DateTime", "datetime"),
		"the default calendar": "/me/calendar/calendarView/delta?" + thatDay, "events": "/me/events/delta", "events in a window": "/me/events/delta()?" + thatDay,
	} {
		t.Run(name, func(t *testing.T) {
			m := newSim(t).as(alice)
			ids := []any{}
			for hour := range 5 {
				ids = append(ids, m.create(plain(fmt.Sprintf("m%d", hour), hour, hour+1))["id"])
			}
			first := m.must(http.StatusOK, http.MethodGet, path, nil, "Prefer", "odata.maxpagesize=2")
			if got := first.value(t); len(got) != 2 || got[0]["@odata.type"] != "#microsoft.graph.event" || first.Header.Get("Preference-Applied") != "odata.maxpagesize=2" {
				t.Errorf("the first page: %v, applied %q", got, first.Header.Get("Preference-Applied"))
			}
			told, link := m.round(path, "Prefer", "odata.maxpagesize=2")
			if got := pick(told, "id"); !slices.Equal(got, ids) {
				t.Errorf("at first: %v, want %v", got, ids)
			}
			if told, again := m.round(link); len(told) != 0 {
				t.Errorf("nothing has changed but %v", told)
			} else {
				link = again
			}
			added := m.create(plain("new", 6, 7))["id"]
			m.must(http.StatusOK, http.MethodPatch, "/me/events/"+ids[1].(string), record{"subject": "changed"})
			m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+ids[2].(string), nil)
			told, link = m.round(link)
			if got := pick(told, "id"); !slices.Equal(got, []any{added, ids[1], ids[2]}) || !slices.Equal(removed(told), []any{ids[2]}) {
				t.Errorf("changes: %v, removed %v", got, removed(told))
			}
			m.must(http.StatusOK, http.MethodPatch, "/me/events/"+ids[3].(string), record{"start": clockAt("2026-12-01T01:00:00", "UTC"), "end": clockAt("2026-12-01T02:00:00", "UTC")})
			told, _ = m.round(link)
			if left := len(removed(told)) == 1; len(told) != 1 || left == (name == "events") {
				t.Errorf("moved away: %v", told)
			}
		})
	}
}

// What changes between two pages must not make another change be missed.
func TestDeltaDuringChanges(t *testing.T) {
	m := newSim(t).as(alice)
	ids := []string{}
	for hour := range 6 {
		ids = append(ids, m.create(plain(fmt.Sprintf("m%d", hour), hour, hour+1))["id"].(string))
	}
	a := m.must(http.StatusOK, http.MethodGet, "/me/calendarView/delta?"+thatDay, nil, "Prefer", "odata.maxpagesize=2")
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+ids[0], nil)
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+ids[1], record{"start": at(8), "end": at(9)})
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+ids[5], record{"start": clockAt("2026-11-24T00:00:00", "UTC")})
	told, link := m.round(a.json(t)["@odata.nextLink"].(string), "Prefer", "odata.maxpagesize=2")
	next, _ := m.round(link)
	seen := map[any]bool{}
	for _, e := range append(append(a.value(t), told...), next...) {
		seen[e["id"]] = true
	}
	for i, id := range ids {
		if !seen[id] {
			t.Errorf("event %d was never told of", i)
		}
	}
	if got := removed(next); !slices.Equal(got, []any{ids[0]}) {
		t.Errorf("removed: %v", got)
	}
}

func TestDeltaOfSeries(t *testing.T) {
	m := newSim(t).as(alice)
	path := "/me/calendarView/delta?" + week
	id := m.create(daily("Stand-up", 2, 3, 4))["id"].(string)
	told, link := m.round(path, "Prefer", "odata.maxpagesize=2")
	if got := pick(told, "type"); !slices.Equal(got, []any{"seriesMaster", "occurrence", "occurrence", "occurrence", "occurrence"}) {
		t.Fatalf("types: %v", got)
	}
	if o := told[1]; len(o) != 7 || o["seriesMasterId"] != id || o["start"] == nil || o["subject"] != nil {
		t.Errorf("an occurrence says %v", o)
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+told[2]["id"].(string), nil)
	changed, link := m.round(link)
	if got := removed(changed); !slices.Equal(got, []any{told[2]["id"]}) {
		t.Errorf("removed: %v", got)
	}
	// The last occurrence leaves the window.
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+told[4]["id"].(string), record{"start": clockAt("2026-12-02T02:00:00", "UTC"), "end": clockAt("2026-12-02T03:00:00", "UTC")})
	changed, link = m.round(link)
	if got := removed(changed); !slices.Equal(got, []any{told[4]["id"]}) {
		t.Errorf("moved away: %v", changed)
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+id, nil)
	if changed, _ = m.round(link); !slices.Contains(removed(changed), any(id)) {
		t.Errorf("the whole series: %v", changed)
	}
}

func TestDeltaWithImmutableIDs(t *testing.T) {
	m := newSim(t).as(alice)
	const prefer = `IdType="ImmutableId"`
	id := m.create(plain("x", 2, 3))["id"].(string)
	told, link := m.round("/me/calendarView/delta?"+thatDay, "Prefer", prefer)
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+id, nil)
	gone, _ := m.round(link, "Prefer", prefer)
	if told[0]["id"] == id || !slices.Equal(removed(gone), []any{told[0]["id"]}) {
		t.Errorf("%v was told, then %v", told[0]["id"], gone)
	}
	if gone, _ := m.round(link); !slices.Equal(removed(gone), []any{any(id)}) { // tokens work with both
		t.Errorf("%v", gone)
	}
}

// A move changes the ordinary id only: who goes by the other one is told of a
// change, not of a removal.
func TestDeltaOfAMove(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	const prefer = `IdType="ImmutableId"`
	id := m.create(plain("x", 2, 3))["id"].(string)
	told, link := m.round("/me/calendarView/delta?"+thatDay, "Prefer", prefer)
	s.do(func(now time.Time) {
		it, err := s.exchange.Mailbox(alice).Find(id)
		if err != nil {
			t.Error(err)
			return
		}
		s.exchange.Move(it, now)
	})
	if again, _ := m.round(link, "Prefer", prefer); len(again) != 1 || again[0]["id"] != told[0]["id"] || again[0]["@removed"] != nil {
		t.Errorf("by immutable ids: %v", again)
	}
	if again, _ := m.round(link); len(again) != 2 || !slices.Equal(removed(again), []any{id}) {
		t.Errorf("by ordinary ids: %v", again)
	}
}

// What was in the window when it was told of, and has been moved and deleted
// since, is told as removed.
func TestDeltaOfSomethingMovedAndDeleted(t *testing.T) {
	m := newSim(t).as(alice)
	id := m.create(plain("x", 2, 3))["id"].(string)
	_, link := m.round("/me/calendarView/delta?" + thatDay)
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+id, record{"start": clockAt("2026-12-01T01:00:00", "UTC"), "end": clockAt("2026-12-01T02:00:00", "UTC")})
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+id, nil)
	if told, _ := m.round(link); !slices.Equal(removed(told), []any{id}) {
		t.Errorf("told of %v", told)
	}
}

// Who looks again after more removals than are kept has to begin anew.
func TestForgottenRemovals(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	_, link := m.round("/me/events/delta")
	s.fill(alice, 5001)
	s.do(func(now time.Time) {
		box := s.exchange.Mailbox(alice)
		for _, it := range box.Items("*") {
			s.exchange.Withdraw(box, it, now)
		}
	})
	if a := m.call(http.MethodGet, link, nil); !a.is(http.StatusGone, "SyncStateNotFound") {
		t.Errorf("%d %.300s", a.StatusCode, a.body)
	}
	if told, _ := m.round("/me/events/delta"); len(told) != 0 {
		t.Errorf("anew: %d entries", len(told))
	}
}

func TestDeltaRefusals(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	_, link := m.round("/me/calendarView/delta?" + thatDay)
	token := link[strings.Index(link, "?"):]
	for name, tt := range map[string]struct {
		who  mailbox
		path string
		want string
	}{
		"no window":          {m, "/me/calendarView/delta", "400 ErrorInvalidParameter"},
		"six years":          {m, "/me/calendarView/delta?startDateTime=2026-11-24&endDateTime=2032-11-24", "400 ErrorInvalidRequest"},
		"$top":               {m, "/me/calendarView/delta?$top=5&" + thatDay, "400 ErrorInvalidUrlQuery"},
		"$select":            {m, "/me/calendarView/delta?$select=subject&" + thatDay, "400 ErrorInvalidUrlQuery"},
		"$filter":            {m, "/me/events/delta?$filter=isAllDay%20eq%20true", "400 ErrorInvalidUrlQuery"},
		"an invented token":  {m, "/me/calendarView/delta?$deltatoken=abc", "410 SyncStateNotFound"},
		"an invented page":   {m, "/me/calendarView/delta?$skiptoken=e30", "410 SyncStateNotFound"},
		"somebody else's":    {s.as(bob), "/me/calendarView/delta" + token, "410 SyncStateNotFound"},
		"of another list":    {m, "/me/events/delta" + token, "410 SyncStateNotFound"},
		"an endless window":  {m, "/me/calendarView/delta?$deltatoken=" + syncToken{Mailbox: alice, View: true, To: begin}.String(), "410 SyncStateNotFound"},
		"from the future":    {m, "/me/calendarView/delta?$deltatoken=" + syncToken{Mailbox: alice, View: true, Since: 99}.String(), "410 SyncStateNotFound"},
		"a page of nowhere":  {m, "/me/calendarView/delta?$skiptoken=" + syncToken{Mailbox: alice, View: true, Skip: -1}.String(), "410 SyncStateNotFound"},
		"its own, once more": {m, "/me/calendarView/delta" + token, "200 "},
	} {
		if a := tt.who.call(http.MethodGet, tt.path, nil); a.Status[:4]+a.errorCode() != tt.want {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.want)
		}
	}
	s.do(func(time.Time) { s.graph.ForgetSync() })
	if a := m.call(http.MethodGet, link, nil); !a.is(http.StatusGone, "SyncStateNotFound") {
		t.Errorf("a forgotten token: %d %s", a.StatusCode, a.body)
	}
}
