package passthrough

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// A member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
	at    int // where the value begins
}

// members returns those of a JSON object. Anything else is refused, and so is a
// reference to another resource, however deep, which could be somebody else's calendar:
// that of OData 4.0, and that of 4.01, an object with an id (OData JSON Format 4.01,
// section 8.5).
func members(body []byte) ([]member, *Refusal) {
	notObject := malformed("The body has to be one JSON object.")
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, notObject
	}
	all := []member{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, notObject
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, notObject
		}
		// The decoder sees to it that a name is a string.
		all = append(all, member{name.(string), value, int(d.InputOffset()) - len(value)})
		if binds(name.(string)) || refers(value) {
			return nil, forbidden("The body refers to another resource with @odata.bind or @odata.id, which the gateway doesn't let through.")
		}
	}
	if _, err := d.Token(); err != nil || len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return nil, notObject
	}
	return all, nil
}

func binds(name string) bool { return strings.Contains(strings.ToLower(name), "@odata.bind") }

// refers says whether a value within a body is, or holds, a reference, also one that
// another member of the same name hides from some readers.
func refers(value json.RawMessage) bool {
	if !bytes.ContainsAny(value, "{") {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(value))
	for {
		t, err := d.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		name, _ := t.(string) // if a colon follows
		if !binds(name) && !strings.EqualFold(name, "@odata.id") && !strings.EqualFold(name, "@id") {
			continue
		}
		if bytes.HasPrefix(bytes.TrimSpace(value[d.InputOffset():]), []byte(":")) {
			return true
		}
	}
}

// withTransaction gives an event, an object with these members, a transactionId if it has
// none, or one that is null, as in an event that was read; all other bytes stay as they
// are. By it Graph knows a repeated creation (https://learn.microsoft.com/graph/api/resources/event).
func withTransaction(body []byte, all []member, id string) []byte {
	for _, m := range slices.Backward(all) { // the last of several counts
		switch {
		case !strings.EqualFold(m.name, "transactionId"):
		case string(m.value) == "null", string(m.value) == `""`:
			return spliced(body, m.at, len(m.value), `"`+id+`"`)
		default:
			return body
		}
	}
	added := `"transactionId":"` + id + `"`
	if len(all) > 0 {
		added += ","
	}
	return spliced(body, bytes.IndexByte(body, '{')+1, 0, added)
}

// spliced is body with a text in the place of n bytes.
func spliced(body []byte, at, n int, text string) []byte {
	out := make([]byte, 0, len(body)-n+len(text))
	return append(append(append(out, body[:at]...), text...), body[at+n:]...)
}

// nameOf is what the caller of a request calls it by, so that a repetition is known;
// "": nothing.
func nameOf(h http.Header) string {
	return cmp.Or(h.Get("Idempotency-Key"), h.Get("client-request-id"))
}

// transactionID is a new one for each creation, but the same for the same creation
// if its caller has given that a name. A name alone is not enough: some callers give
// one to all that belongs together, and must still get two events of two bodies.
func transactionID(person string, c call) string {
	if c.name == "" {
		return uuid.NewString()
	}
	return derived(person, c.name, c.item, c.path, string(c.body))
}

// derived makes an id of parts, none of which can run into the next one.
func derived(parts ...string) string {
	var data []byte
	for _, p := range parts {
		data = append(binary.BigEndian.AppendUint64(data, uint64(len(p))), p...)
	}
	return uuid.NewHash(sha256.New(), uuid.Nil, data, 8).String() // 8: made in a way of our own (RFC 9562, section 5.8)
}
