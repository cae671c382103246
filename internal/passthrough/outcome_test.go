package passthrough

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// How each call has ended is told once, also of those in a batch.
func TestOutcomes(t *testing.T) {
	var status atomic.Int64
	b := newHouse(t, func(w http.ResponseWriter, _ *http.Request) {
		if status.Load() == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(int(status.Load()))
	})
	ends := func(want string) {
		t.Helper()
		b.mu.Lock()
		defer b.mu.Unlock()
		slices.Sort(b.outcomes) // those of a batch are carried out side by side
		if got := strings.Join(b.outcomes, ", "); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		b.outcomes = nil
	}
	for _, tt := range []struct {
		status int64
		want   Outcome
	}{
		{200, OK}, {404, Refused}, {500, Failed}, {0, NoAnswer},
	} {
		status.Store(tt.status)
		b.call(http.MethodGet, "/me/events", "")
		ends("contoso " + string(tt.want))
	}
	status.Store(http.StatusOK)
	b.call(http.MethodGet, "/me/messages", "")
	ends("contoso not_allowed")
	b.call(http.MethodPost, "/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me/events"},{"id":"2","method":"GET","url":"/me/messages"}]}`)
	ends("contoso not_allowed, contoso ok")
}

func TestThrottled(t *testing.T) {
	if got := outcomeOf(&http.Response{StatusCode: http.StatusTooManyRequests}, nil); got != Throttled {
		t.Errorf("a 429 of Graph's is %s", got)
	}
	if got := outcomeOf(nil, &Refusal{Status: http.StatusTooManyRequests}); got != Throttled {
		t.Errorf("a 429 of ours is %s", got)
	}
}
