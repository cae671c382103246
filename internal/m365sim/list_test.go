package m365sim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestCalendarView(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	for hour := range 12 {
		m.create(map[string]any{
			"subject": "m", "start": meeting("", "", 11-hour, 0)["start"], "end": meeting("", "", 0, 12-hour)["end"],
			"singleValueExtendedProperties": []any{map[string]any{"id": "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours", "value": "v"}},
		})
	}
	const window = "/me/calendarView?startDateTime=2026-11-24T00:00:00Z&endDateTime=2026-11-25T00:00:00Z"
	t.Run("pages", func(t *testing.T) {
		starts, pages := []string{}, 0
		for next := w.base + "/v1.0" + window + "&$select=start"; next != ""; pages++ {
			a := w.send(http.MethodGet, next, nil, "Authorization", "Bearer "+m.token)
			if a.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			for _, e := range a.json(t)["value"].([]any) {
				starts = append(starts, e.(map[string]any)["start"].(map[string]any)["dateTime"].(string))
				if _, there := e.(map[string]any)["subject"]; there || e.(map[string]any)["id"] == nil {
					t.Errorf("$select=start answers %v", e)
				}
			}
			next, _ = a.json(t)["@odata.nextLink"].(string)
		}
		if pages != 2 || len(starts) != 12 || !slices.IsSorted(starts) {
			t.Errorf("%d pages of %v", pages, starts)
		}
	})
	t.Run("half-open", func(t *testing.T) {
		a := m.call(http.MethodGet, "/me/calendarview?startdatetime=2026-11-24T10:00:00%2B08:00&enddatetime=2026-11-24T03:00:00", nil)
		if n := len(a.json(t)["value"].([]any)); n != 1 {
			t.Errorf("%d events between two and three, want 1: %s", n, a.body)
		}
	})
	t.Run("extended properties", func(t *testing.T) {
		plain := m.call(http.MethodGet, window, nil)
		if strings.Contains(plain.body, "singleValueExtendedProperties") {
			t.Error("extended properties come unasked")
		}
		expand := url.QueryEscape("singleValueExtendedProperties($filter=id eq 'String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours')")
		if a := m.call(http.MethodGet, window+"&$expand="+expand, nil); strings.Count(a.body, `"value":"v"`) != 10 {
			t.Errorf("with $expand: %s", a.body)
		}
	})
	for name, tt := range map[string]struct{ path, code string }{
		"no window":                  {"/me/calendarView", "ErrorInvalidParameter"},
		"an unescaped plus":          {"/me/calendarView?startDateTime=2026-11-24T00:00:00+08:00&endDateTime=2026-11-25T00:00:00Z", "ErrorInvalidParameter"},
		"an end before the start":    {"/me/calendarView?startDateTime=2026-11-24&endDateTime=2026-11-23", "ErrorInvalidRequest"},
		"six years":                  {"/me/calendarView?startDateTime=2020-01-01&endDateTime=2026-01-01", "ErrorInvalidRequest"},
		"no page at all":             {window + "&$top=0", "ErrorInvalidUrlQuery"},
		"too long a page":            {window + "&$top=1001", "ErrorInvalidUrlQuery"},
		"an unknown property":        {window + "&$select=colour", "RequestBroker--ParseUri"},
		"an unknown expansion":       {window + "&$expand=attachments", "RequestBroker--ParseUri"},
		"an unknown segment":         {"/me/calender", "BadRequest"},
		"a segment that has escaped": {"/me/events/a%2Fb/c", "BadRequest"},
	} {
		if a := m.call(http.MethodGet, tt.path, nil); a.StatusCode != http.StatusBadRequest || a.errorCode(t) != tt.code {
			t.Errorf("%s: %d %s, want 400 %s", name, a.StatusCode, a.body, tt.code)
		}
	}
	if a := m.call(http.MethodPut, "/me/events", nil); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d %s", a.StatusCode, a.body)
	}
}
