package m365sim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// notified listens for change notifications and returns its address.
func notified(t *testing.T, got chan<- string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("validationToken"); token != "" {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, token)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
		got <- string(body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
