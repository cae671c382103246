package booking

import (
	"context"
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
		for _, want := range []string{"method_not_allowed", "create-booking", "list-changes", "list-users", "cancel-booking", "get-schedule", "schema-Problem"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %s", want)
			}
		}
	})
}
