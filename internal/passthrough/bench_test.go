package passthrough

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkServe is one call, from the caller to Graph and back over loopback, where
// Graph answers at once; direct is the same without us.
func BenchmarkServe(b *testing.B) {
	for _, bb := range []struct{ name, method, target, body string }{
		{"read", get, "/me/events?$top=1", ""},
		{"create", post, "/me/events", `{"subject":"x","start":{"dateTime":"2099-01-01T10:00:00","timeZone":"UTC"},"end":{"dateTime":"2099-01-01T11:00:00","timeZone":"UTC"}}`},
	} {
		h := newHouse(b, ok)
		for way, home := range map[string]string{"direct": h.graph.URL + "/v1.0", "passed": h.us.URL + Prefix} {
			b.Run(bb.name+"/"+way, func(b *testing.B) {
				for b.Loop() {
					req, err := http.NewRequestWithContext(b.Context(), bb.method, home+bb.target, strings.NewReader(bb.body))
					if err != nil {
						b.Fatal(err)
					}
					res, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			})
		}
	}
}
