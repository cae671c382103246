package front

import "net/http"

// A Mux finds who serves a call, by the patterns of http.ServeMux.
type Mux struct{ patterns http.ServeMux }

// A visit takes a call through an http.ServeMux and its reply back.
type visit struct {
	call   *Call
	reply  Reply
	header http.Header // of what http.ServeMux answers by itself
}

func (v *visit) Header() http.Header { return v.header }

func (v *visit) WriteHeader(status int) {
	v.reply = Reply{Status: status, Header: v.header}
}

func (v *visit) Write(b []byte) (int, error) {
	v.reply.Body = append(v.reply.Body, b...)
	return len(b), nil
}

// Handle registers who serves a pattern.
func (m *Mux) Handle(pattern string, serve func(*Call) Reply) {
	m.patterns.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := w.(*visit)
		v.call.Request = r
		v.reply = serve(v.call)
	})
}

// Serve has a call served. Afterwards c.Pattern says by which pattern.
func (m *Mux) Serve(c *Call) Reply {
	v := &visit{call: c, header: http.Header{}}
	m.patterns.ServeHTTP(v, c.Request)
	return v.reply
}

// Pattern returns which pattern a request would be served by, or "".
func (m *Mux) Pattern(r *http.Request) string {
	_, pattern := m.patterns.Handler(r)
	return pattern
}
