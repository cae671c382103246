package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// deltaPages serves a round of changes page by page, and notes what was asked.
func deltaPages(t *testing.T, pages ...string) (c *Client, asked *[]string) {
	asked = &[]string{}
	c = serve(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path+"?"+r.URL.RawQuery)
		if got := r.Header.Values("Prefer"); !slices.Equal(got, []string{`IdType="ImmutableId"`, "odata.maxpagesize=50", `outlook.body-content-type="text"`}) {
			t.Errorf("Prefer: %q", got)
		}
		n := len(*asked) - 1
		_, _ = w.Write([]byte(strings.ReplaceAll(pages[n], "HOST", "http://"+r.Host)))
	})
	return c, asked
}

func TestDeltaRound(t *testing.T) {
	const path = "/v1.0/users/room@contoso.com/calendarView/delta"
	c, asked := deltaPages(t,
		`{"value":[{"id":"a","type":"singleInstance","subject":"One","showAs":"tentative","start":{"dateTime":"2026-12-01T10:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T11:00:00.0000000","timeZone":"UTC"}}],"@odata.nextLink":"HOST`+path+`?$skiptoken=1"}`,
		`{"value":[{"id":"b","@removed":{"reason":"deleted"}}],"@odata.deltaLink":"HOST`+path+`?$deltatoken=2"}`)
	link := ViewDelta("room@contoso.com", noon, noon.AddDate(0, 0, 1))
	var told []ViewItem
	next, err := c.DeltaRound(t.Context(), mailbox("tok"), link, func(i ViewItem) bool { told = append(told, i); return true })
	if err != nil || !strings.HasSuffix(next, path+"?$deltatoken=2") {
		t.Fatalf("DeltaRound = %q, %v", next, err)
	}
	if want := []string{
		path + "?endDateTime=2026-12-02T12%3A00%3A00Z&startDateTime=2026-12-01T12%3A00%3A00Z", path + "?$skiptoken=1",
	}; !slices.Equal(*asked, want) {
		t.Errorf("asked: got %q, want %q", *asked, want)
	}
	if len(told) != 2 || told[0].Subject != "One" || told[0].ShowAs != "tentative" || told[0].Removed != nil ||
		!told[0].Start.Equal(time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)) || told[1].Removed == nil {
		t.Errorf("told: %+v", told)
	}
}

func TestDeltaRoundGivenUp(t *testing.T) {
	c, asked := deltaPages(t, `{"value":[{"id":"a"},{"id":"b"}],"@odata.nextLink":"HOST/v1.0/me/calendarView/delta?$skiptoken=1"}`)
	n := 0
	next, err := c.DeltaRound(t.Context(), mailbox("tok"), ViewDelta("", noon, noon), func(ViewItem) bool { n++; return false })
	if next != "" || err != nil || n != 1 || len(*asked) != 1 {
		t.Errorf("DeltaRound = %q, %v after %d items of %d pages", next, err, n, len(*asked))
	}
}

func TestDeltaRoundStaysOnItsHost(t *testing.T) {
	for name, page := range map[string]string{
		"next page":  `{"value":[],"@odata.nextLink":"https://evil.example.com/v1.0/me"}`,
		"next round": `{"value":[],"@odata.deltaLink":"https://evil.example.com/v1.0/me"}`,
		"nowhere":    `{"value":[]}`,
	} {
		c, asked := deltaPages(t, page)
		next, err := c.DeltaRound(t.Context(), mailbox("tok"), ViewDelta("", noon, noon), func(ViewItem) bool { return true })
		if next != "" || err == nil || len(*asked) != 1 {
			t.Errorf("%s: DeltaRound = %q, %v", name, next, err)
		}
	}
}

func TestDeltaRoundOfAnotherGraph(t *testing.T) {
	c, asked := deltaPages(t)
	next, err := c.DeltaRound(t.Context(), mailbox("tok"), "https://graph.example.com/v1.0/me/calendarView/delta?$deltatoken=1", func(ViewItem) bool { return true })
	if next != "" || err == nil || len(*asked) != 0 {
		t.Errorf("DeltaRound = %q, %v", next, err)
	}
}

func TestDeltaRoundEnds(t *testing.T) {
	n := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"http://%s/v1.0/me/calendarView/delta?$skiptoken=%d"}`, r.Host, n)
	})
	if _, err := c.DeltaRound(t.Context(), mailbox("tok"), ViewDelta("", noon, noon), func(ViewItem) bool { return true }); err == nil || n != maxDeltaPages {
		t.Errorf("a round without an end: %v after %d pages", err, n)
	}
}

func TestNeedsResync(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		want   bool
	}{
		{410, "SyncStateNotFound", true},
		{410, "whatever", true},
		{400, "syncStateInvalid", true},
		{404, "syncStateNotFound", true},
		{400, "ResyncRequired", true},
		{400, "ErrorInvalidRequest", false},
		{404, CodeItemNotFound, false},
		{503, "resyncRequired", false},
	} {
		bubble(t, fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, tt.status, tt.code) })
			_, err := c.DeltaRound(t.Context(), mailbox("tok"), ViewDelta("", noon, noon), func(ViewItem) bool { return true })
			if got := NeedsResync(err); got != tt.want || err == nil {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestCalendarView(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/v1.0/me/calendarView" || q.Get("$top") != "100" || !strings.Contains(q.Get("$select"), "sensitivity") ||
			q.Get("startDateTime") != "2026-12-01T12:00:00Z" || q.Get("endDateTime") != "2026-12-02T12:00:00Z" {
			t.Errorf("asked: %s", r.URL)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{map[string]any{"id": "a", "iCalUId": "uid"}}})
	})
	var seen []string
	err := c.CalendarView(t.Context(), mailbox("tok"), "", noon, noon.AddDate(0, 0, 1), func(i ViewItem) bool {
		seen = append(seen, i.ICalUID)
		return true
	})
	if err != nil || !slices.Equal(seen, []string{"uid"}) {
		t.Errorf("CalendarView: %q, %v", seen, err)
	}
}
