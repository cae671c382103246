package graph

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	// maxClaims bounds the claims of a challenge, in bytes.
	maxClaims = 2 << 10
	// maxAuthenticate bounds the header that they stand in.
	maxAuthenticate = 16 << 10
)

// claimsIn returns the claims that a refusal demands of the next access token, a
// JSON object; "": none
// (https://learn.microsoft.com/entra/identity-platform/claims-challenge). It reads
// the first challenge for Bearer that has any. Where to sign in is configured:
// what a challenge says of that is not read.
func claimsIn(authenticate []string) string {
	for _, header := range authenticate {
		if len(header) > maxAuthenticate {
			continue
		}
		for _, c := range challenges(header) {
			if !strings.EqualFold(c.scheme, "Bearer") || c.params["error"] != "insufficient_claims" {
				continue
			}
			if claims := decodeClaims(c.params["claims"]); claims != "" {
				return claims
			}
		}
	}
	return ""
}

// decodeClaims reads base64 in either alphabet, with or without padding.
func decodeClaims(value string) string {
	value = strings.TrimRight(value, "=")
	if base64.RawStdEncoding.DecodedLen(len(value)) > maxClaims {
		return ""
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(value))
	var object map[string]json.RawMessage
	if err != nil || !utf8.Valid(decoded) || json.Unmarshal(decoded, &object) != nil || len(object) == 0 {
		return ""
	}
	return string(decoded)
}

// A challenge says how to authenticate (RFC 9110, section 11.3).
type challenge struct {
	scheme string
	params map[string]string // names in small letters; nil: it can be read in two ways
}

// challenges reads one WWW-Authenticate header (RFC 9110, section 11.6.1): a list
// of challenges, each a scheme and either a token68, which is passed over, or a
// list of parameters. The commas of both lists are the same: a word with an equals
// sign after it is a parameter of the challenge before, any other is a scheme.
// What is neither is passed over up to the next comma.
func challenges(header string) (found []challenge) {
	for rest := strings.TrimLeft(header, separators); rest != ""; rest = strings.TrimLeft(rest, separators) {
		var name string
		name, rest = token(rest)
		value, isParam := afterEquals(rest)
		switch {
		case name == "":
			rest = nextElement(rest)
		case !isParam:
			found = append(found, challenge{scheme: name, params: map[string]string{}})
			if word, after := token(strings.TrimLeft(rest, spaces)); word != "" {
				_, isParam = afterEquals(after)
			}
			if !isParam { // a token68
				rest = nextElement(rest)
			}
		default:
			text, after, ok := paramValue(value)
			if rest = after; !ok {
				rest = nextElement(value)
			} else if len(found) > 0 {
				found[len(found)-1].set(strings.ToLower(name), text)
			}
		}
	}
	return found
}

const (
	spaces     = " \t"
	separators = spaces + ","
)

// afterEquals returns what follows an equals sign, around which spaces may stand.
func afterEquals(s string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(strings.TrimLeft(s, spaces), "=")
	return strings.TrimLeft(rest, spaces), ok
}

// set adds a parameter. One that comes twice could be read differently by two
// readers, and must not (RFC 9110, section 11.2): the challenge is of no use.
func (c *challenge) set(name, value string) {
	if _, twice := c.params[name]; twice {
		c.params = nil
	}
	if c.params != nil {
		c.params[name] = value
	}
}

// paramValue reads a token or a quoted string (RFC 9110, section 5.6.4). ok is
// false if there is neither.
func paramValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = token(s)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false // it does not end
}

// nextElement passes over the rest of an element of a list, quoted strings whole.
func nextElement(s string) string {
	for s != "" && s[0] != ',' {
		if s[0] != '"' {
			s = s[1:]
			continue
		}
		_, rest, ok := paramValue(s)
		if !ok {
			return ""
		}
		s = rest
	}
	return s
}

// token cuts a token off (RFC 9110, section 5.6.2); "": there is none.
func token(s string) (word, rest string) {
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

func isTokenByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}
