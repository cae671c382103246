package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"
)

// maxClaims bounds a claims challenge, in bytes: it has to fit into an address
// and, sealed, into a cookie. One cut short would be of no use.
const maxClaims = 2 << 10

const (
	// forAccessToken holds what is demanded of an access token.
	forAccessToken = "access_token"
	// capabilities is the claim by which a client declares what it can take
	// (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
	capabilities = "xms_cc"
)

// cp1 says that challenges are understood. Microsoft then gives access tokens
// that live for up to 28 hours and can be refused before they end.
var cp1 = json.RawMessage(`{"values":["cp1"]}`)

// A challenge is a claims request (OpenID Connect Core 5.5), as Microsoft makes
// them: its members, those of access_token apart.
type challenge struct{ accessToken, others map[string]json.RawMessage }

// parseChallenge reads what came as a challenge.
func parseChallenge(text string) (challenge, error) {
	if len(text) > maxClaims {
		return challenge{}, fmt.Errorf("it has %d bytes, and may have %d", len(text), maxClaims)
	}
	c := challenge{accessToken: map[string]json.RawMessage{}}
	if err := json.Unmarshal([]byte(text), &c.others); err != nil || c.others == nil || !utf8.ValidString(text) {
		return challenge{}, errors.New("it is not a JSON object")
	}
	if of, there := c.others[forAccessToken]; there {
		delete(c.others, forAccessToken)
		if err := json.Unmarshal(of, &c.accessToken); err != nil || c.accessToken == nil {
			return challenge{}, errors.New("its access_token is not a JSON object")
		}
	}
	return c, nil
}

// challengeIn returns a challenge that came with a refusal; "": none, or one
// that can't be answered.
func challengeIn(text string) string {
	if _, err := parseChallenge(text); err != nil {
		return ""
	}
	return text
}

// claims returns the parameter of that name that answers a challenge; "": there
// is nothing to say. A challenge that can't be read is left out: sent broken, it
// would have the whole request refused. What we can take we say ourselves, whatever
// the challenge says of it.
func (c *Client) claims(ctx context.Context, demanded string) string {
	var answer challenge
	if demanded != "" {
		var err error
		if answer, err = parseChallenge(demanded); err != nil {
			c.log.WarnContext(ctx, "a claims challenge can't be answered; it is left out", "error", err)
		}
	}
	delete(answer.accessToken, capabilities)
	if c.cfg.CAE {
		if answer.accessToken == nil {
			answer.accessToken = map[string]json.RawMessage{}
		}
		answer.accessToken[capabilities] = cp1
	}
	return answer.String()
}

// String is the challenge as a parameter; "" if it demands nothing.
func (c challenge) String() string {
	all := map[string]json.RawMessage{}
	maps.Copy(all, c.others)
	if len(c.accessToken) > 0 {
		all[forAccessToken] = encode(c.accessToken)
	}
	if len(all) == 0 {
		return ""
	}
	return string(encode(all))
}

// encode writes what was JSON when it was read, without the escapes for HTML,
// which would make it longer.
func encode(members map[string]json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(members) // it was
	return bytes.TrimSpace(b.Bytes())
}
