package graph

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
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
	const notGraph = "the answer is not one of Graph's errors; is a proxy in between?"
	tests := []struct {
		name, body, wantCode, wantMessage, wantID string
	}{
		{"plain", `{"error":{"code":"ErrorItemNotFound","message":"m","innerError":{"request-id":"r"}}}`, "ErrorItemNotFound", "m", "r"},
		{"deeper and known", `{"error":{"code":"UnknownError","innererror":{"code":"x","innerError":{"code":"ErrorAccessDenied"}}}}`, "ErrorAccessDenied", "", ""},
		{"two known ones", `{"error":{"code":"ErrorInvalidRequest","innererror":{"code":"ErrorCalendarIsNotOrganizer"}}}`, "ErrorCalendarIsNotOrganizer", "", ""},
		{"deeper and unknown", `{"error":{"code":"ErrorAccessDenied","innerError":{"code":"whatever"}}}`, "ErrorAccessDenied", "", ""},
		{"deeper and a number", `{"error":{"code":"TooManyRequests","innerError":{"code":"429","message":"Please retry after","status":"429"},"message":"later"}}`, "TooManyRequests", "later", ""},
		{"in other letters", `{"error":{"code":"SyncStateNotFound"}}`, "syncStateNotFound", "", ""},
		{"no code", `{"error":{"code":"","message":"m"}}`, "NotFound", "m", ""},
		{"no code but inside", `{"error":{"code":"","innerError":{"code":"whatever"}}}`, "whatever", "", ""},
		{"no error inside", `{}`, "NotFound", notGraph, ""},
		{"something else inside", `{"error":"invalid_token"}`, "NotFound", "", ""},
		{"something else deeper", `{"error":{"code":"ErrorItemNotFound","message":["m"],"innerError":"x"}}`, "ErrorItemNotFound", "", ""},
		{"endlessly deep", `{"error":{"innerError":` + strings.Repeat(`{"innerError":`, 500) + `{"code":"x"}` + strings.Repeat("}", 502), "NotFound", "", ""},
		{"HTML", `<html>proxy</html>`, "NotFound", notGraph, ""},
		{"nothing", ``, "NotFound", notGraph, ""},
		{"what was sent", `{"error":{"code":"ErrorInvalidRecipients","message":"It isn't valid: bob@contoso.com, in 'Ann's raise', or \"Secret plan\", can't go"}}`, "ErrorInvalidRecipients", "It isn't valid: …, in …, or …, can't go", ""},
		{"cut off in what was sent", `{"error":{"code":"x","message":"It can't go (see 'Secret plan"}}`, "x", "It can't go (see …", ""},
		{"control characters", "{\"error\":{\"code\":\"a\\u0000\\nb\"}}", "ab", "", ""},
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
			if refused.Code != tt.wantCode || refused.Message != tt.wantMessage || refused.RequestID != tt.wantID {
				t.Errorf("got code %q, message %q, request-id %q; want %q, %q, %q",
					refused.Code, refused.Message, refused.RequestID, tt.wantCode, tt.wantMessage, tt.wantID)
			}
		})
	}
}

// What Microsoft's support asks for stands in what is logged.
func TestErrorSaysWhereItWas(t *testing.T) {
	var id string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		id = r.Header.Get("client-request-id")
		w.Header().Set("request-id", "r-2")
		w.Header().Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"West Europe"}}`)
		refuse(w, 400, CodeTimeZone)
	})
	_, err := c.Event(t.Context(), mailbox("tok"), "e1")
	want := `Microsoft Graph refused with 400 TimeZoneNotSupportedException: why [request-id r-2] [client-request-id ` + id +
		`] [x-ms-ags-diagnostic {"ServerInfo":{"DataCenter":"West Europe"}}]`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestWhatErrorsMean(t *testing.T) {
	type meaning struct{ conflict, gone, transient, maybeDone bool }
	tests := []struct {
		status int
		code   string
		want   meaning
	}{
		{400, "ErrorInvalidRequest", meaning{}},
		{400, CodeOccurrenceCrossing, meaning{}},
		{400, CodeTimeZone, meaning{}},
		{400, CodeIntervalTooBig, meaning{}},
		{400, "ErrorIrresolvableConflict", meaning{conflict: true}},
		{400, "ErrorMailboxMoveInProgress", meaning{transient: true}},
		{401, "InvalidAuthenticationToken", meaning{}},
		{403, CodeAccessDenied, meaning{}},
		{404, CodeItemNotFound, meaning{gone: true}},
		{404, CodeNoMailbox, meaning{}},
		{404, "ErrorInvalidUser", meaning{}},
		{408, "", meaning{transient: true, maybeDone: true}},
		{409, "ErrorIrresolvableConflict", meaning{conflict: true}},
		{409, "ErrorChangeKeyRequired", meaning{conflict: true}},
		{409, CodeDuplicateTransaction, meaning{}},
		{412, "ErrorIrresolvableConflict", meaning{conflict: true}},
		{412, "", meaning{conflict: true}},
		{429, "ApplicationThrottled", meaning{transient: true}},
		{500, "ErrorInternalServerError", meaning{transient: true, maybeDone: true}},
		{503, "ErrorServerBusy", meaning{transient: true, maybeDone: true}},
		{504, "UnknownError", meaning{transient: true, maybeDone: true}},
		{507, CodeQuotaExceeded, meaning{maybeDone: true}},
	}
	for _, tt := range tests {
		err := fmt.Errorf("booking: %w", &Error{Status: tt.status, Code: tt.code})
		if got := (meaning{IsConflict(err), IsGone(err), Transient(err), MaybeDone(err)}); got != tt.want {
			t.Errorf("%d %s: got %+v, want %+v", tt.status, tt.code, got, tt.want)
		}
	}
	for _, err := range []error{&Error{Status: 429, RetryAfter: 3 * time.Second}, &BusyError{RetryAfter: 3 * time.Second}} {
		if got := RetryAfter(fmt.Errorf("booking: %w", err)); got != 3*time.Second {
			t.Errorf("RetryAfter(%v): got %v, want 3s", err, got)
		}
	}
	for _, err := range []error{nil, errors.New("another")} {
		if IsConflict(err) || IsGone(err) || IsNotFound(err) || Transient(err) || MaybeDone(err) || RetryAfter(err) != 0 {
			t.Errorf("%v is none of Graph's", err)
		}
	}
}

func FuzzParseError(f *testing.F) {
	for _, s := range []string{"", `{"error":{"code":"a","innerError":{"code":"ErrorAccessDenied"}}}`, `{"error":[]}`, `<html>`, `{"error":{"message":"\u202e"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		e := parseError(&http.Response{StatusCode: 404, Request: req}, body, noon)
		for _, text := range []string{e.Code, e.Message, e.RequestID} {
			if len(text) > maxErrorText+len("…") || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("got %q of %q", text, body)
			}
		}
		if e.Code == "" {
			t.Error("no code")
		}
	})
}
