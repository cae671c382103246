package booking

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// maxDepth is how deep the values of a body may lie in one another. A recurrence, the
// deepest there is, needs five.
const maxDepth = 16

// strictJSON is how bodies are read and written. Two readers of a member that comes
// twice may see two values (RFC 8259, section 4), so it is refused.
var strictJSON = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		if err := checkJSON(data); err != nil {
			return err
		}
		return huma.DefaultJSONFormat.Unmarshal(data, v)
	},
}

// checkJSON refuses what lies too deep and members that come twice, by their names as
// they are meant. That it is not finished, or not the only value, is left to who reads it.
func checkJSON(data []byte) error {
	type level struct {
		names map[string]bool // of an object; nil: an array
		value bool            // a value comes next, not a name
	}
	var open []level
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // how large they may be is not decided here
	for {
		token, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if n := len(open); n > 0 && open[n-1].names != nil && token != json.Delim('}') {
			in := &open[n-1]
			if name, ok := token.(string); ok && !in.value {
				if in.names[name] {
					return fmt.Errorf("the member %.64q comes twice", name)
				}
				in.names[name] = true
			}
			in.value = !in.value
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return fmt.Errorf("it is deeper than %d values in one another", maxDepth)
		}
	}
}

// mergePatch is the media type of JSON merge patches (RFC 7396).
const mergePatch = "application/merge-patch+json"

// speaksJSON says whether the body of a request, if it has one, is called JSON; that it
// is not called anything is taken for it.
func speaksJSON(r *http.Request) bool {
	header := r.Header.Get("Content-Type")
	if r.ContentLength == 0 || header == "" {
		return true
	}
	called, _, err := mime.ParseMediaType(header)
	return err == nil && (called == "application/json" || called == mergePatch && r.Method == http.MethodPatch)
}
