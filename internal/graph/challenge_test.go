package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const issuedLater = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`

var (
	// inBase64 is issuedLater, with padding; urlSafe is a claim whose base64 has
	// the signs in which the two alphabets differ.
	inBase64 = base64.StdEncoding.EncodeToString([]byte(issuedLater))
	differs  = `{"access_token":{"a":"?>?>?>~~~ÿ"}}`
	stdBytes = base64.StdEncoding.EncodeToString([]byte(differs))
	urlBytes = base64.RawURLEncoding.EncodeToString([]byte(differs))
)

// TestClaimsIn: the challenge in every form that RFC 9110 (sections 11.6.1, 11.2,
// 5.6.4) and Microsoft's services give it.
func TestClaimsIn(t *testing.T) {
	if !strings.ContainsAny(stdBytes, "+/") || !strings.ContainsAny(urlBytes, "-_") {
		t.Fatalf("%s and %s are alike", stdBytes, urlBytes)
	}
	const graphs = `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`
	quoted := func(claims string) string { return `error="insufficient_claims", claims="` + claims + `"` }
	encode := func(claims string) string { return base64.StdEncoding.EncodeToString([]byte(claims)) }
	for _, tt := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"as Graph sends it", []string{graphs + `, errorDescription="Continuous access evaluation resulted in challenge", ` + quoted(inBase64)}, issuedLater},
		{"nothing", nil, ""},
		{"an expired token", []string{graphs}, ""},
		{"other order, no space", []string{`Bearer claims="` + inBase64 + `",error="insufficient_claims",realm=""`}, issuedLater},
		{"tokens in place of strings", []string{`Bearer error=insufficient_claims, claims=` + strings.TrimRight(inBase64, "=")}, issuedLater},
		{"a token with padding", []string{`Bearer claims=` + inBase64 + `, error=insufficient_claims`}, issuedLater},
		{"spaces around the signs", []string{"bearer \t error = \"insufficient_claims\" ,\t, claims\t=  \"" + inBase64 + "\" "}, issuedLater},
		{"names and scheme in capitals", []string{`BEARER ERROR="insufficient_claims", Claims="` + inBase64 + `"`}, issuedLater},
		{"no comma between them", []string{`Bearer realm="" error="insufficient_claims" claims="` + inBase64 + `"`}, issuedLater},
		{"commas and quotes in strings", []string{`Bearer error_description="it says \"claims=\\\", error=\"x\", Basic realm", ` + quoted(inBase64)}, issuedLater},
		{"escapes in the claims", []string{`Bearer error="insufficient\_claims", claims="\` + inBase64 + `"`}, issuedLater},
		{"without padding", []string{"Bearer " + quoted(strings.TrimRight(inBase64, "="))}, issuedLater},
		{"the usual alphabet", []string{"Bearer " + quoted(stdBytes)}, differs},
		{"the alphabet of addresses", []string{"Bearer " + quoted(urlBytes)}, differs},
		{"several headers", []string{`Basic realm="x"`, graphs, "Bearer " + quoted(inBase64)}, issuedLater},
		{"several challenges in one", []string{`Basic realm="a, b", Negotiate, ` + graphs + `, Bearer ` + quoted(inBase64) + `, Digest nonce="x"`}, issuedLater},
		{"behind a token68", []string{`Negotiate YII+/abc==, NTLM abc, Bearer ` + quoted(inBase64)}, issuedLater},
		{"the first of two", []string{"Bearer " + quoted(inBase64) + ", Bearer " + quoted(stdBytes)}, issuedLater},
		{"behind one that is broken", []string{"Bearer " + quoted("%"), "Bearer " + quoted(stdBytes)}, differs},
		{"behind a word out of place", []string{`="x", /, Bearer ` + quoted(inBase64)}, issuedLater},
		{"another scheme's", []string{"Basic " + quoted(inBase64)}, ""},
		{"the error of another challenge", []string{`Bearer error="insufficient_claims", PoP claims="` + inBase64 + `"`}, ""},
		{"another error", []string{`Bearer error="invalid_token", claims="` + inBase64 + `"`}, ""},
		{"no error", []string{`Bearer claims="` + inBase64 + `"`}, ""},
		{"no scheme", []string{quoted(inBase64)}, ""},
		{"claims twice", []string{"Bearer " + quoted(inBase64) + `, claims="` + stdBytes + `"`}, ""},
		{"claims thrice", []string{"Bearer " + quoted(inBase64) + `, claims="` + stdBytes + `", claims="` + inBase64 + `"`}, ""},
		{"error twice", []string{"Bearer " + quoted(inBase64) + `, error="insufficient_claims"`}, ""},
		{"no end of a string", []string{`Bearer error="insufficient_claims", claims="` + inBase64}, ""},
		{"an escape of nothing", []string{`Bearer error="insufficient_claims", claims="` + inBase64 + `\`}, ""},
		{"not base64", []string{"Bearer " + quoted("{}")}, ""},
		{"JSON as it is", []string{`Bearer error="insufficient_claims", claims="{\"access_token\":{}}"`}, ""},
		{"a list", []string{"Bearer " + quoted(encode(`[{}]`))}, ""},
		{"null", []string{"Bearer " + quoted(encode(`null`))}, ""},
		{"nothing demanded", []string{"Bearer " + quoted(encode(`{}`))}, ""},
		{"not JSON", []string{"Bearer " + quoted(encode(`{"a":`))}, ""},
		{"not UTF-8", []string{"Bearer " + quoted(encode("{\"a\":\"\xff\"}"))}, ""},
		{"too long", []string{"Bearer " + quoted(encode(`{"a":"`+strings.Repeat("x", maxClaims)+`"}`))}, ""},
		{"in a header that is too long", []string{`Bearer realm="` + strings.Repeat("x", maxAuthenticate) + `", ` + quoted(inBase64)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := claimsIn(tt.headers); got != tt.want {
				t.Errorf("claimsIn(%q) = %q, want %q", tt.headers, got, tt.want)
			}
		})
	}
}

func FuzzClaimsIn(f *testing.F) {
	f.Add(`Bearer realm="", error="insufficient_claims", claims="` + inBase64 + `"`)
	f.Add(`Negotiate abc==, Bearer error = insufficient_claims ,, claims="\` + urlBytes + `"`)
	f.Add(`Basic realm="a\", b", Bearer claims=x, claims=y, error="`)
	f.Add("\x00=\xff,,\" \\")
	f.Fuzz(func(t *testing.T, header string) {
		for _, c := range challenges(header) {
			if word, rest := token(c.scheme); word == "" || rest != "" {
				t.Errorf("%q has the scheme %q", header, c.scheme)
			}
			for name := range c.params {
				if word, rest := token(name); word == "" || rest != "" {
					t.Errorf("%q has a parameter %q", header, name)
				}
			}
		}
		claims := claimsIn([]string{header})
		var object map[string]any
		if claims != "" && (len(claims) > maxClaims || json.Unmarshal([]byte(claims), &object) != nil || object == nil) {
			t.Errorf("%q demands %q", header, claims)
		}
		// What stands before a challenge changes nothing of it, if that is whole.
		const good = `Bearer error="insufficient_claims", claims="eyJhIjp7fX0"`
		if before := strings.Count(header, `"`) == 0 && len(header)+len(good) < maxAuthenticate; before && claims == "" {
			if got := claimsIn([]string{header + ", " + good}); got != `{"a":{}}` {
				t.Errorf("behind %q: %q", header, got)
			}
		}
	})
}

// TestChallenged: the demand goes with the request for the next token, and a token
// that was refused is not sent again.
func TestChallenged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tokens []string // as they are given out
		good   string
		sent   []string
		asked  []Refused
		fails  bool
	}{
		{"met", []string{"old", "new"}, "new", []string{"old", "new"}, []Refused{{}, {"old", issuedLater}}, false},
		{"not met", []string{"old", "new", "newer"}, "none", []string{"old", "new"}, []Refused{{}, {"old", issuedLater}}, true},
		{"no other token", []string{"old", "old"}, "none", []string{"old"}, []Refused{{}, {"old", issuedLater}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent []string
			var asked []Refused
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				if sent = append(sent, token); token == tt.good {
					_, _ = io.WriteString(w, `{"owner":{"address":"alice@contoso.example"}}`)
					return
				}
				w.Header().Add("WWW-Authenticate", `Basic realm="x"`)
				w.Header().Add("WWW-Authenticate", `Bearer error="insufficient_claims", claims="`+inBase64+`"`)
				refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken")
			})
			_, err := c.DefaultCalendarOwner(t.Context(), Mailbox{Key: "alice", Token: func(_ context.Context, refused Refused) (string, error) {
				asked = append(asked, refused)
				return tt.tokens[len(asked)-1], nil
			}})
			var refused *Error
			if errors.As(err, &refused) != tt.fails || !slices.Equal(sent, tt.sent) || !slices.Equal(asked, tt.asked) {
				t.Errorf("%v after the tokens %q, asked for with %+v; want %q, %+v", err, sent, asked, tt.sent, tt.asked)
			}
		})
	}
}
