package graph

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestMaybeDone(t *testing.T) {
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	tests := []struct {
		name                string
		answer              http.HandlerFunc
		closed              bool
		wantMaybe, wantPass bool
	}{
		{name: "connection cut after the request", answer: cut, wantMaybe: true, wantPass: true},
		{name: "nobody listens", closed: true, wantMaybe: false, wantPass: true},
		{name: "truncated answer", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"id":`)
		}, wantMaybe: true, wantPass: true},
		{name: "answer that names nothing", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{}`)
		}, wantMaybe: true, wantPass: true},
		{name: "endless answer", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"id":"`+strings.Repeat("x", maxAnswer)+`"}`)
		}, wantMaybe: true, wantPass: true},
		{name: "500", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "") }, wantMaybe: true, wantPass: true},
		{name: "503", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "") }, wantMaybe: true, wantPass: true},
		{name: "429", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429, "") }, wantMaybe: false, wantPass: true},
		{name: "403", answer: func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, "") }, wantMaybe: false, wantPass: false},
		{name: "redirect", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, wantMaybe: false, wantPass: false},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			c := serve(t, tt.answer)
			if tt.closed {
				c.hc.CloseIdleConnections()
				c.root = "http://127.0.0.1:1"
			}
			_, err := c.CreateEvent(t.Context(), mailbox("tok"), Event{})
			if err == nil {
				t.Fatal("got no error, want one")
			}
			if got := MaybeDone(err); got != tt.wantMaybe {
				t.Errorf("MaybeDone(%v): got %v, want %v", err, got, tt.wantMaybe)
			}
			if got := Transient(err); got != tt.wantPass {
				t.Errorf("Transient(%v): got %v, want %v", err, got, tt.wantPass)
			}
		})
	}
}

func TestErrorBody(t *testing.T) {
	tests := []struct {
		name, body, wantCode, wantID string
	}{
		{"plain", `{"error":{"code":"ErrorItemNotFound","message":"m","innerError":{"request-id":"r"}}}`, "ErrorItemNotFound", "r"},
		{"deeper and known", `{"error":{"code":"UnknownError","innererror":{"code":"x","innerError":{"code":"ErrorAccessDenied"}}}}`, "ErrorAccessDenied", ""},
		{"deeper and unknown", `{"error":{"code":"ErrorAccessDenied","innerError":{"code":"whatever"}}}`, "ErrorAccessDenied", ""},
		{"no code", `{"error":{"code":""}}`, "NotFound", ""},
		{"not Graph's", `<html>proxy</html>`, "NotFound", ""},
		{"control characters", "{\"error\":{\"code\":\"a\\u0000\\nb\"}}", "ab", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(404)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := c.Event(t.Context(), mailbox("tok"), "e1")
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want *Error", err)
			}
			if refused.Code != tt.wantCode || refused.RequestID != tt.wantID {
				t.Errorf("got code %q and request-id %q, want %q and %q", refused.Code, refused.RequestID, tt.wantCode, tt.wantID)
			}
		})
	}
}
