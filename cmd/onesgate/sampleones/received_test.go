package sampleones

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

// jwt makes an unsigned token that looks like an assertion.
func jwt(header, claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64([]byte(claims)) + "." + b64([]byte(strings.Repeat("s", 64)))
}

func TestReceive(t *testing.T) {
	h := alice()
	h.Set("X-Ones-Assertion", jwt(`{"alg":"ES256","typ":"ones-assertion+jwt","kid":"k1"}`, `{"sub":"8f1a.sub-alice","exp":1796090700}`))
	h["X-Ones-Tenant-Id"] = []string{"one", "two"}
	h.Set("Cookie", "a=b")
	list := receive(h, testNow)
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
		if e.Problem != "" {
			t.Errorf("%s: %s", e.Name, e.Problem)
		}
	}
	want := "X-Ones-Card-Number X-Ones-Connection X-Ones-Tenant-Id X-Ones-Tenant-Id X-Ones-User-Email " +
		"X-Ones-User-Groups X-Ones-User-Id X-Ones-User-Name X-Ones-Assertion"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("headers = %s\nwant      %s", got, want)
	}
	if got, want := list[5].Decoded, "staff\nMarketing, Asia"; got != want {
		t.Errorf("groups = %q, want %q", got, want)
	}
	assertion := list[len(list)-1]
	if got, want := assertion.Decoded, "ones-assertion+jwt, ES256, key k1, good for another 5m0s"; got != want {
		t.Errorf("assertion = %q, want %q", got, want)
	}
	if got := assertion.Claims; !strings.Contains(got, `"sub": "8f1a.sub-alice"`) {
		t.Errorf("claims = %s, want the subject in them", got)
	}
	if strings.Contains(assertion.Raw, strings.Split(h.Get("X-Ones-Assertion"), ".")[2]) {
		t.Errorf("the whole signature is shown: %s", assertion.Raw)
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, raw, want string
		fails           bool
	}{
		{"plain", "alice@contoso.com", "alice@contoso.com", false},
		{"chinese", "%E9%99%B3%E5%A4%A7%E6%96%87", "陳大文", false},
		{"percent and comma", "100%25%2C more", "100%, more", false},
		{"a plus is a plus", "a+b", "a+b", false},
		{"half an escape", "%E", "", true},
		{"no hexadecimal", "%zz", "", true},
		{"not utf-8", "%FF%FE", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.raw)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("decode(%q) = %q, %v, want %q, error %t", tt.raw, got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestReadAssertion(t *testing.T) {
	head := `{"alg":"ES256","typ":"ones-assertion+jwt","kid":"k1"}`
	for _, tt := range []struct {
		name, jwt, want, problem string
	}{
		{"expired", jwt(head, `{"exp":1796090399}`), "expired 1s ago", ""},
		{"two parts", "a.b", "", "three parts"},
		{"empty", "", "", "three parts"},
		{"header no base64", "?.e30.x", "", "header"},
		{"header no json", jwt("{", "{}"), "", "header"},
		{"claims no json", jwt(head, "{"), "", "claims"},
		{"claims no object", jwt(head, "[]"), "", "claims"},
		{"too long", strings.Repeat("a", maxAssertion+1), "", "longer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, summary, err := readAssertion(tt.jwt, testNow)
			if !strings.Contains(summary, tt.want) {
				t.Errorf("summary = %q, want %q in it", summary, tt.want)
			}
			switch {
			case tt.problem == "" && err != nil:
				t.Errorf("error = %v, want none", err)
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("error = %v, want one about %q", err, tt.problem)
			}
		})
	}
}

func FuzzReceive(f *testing.F) {
	f.Add("X-Ones-Assertion", jwt(`{"alg":"ES256"}`, `{"exp":1}`))
	f.Add("X-Ones-User-Groups", "a,%2C,b")
	f.Fuzz(func(t *testing.T, name, raw string) {
		h := http.Header{}
		h.Set(name, raw)
		for _, e := range receive(h, time.Unix(0, 0)) {
			if e.Problem != "" && (e.Decoded != "" || e.Claims != "") {
				t.Errorf("%q: both decoded and refused: %+v", raw, e)
			}
			if name == headerAssertion && len(raw) > 200 && e.Raw == raw {
				t.Error("a long assertion is shown whole")
			}
		}
	})
}
