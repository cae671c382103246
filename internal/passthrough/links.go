package passthrough

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// links leads what Graph's answers point at through the gateway.
type links struct {
	graph string // the root of Graph's calls, such as https://graph.microsoft.com/v1.0
	us    string // the same as our caller reaches it
}

// toUs returns a link of Graph's as our caller has to follow it. One that leads
// elsewhere stays as it is, and is not ours.
func (l links) toUs(link string) (ours string, ok bool) { return swap(link, l.graph, l.us) }

// toGraph returns what of a link of ours lies below /v1.0.
func (l links) toGraph(link string) (path string, ok bool) { return swap(link, l.us, "") }

// swap replaces the beginning of a link, in which host names have no case.
func swap(link, from, to string) (string, bool) {
	if len(link) <= len(from) || !strings.EqualFold(link[:len(from)], from) || link[len(from)] != '/' {
		return link, false
	}
	return to + link[len(from):], true
}

// back returns a body whose links of ours are Graph's own again: a caller may send
// back what they have read here.
func (l links) back(body []byte) []byte {
	body, _ = io.ReadAll(rewrite(bytes.NewReader(body), l.us, l.graph)) // what lies in memory can be read
	return body
}

// linkNames are the members of an answer that are links; they may have the name of a
// property before them (OData JSON Format, section 4.5).
var linkNames = map[string]bool{
	"@odata.context": true, "@odata.id": true, "@odata.nextLink": true, "@odata.deltaLink": true,
	"@odata.navigationLink": true, "@odata.associationLink": true, "@odata.editLink": true, "@odata.readLink": true,
}

// maxLink bounds a string that is held back until it is known to be a link, in
// bytes. A longer link is passed on as it is, and leads to Graph, which refuses who
// follows it there without a token of its own.
const maxLink = 32 << 10

// A rewriter is JSON whose links lead somewhere else. It reads its source once, from
// front to end, holds back no more than one string, and changes no other byte, so
// that what isn't JSON comes through as it is.
type rewriter struct {
	source   io.Reader
	from, to string // what links begin with: here, and as they are read
	err      error  // of the source

	chunk []byte // to read into
	ready []byte // to be read
	given int    // how much of it has been

	key      []byte // the last string that no colon came before
	member   bool   // a colon has come: what follows is the value of key
	inString bool
	escaped  bool
	hold     bool   // the string is kept in held
	held     []byte // the string, with its quotes
}

// rewrite changes the links in source that begin with from. Both from and to are
// written the same in JSON.
func rewrite(source io.Reader, from, to string) *rewriter {
	return &rewriter{source: source, from: from, to: to, chunk: make([]byte, 8<<10)}
}

// Read implements io.Reader.
func (r *rewriter) Read(p []byte) (int, error) {
	for r.given == len(r.ready) {
		if r.err != nil {
			return 0, r.err
		}
		var n int
		n, r.err = r.source.Read(r.chunk)
		r.ready, r.given = r.ready[:0], 0
		r.feed(r.chunk[:n])
		if r.err != nil { // of a string that was broken off, too
			r.ready = append(r.ready, r.held...)
			r.held = nil
		}
	}
	n := copy(p, r.ready[r.given:])
	r.given += n
	return n, nil
}

func (r *rewriter) feed(b []byte) {
	for len(b) > 0 {
		if r.inString {
			b = r.within(b)
			continue
		}
		n := bytes.IndexByte(b, '"')
		if n < 0 {
			n = len(b)
		}
		r.between(b[:n])
		r.ready = append(r.ready, b[:n]...)
		if b = b[n:]; len(b) > 0 {
			r.inString, r.hold, r.held = true, true, append(r.held[:0], '"')
			b = b[1:]
		}
	}
}

// between looks at what stands between strings.
func (r *rewriter) between(b []byte) {
	for _, c := range b {
		switch c {
		case ':':
			r.member = true
		case ',', '{', '}', '[', ']':
			r.member = false
		}
	}
}

// within takes what of b belongs to the string that has begun.
func (r *rewriter) within(b []byte) (rest []byte) {
	n, ended := 0, false
	for n < len(b) && !ended {
		switch c := b[n]; {
		case r.escaped:
			r.escaped = false
		case c == '\\':
			r.escaped = true
		case c == '"':
			ended = true
		}
		n++
	}
	if r.hold {
		r.held = append(r.held, b[:n]...)
	} else {
		r.ready = append(r.ready, b[:n]...)
	}
	switch {
	case ended:
		r.end()
	case r.hold && len(r.held) > maxLink, r.hold && r.member && !r.isLink():
		r.release() // no link, or none that we can hold
	}
	return b[n:]
}

// end is the end of a string.
func (r *rewriter) end() {
	switch {
	case !r.hold, len(r.held)-1 > maxLink:
		r.key = r.key[:0]
	case !r.member:
		r.key = append(r.key[:0], r.held[1:len(r.held)-1]...)
	case r.isLink():
		r.held = r.translated(r.held)
	}
	r.release()
	r.inString, r.member = false, false
}

func (r *rewriter) release() {
	r.ready = append(r.ready, r.held...)
	r.held, r.hold = r.held[:0], false
}

func (r *rewriter) isLink() bool {
	at := bytes.LastIndexByte(r.key, '@')
	return at >= 0 && linkNames[string(r.key[at:])]
}

func (r *rewriter) translated(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 { // as Graph writes them: what follows the beginning can stay
		link, _ := swap(string(quoted[1:]), r.from, r.to)
		return append(quoted[:1], link...)
	}
	var link string
	if json.Unmarshal(quoted, &link) != nil {
		return quoted
	}
	ours, ok := swap(link, r.from, r.to)
	if !ok {
		return quoted
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(ours) != nil {
		return quoted
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
