package front

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// A Reply is a whole answer: it is made before any of it is sent, so that what
// it tells is kept first, and so that it can be lost.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Detour, if set, is run instead of sending the reply: it may wait for
	// somebody else, while other calls go on, and returns who serves the call.
	Detour func(context.Context) func(*Call) Reply
}

// write sends the reply; after truncate bytes of the body it is cut, if that is
// not 0.
func (r Reply) write(w http.ResponseWriter, now time.Time, truncate int) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	body := r.Body
	if truncate > 0 && truncate < len(body) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:truncate]
	}
	w.WriteHeader(r.Status)
	_, _ = w.Write(body) // a client that has gone needs no answer
	if len(body) < len(r.Body) {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// With sets a header field.
func (r Reply) With(name, value string) Reply {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(name, value)
	return r
}

// JSON answers with a value.
func JSON(status int, v any) Reply {
	body, err := json.Marshal(v)
	if err != nil {
		return Text(http.StatusInternalServerError, "m365sim: "+err.Error())
	}
	return Reply{Status: status, Body: body}.With("Content-Type", "application/json; charset=utf-8")
}

// Text answers with a line.
func Text(status int, text string) Reply {
	return Reply{Status: status, Body: []byte(text + "\n")}.With("Content-Type", "text/plain; charset=utf-8")
}

// Redirect sends the client elsewhere.
func Redirect(status int, to string) Reply {
	return Reply{Status: status}.With("Location", to)
}
