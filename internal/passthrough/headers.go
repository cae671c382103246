package passthrough

import (
	"io"
	"mime"
	"net/http"
	"strings"
)

// forwardable are the headers of a request that go on to Graph. No others do: no
// credentials, nothing that belongs to the connection, nothing that could make
// another method or path of it.
var forwardable = []string{
	"Accept", "Accept-Language", "Content-Type", "If-Match", "If-None-Match", "Prefer",
	"Client-Request-Id", "Return-Client-Request-Id", "Sdkversion",
}

// outgoing returns the headers that go on to Graph. Ids are asked for that stay
// the same when an event is moved, unless the caller has chosen.
func outgoing(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range forwardable {
		if values := h.Values(name); len(values) > 0 {
			out[name] = values
		}
	}
	if !strings.Contains(strings.ToLower(strings.Join(out["Prefer"], ",")), "idtype") {
		out["Prefer"] = append(out["Prefer"][:len(out["Prefer"]):len(out["Prefer"])], `IdType="ImmutableId"`)
	}
	return out
}

// returnable are the headers of an answer that go back to the caller.
var returnable = []string{
	"Content-Type", "Content-Language", "Etag", "Last-Modified", "Preference-Applied", "Retry-After",
	"Request-Id", "Client-Request-Id", "X-Ms-Ags-Diagnostic",
}

// incoming returns the headers of an answer as the caller gets them.
func (l links) incoming(h http.Header) http.Header {
	in := http.Header{}
	for _, name := range returnable {
		if values := h.Values(name); len(values) > 0 {
			in[name] = values
		}
	}
	if location, ours := l.toUs(h.Get("Location")); ours {
		in.Set("Location", location)
	}
	return in
}

// body returns the body of an answer as the caller gets it: JSON with links that
// lead here, anything else as it is.
func (l links) body(res *http.Response) io.Reader {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || res.Header.Get("Content-Encoding") != "" {
		return res.Body
	}
	return rewrite(res.Body, l.graph, l.us)
}
