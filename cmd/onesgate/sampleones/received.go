package sampleones

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The headers by which the gateway says who asks.
const (
	prefix           = "X-Ones-"
	headerUserID     = "X-Ones-User-Id"
	headerEmail      = "X-Ones-User-Email"
	headerName       = "X-Ones-User-Name"
	headerGroups     = "X-Ones-User-Groups"
	headerCard       = "X-Ones-Card-Number"
	headerConnection = "X-Ones-Connection"
	headerAssertion  = "X-Ones-Assertion"
)

// maxAssertion is how much of an assertion is decoded for reading, in bytes.
const maxAssertion = 8 << 10

// A person is who the headers say is asking; without an ID, nobody.
type person struct {
	ID, Email, Name, Card, Connection string
	Groups                            []string
}

// Greeting is what to call them.
func (p person) Greeting() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Email != "":
		return p.Email
	}
	return "colleague"
}

// personOf reads the headers. A value that can't be decoded counts as absent.
func personOf(h http.Header) person {
	get := func(name string) string {
		s, err := decode(h.Get(name))
		if err != nil {
			return ""
		}
		return s
	}
	p := person{
		ID: get(headerUserID), Email: get(headerEmail), Name: get(headerName),
		Card: get(headerCard), Connection: get(headerConnection),
	}
	p.Groups, _ = decodeList(h.Get(headerGroups))
	return p
}

// received is one header line, for the curious.
type received struct {
	Name, Raw string
	Decoded   string // "" where it can't be decoded; then Problem says why
	Claims    string // of an assertion, as indented JSON
	Problem   string
}

// receive lists every identity header of a request, sorted by name with the long
// assertion last, each repetition on its own.
func receive(h http.Header, now time.Time) []received {
	var list []received
	for name, values := range h {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for _, raw := range values {
			list = append(list, read(name, raw, now))
		}
	}
	slices.SortStableFunc(list, func(a, b received) int {
		key := func(r received) string {
			if r.Name == headerAssertion {
				return "~" // after every letter
			}
			return r.Name
		}
		return strings.Compare(key(a), key(b))
	})
	return list
}

func read(name, raw string, now time.Time) received {
	e := received{Name: name, Raw: raw}
	var err error
	switch name {
	case headerAssertion:
		e.Raw = shorten(raw)
		e.Claims, e.Decoded, err = readAssertion(raw, now)
	case headerGroups:
		var groups []string
		groups, err = decodeList(raw)
		e.Decoded = strings.Join(groups, "\n")
	default:
		e.Decoded, err = decode(raw)
	}
	if err != nil {
		e.Problem = err.Error()
	}
	return e
}

// decode undoes the percent-encoding of a header value.
func decode(raw string) (string, error) {
	s, err := url.PathUnescape(raw)
	if err != nil {
		return "", errors.New("not percent-encoded as agreed")
	}
	if !utf8.ValidString(s) {
		return "", errors.New("not UTF-8")
	}
	return s, nil
}

// decodeList decodes a comma-separated list. A comma within a value is encoded, so
// the commas left are those between values. If one value can't be decoded, none is.
func decodeList(raw string) ([]string, error) {
	if raw == "" {
		return nil, nil
	}
	list := strings.Split(raw, ",")
	for i, s := range list {
		var err error
		if list[i], err = decode(s); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// shorten keeps of a JWT its header, the beginning of its claims and of its
// signature: enough to recognise it, too little to use it.
func shorten(jwt string) string {
	const keep = 12
	parts := strings.Split(jwt, ".")
	if len(parts) > 3 {
		parts = parts[:3]
	}
	for i, p := range parts {
		if len(p) > keep {
			parts[i] = strings.ToValidUTF8(p[:keep], "") + "…"
		}
	}
	return strings.Join(parts, ".")
}

// readAssertion decodes header and claims of a JWT for reading (RFC 7519,
// section 3) and says until when it holds. It does not verify the signature: a
// real ONES does, with the keys at /.ones/jwks.json, before it believes a word.
func readAssertion(jwt string, now time.Time) (claims, summary string, err error) {
	if len(jwt) > maxAssertion {
		return "", "", fmt.Errorf("longer than %d bytes", maxAssertion)
	}
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return "", "", errors.New("not a signed JWT: it should have three parts")
	}
	var head struct{ Alg, Typ, Kid string }
	var body struct{ Exp int64 }
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(raw, &head) != nil {
		return "", "", errors.New("its header can't be read")
	}
	raw, err = base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &body) != nil {
		return "", "", errors.New("its claims can't be read")
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return "", "", errors.New("its claims can't be read")
	}
	expires := time.Unix(body.Exp, 0)
	left := expires.Sub(now).Round(time.Second)
	state := "expired " + (-left).String() + " ago"
	if left > 0 {
		state = "good for another " + left.String()
	}
	return indented.String(), fmt.Sprintf("%s, %s, key %s, %s", head.Typ, head.Alg, head.Kid, state), nil
}
