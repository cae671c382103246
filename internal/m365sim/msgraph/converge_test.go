package msgraph

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A replica is what somebody knows of a view who only follows its changes.
type replica struct {
	mailbox
	link  string
	items map[string]string // starts by ids
}

// follow reads one page of a round; true: it was the last one.
func (r *replica) follow(size int) bool {
	r.t.Helper()
	a := r.must(http.StatusOK, http.MethodGet, r.link, nil, "Prefer", "odata.maxpagesize="+strconv.Itoa(size))
	for _, e := range a.value(r.t) {
		id := e["id"].(string)
		switch {
		case e["@removed"] != nil:
			delete(r.items, id)
		case e["type"] != "seriesMaster":
			r.items[id] = e["start"].(record)["dateTime"].(string)
		}
	}
	next, more := a.json(r.t)["@odata.nextLink"].(string)
	if r.link = next; !more {
		r.link = a.json(r.t)["@odata.deltaLink"].(string)
	}
	return !more
}

// hour is a time in the three days around the window.
func hour(n int) record {
	return clockAt(begin.Truncate(24*time.Hour).Add(time.Duration(n)*time.Hour).Format("2006-01-02T15:04:05"), "UTC")
}

// change does something to the calendar at random; it may be refused.
func (r *replica) change(t *rapid.T) {
	from := rapid.IntRange(0, 70).Draw(t, "from")
	times := record{"subject": "x", "start": hour(from), "end": hour(from + 1)}
	all := r.must(http.StatusOK, http.MethodGet, "/me/calendarView?$top=1000&"+week, nil).value(r.t)
	all = append(all, r.must(http.StatusOK, http.MethodGet, "/me/events?$top=1000", nil).value(r.t)...)
	kind := rapid.SampledFrom([]string{"create", "create", "series", "move", "move", "delete", "rename"}).Draw(t, "kind")
	if len(all) == 0 && kind != "series" {
		kind = "create"
	}
	path := "/me/events"
	if kind != "create" && kind != "series" {
		path += "/" + rapid.SampledFrom(all).Draw(t, "event")["id"].(string)
	}
	switch kind {
	case "create":
		r.call(http.MethodPost, path, times)
	case "series":
		times["recurrence"] = record{
			"pattern": record{"type": "daily", "interval": 1},
			"range":   record{"type": "numbered", "startDate": times["start"].(record)["dateTime"].(string)[:10], "numberOfOccurrences": rapid.IntRange(1, 4).Draw(t, "days")},
		}
		r.call(http.MethodPost, path, times)
	case "move":
		r.call(http.MethodPatch, path, times)
	case "delete":
		r.call(http.MethodDelete, path, nil)
	case "rename":
		r.call(http.MethodPatch, path, record{"subject": fmt.Sprint(from)})
	}
}

// Whatever happens between and within rounds, who follows them knows in the end
// what the view shows.
func TestDeltaConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSim(t, unlimited)
		r := &replica{mailbox: s.as(alice), link: "/me/calendarView/delta?" + thatDay, items: map[string]string{}}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if rapid.IntRange(0, 2).Draw(rt, "what") == 0 {
				r.follow(rapid.IntRange(1, 4).Draw(rt, "size"))
				continue
			}
			r.change(rt)
		}
		for rounds := 0; rounds < 2; {
			if r.follow(3) {
				rounds++
			}
		}
		want := map[string]string{}
		for _, e := range r.must(http.StatusOK, http.MethodGet, "/me/calendarView?$top=1000&"+thatDay, nil).value(t) {
			want[e["id"].(string)] = e["start"].(record)["dateTime"].(string)
		}
		if !maps.Equal(want, r.items) {
			rt.Fatalf("the view differs from what was followed (-want +got):\n%s", cmp.Diff(want, r.items))
		}
	})
}
