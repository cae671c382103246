package booking

import (
	"context"
	"html"
	"net/http/httptest"
	"strings"
	"testing"
)

// The page tells of each call and each code, to everybody, and may load nothing.
func TestDocs(t *testing.T) {
	story(t, func(h *house) {
		w := httptest.NewRecorder()
		h.api.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/docs", nil))
		page := w.Body.String()
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("got %d, %s", w.Code, w.Header().Get("Content-Type"))
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
			t.Errorf("Content-Security-Policy: %s", policy)
		}
		for c := range statuses {
			if !strings.Contains(page, "<code>"+string(c)+"</code>") {
				t.Errorf("the page has no code %s", c)
			}
		}
		for call, want := range map[string][2]string{ // what its example has, and has not
			"list-changes":   {"/v1/changes", "Ones-Act-As"},
			"list-users":     {"/v1/users", "Ones-Act-As"},
			"list-bookings":  {"Ones-Act-As", "-d "},
			"update-booking": {"Content-Type: application/merge-patch+json", "application/json"},
		} {
			_, example, _ := strings.Cut(page, `aria-label="Example of `+call+` for curl">`)
			example, _, _ = strings.Cut(example, "</pre>")
			example = html.UnescapeString(example)
			if !strings.Contains(example, want[0]) || strings.Contains(example, want[1]) {
				t.Errorf("the example of %s is %s", call, example)
			}
		}
		for _, want := range []string{"method_not_allowed", "create-booking", "list-changes", "list-users", "cancel-booking", "get-schedule", "schema-Problem", "PatternedRecurrence</a> or null", "schema-RecurrenceRange"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %s", want)
			}
		}
	})
}
