package m365sim

import (
	"encoding/json"
	"net/http"
)

// A reply is a whole answer: it is made before any of it is sent, so that what
// it tells is kept first, and so that it can be lost.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) write(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // a client that has gone needs no answer
}

// with adds a header field.
func (r reply) with(name, value string) reply {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return textReply(http.StatusInternalServerError, "m365sim: "+err.Error())
	}
	return reply{status: status, body: body}.with("Content-Type", "application/json; charset=utf-8")
}

func textReply(status int, text string) reply {
	return reply{status: status, body: []byte(text + "\n")}.with("Content-Type", "text/plain; charset=utf-8")
}

func redirectReply(status int, to string) reply {
	return reply{status: status}.with("Location", to)
}
