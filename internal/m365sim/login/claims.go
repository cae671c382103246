package login

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A claimsRequest is the claims parameter (OpenID Connect Core section 5.5), as
// far as Entra heeds it: clients declare there that they understand claims
// challenges, and answer them
// (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
type claimsRequest struct {
	AccessToken map[string]json.RawMessage `json:"access_token,omitempty"`
}

// maxClaims bounds a claims parameter, in bytes.
const maxClaims = 8 << 10

// parseClaims reads a claims parameter; "" asks for nothing.
func parseClaims(text string) (claimsRequest, *failure) {
	var r claimsRequest
	if text == "" {
		return r, nil
	}
	if len(text) > maxClaims || !strings.HasPrefix(strings.TrimSpace(text), "{") || json.Unmarshal([]byte(text), &r) != nil {
		return claimsRequest{}, refuse(9002313).about("The claims parameter is not a JSON object of less than %d bytes.", maxClaims)
	}
	return r, nil
}

// String is the request as a parameter.
func (r claimsRequest) String() string {
	if len(r.AccessToken) == 0 {
		return ""
	}
	text, err := json.Marshal(r)
	if err != nil {
		return "" // it was JSON when it was read
	}
	return string(text)
}

// capable says whether the client understands claims challenges: xms_cc has cp1.
func (r claimsRequest) capable() bool {
	var cc struct {
		Values []string `json:"values"`
	}
	return json.Unmarshal(r.AccessToken["xms_cc"], &cc) == nil && slices.ContainsFunc(cc.Values, equalFold("cp1"))
}

// stepUp is what only a sign-in can satisfy: all but the client's capabilities
// and the time before which a token may not have been issued.
func (r claimsRequest) stepUp() claimsRequest {
	rest := maps.Clone(r.AccessToken)
	delete(rest, "xms_cc")
	delete(rest, "nbf")
	return claimsRequest{rest}
}

// and is both requests; the other's claims count where both have one.
func (r claimsRequest) and(other claimsRequest) claimsRequest {
	both := map[string]json.RawMessage{}
	maps.Copy(both, r.AccessToken)
	maps.Copy(both, other.AccessToken)
	return claimsRequest{both}
}

// meets says whether the request has all that a challenge asks for.
func (r claimsRequest) meets(challenge claimsRequest) bool {
	for name, wanted := range challenge.AccessToken {
		given, there := r.AccessToken[name]
		switch {
		case name == "xms_cc":
		case !there:
			return false
		case name == "nbf":
			if notBefore(given) < notBefore(wanted) {
				return false
			}
		case !sameJSON(given, wanted):
			return false
		}
	}
	return true
}

// notBefore is the time of an nbf claim, in seconds of Unix; 0 if it has none.
func notBefore(text json.RawMessage) int64 {
	var nbf struct {
		Value json.Number `json:"value"` // as a string or a number
	}
	if json.Unmarshal(text, &nbf) != nil {
		return 0
	}
	n, err := nbf.Value.Int64()
	if err != nil {
		return 0
	}
	return n
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
