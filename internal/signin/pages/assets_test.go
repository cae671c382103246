package pages

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAssets(t *testing.T) {
	for _, tt := range []struct {
		path, contentType string
		serve             http.HandlerFunc
	}{
		{StylePath, "text/css; charset=utf-8", renderer.ServeStyle},
		{MarkPath, "image/svg+xml", renderer.ServeMark},
	} {
		t.Run(tt.path, func(t *testing.T) {
			rec := httptest.NewRecorder()
			tt.serve(rec, httptest.NewRequest(http.MethodGet, tt.path, nil))
			if rec.Code != http.StatusOK || rec.Body.Len() == 0 {
				t.Fatalf("status = %d with %d bytes, want 200 and a body", rec.Code, rec.Body.Len())
			}
			if got := rec.Header().Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type = %q, want %q", got, tt.contentType)
			}
			if got := rec.Header().Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			if bytes.Contains(rec.Body.Bytes(), []byte("url(")) {
				t.Error("the file refers to another one")
			}
			again := httptest.NewRequest(http.MethodGet, tt.path, nil)
			again.Header.Set("If-None-Match", rec.Header().Get("ETag"))
			rec = httptest.NewRecorder()
			tt.serve(rec, again)
			if rec.Code != http.StatusNotModified {
				t.Errorf("status with its ETag = %d, want 304", rec.Code)
			}
		})
	}
}
