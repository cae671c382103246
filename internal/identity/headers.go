package identity

import (
	"net/http"
	"net/textproto"
	"strings"
)

// Names of the headers that tell ONES who asks.
const (
	HeaderUserID      = "X-Ones-User-Id"
	HeaderUserEmail   = "X-Ones-User-Email"
	HeaderUserName    = "X-Ones-User-Name"
	HeaderUserGroups  = "X-Ones-User-Groups"
	HeaderCardNumber  = "X-Ones-Card-Number"
	HeaderTenantID    = "X-Ones-Tenant-Id"
	HeaderIntegration = "X-Ones-Integration"
	HeaderConnection  = "X-Ones-Connection"
	HeaderAssertion   = "X-Ones-Assertion"
	// HeaderActAs is what ONES' own server sends to say for whom it acts. No
	// browser may.
	HeaderActAs = "Ones-Act-As"
)

// maxHeaders is what all identity headers of one request may weigh together, in
// bytes of names and values: Node and others refuse requests with more than 8
// to 16 KiB of headers in all.
const maxHeaders = 2048

// Headers are the identity headers of one person, ready to be set. They are not
// changed once made, so that many requests may share them.
type Headers []header

type header struct {
	name  string
	value string
}

// Set puts the headers into h, in place of any of the same name. They are copies:
// Caddy's request_header changes values where they stand.
func (hs Headers) Set(h http.Header) {
	values := make([]string, len(hs))
	for i, e := range hs {
		values[i] = e.value
		h[e.name] = values[i : i+1 : i+1]
	}
}

// Get returns the value of one of the headers, "" if it is not there.
func (hs Headers) Get(name string) string {
	for _, e := range hs {
		if e.name == name {
			return e.value
		}
	}
	return ""
}

// size is what the headers weigh on the wire.
func (hs Headers) size() int {
	n := 0
	for _, e := range hs {
		n += len(e.name) + len(": \r\n") + len(e.value)
	}
	return n
}

// plainHeaders are all headers but the assertion, which says the same.
func plainHeaders(c claims) Headers {
	encoded := make([]string, len(c.Groups))
	for i, g := range c.Groups {
		encoded[i] = escape(g)
	}
	var hs Headers
	add := func(name, value string) {
		if value != "" {
			hs = append(hs, header{name, value})
		}
	}
	add(HeaderUserID, escape(c.Subject))
	add(HeaderUserEmail, escape(c.Email))
	add(HeaderUserName, escape(c.Name))
	add(HeaderUserGroups, strings.Join(encoded, ","))
	add(HeaderCardNumber, escape(c.CardNumber))
	add(HeaderTenantID, escape(c.TenantID))
	add(HeaderIntegration, escape(c.Integration))
	add(HeaderConnection, c.Connection)
	return hs
}

// escape percent-encodes UTF-8, except for printable ASCII other than "%" and ",".
func escape(s string) string {
	plain := func(c byte) bool { return c >= ' ' && c <= '~' && c != '%' && c != ',' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// Strip deletes every identity header from a request that came from outside,
// also under the names that some upstreams take for the same (any case; where headers
// become variables, as in CGI, "_" stands for "-", for "." and " " in PHP, and for all
// that is neither letter nor digit in lighttpd), and keeps the names out of Connection: a
// proxy deletes what is named there after we have set it (RFC 9110, section 7.6.1). It
// returns the values of Ones-Act-As, which WithActAs keeps.
func Strip(h http.Header) (actAs []string) {
	for name, values := range h {
		switch ours, act := reserved(name); {
		case act:
			actAs = append(actAs, values...)
			delete(h, name)
		case ours:
			delete(h, name)
		}
	}
	for _, line := range h["Connection"] {
		if namesReserved(line) {
			stripConnection(h)
			break
		}
	}
	return actAs
}

func namesReserved(line string) bool {
	for token := range strings.SplitSeq(line, ",") {
		if ours, _ := reserved(textproto.TrimString(token)); ours {
			return true
		}
	}
	return false
}

func stripConnection(h http.Header) {
	var kept []string
	for _, line := range h["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			token = textproto.TrimString(token)
			if ours, _ := reserved(token); !ours && token != "" {
				kept = append(kept, token)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Connection")
		return
	}
	h["Connection"] = []string{strings.Join(kept, ", ")}
}

// reserved says whether a header name, folded, is one of ours.
func reserved(name string) (ours, actAs bool) {
	const prefix, act = "x-ones-", "ones-act-as"
	if len(name) >= len(prefix) && foldedEqual(name[:len(prefix)], prefix) {
		return true, false
	}
	if len(name) == len(act) && foldedEqual(name, act) {
		return true, true
	}
	return false, false
}

func foldedEqual(name, want string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c < '0' || '9' < c && c < 'a' || 'z' < c:
			c = '-'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
