package entra_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/entra"
)

// TestClaimsParameter: what goes to Microsoft at the beginning of a sign-in, with
// a code and with a refresh token. It declares what the operator wants declared,
// whatever came, and nothing that Microsoft couldn't read.
func TestClaimsParameter(t *testing.T) {
	const (
		nbf    = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
		cp1    = `{"access_token":{"xms_cc":{"values":["cp1"]}}}`
		padded = `{"access_token":{"a":"`
	)
	full := padded + strings.Repeat("<", 2048-len(padded)-3) + `"}}`
	for _, tt := range []struct {
		name, challenge string
		plain, cae      string // what is sent without and with cae
		leftOut         string // why, as the operator is told
	}{
		{name: "none", cae: cp1},
		{
			name: "issued later", challenge: nbf, plain: nbf,
			cae: `{"access_token":{"nbf":{"essential":true,"value":"1604106651"},"xms_cc":{"values":["cp1"]}}}`,
		},
		{
			name: "beside others", challenge: ` { "userinfo" : {"x":1e2}, "access_token":{"polids":{"values":["a&b"]}} } `,
			plain: `{"access_token":{"polids":{"values":["a&b"]}},"userinfo":{"x":1e2}}`,
			cae:   `{"access_token":{"polids":{"values":["a&b"]},"xms_cc":{"values":["cp1"]}},"userinfo":{"x":1e2}}`,
		},
		{
			name: "not for the access token", challenge: `{"id_token":{"acrs":null}}`,
			plain: `{"id_token":{"acrs":null}}`, cae: `{"access_token":{"xms_cc":{"values":["cp1"]}},"id_token":{"acrs":null}}`,
		},
		{name: "empty", challenge: `{"access_token":{}}`, cae: cp1},
		{name: "declared by somebody else", challenge: `{"access_token":{"xms_cc":{"values":["cp1","cp2"]}}}`, cae: cp1},
		{
			name: "as long as may be", challenge: full, plain: full,
			cae: strings.TrimSuffix(full, "}}") + `,"xms_cc":{"values":["cp1"]}}}`,
		},
		{name: "too long", challenge: full + " ", cae: cp1, leftOut: "2049 bytes"},
		{name: "a list", challenge: `["access_token"]`, cae: cp1, leftOut: "not a JSON object"},
		{name: "null", challenge: `null`, cae: cp1, leftOut: "not a JSON object"},
		{name: "base64", challenge: `eyJhY2Nlc3NfdG9rZW4iOnt9fQ==`, cae: cp1, leftOut: "not a JSON object"},
		{name: "cut off", challenge: nbf[:20], cae: cp1, leftOut: "not a JSON object"},
		{name: "two", challenge: nbf + nbf, cae: cp1, leftOut: "not a JSON object"},
		{name: "not UTF-8", challenge: "{\"a\":\"\xff\"}", cae: cp1, leftOut: "not a JSON object"},
		{name: "an access token that is none", challenge: `{"access_token":null}`, cae: cp1, leftOut: "access_token is not a JSON object"},
		{name: "an access token in a string", challenge: `{"access_token":"x"}`, cae: cp1, leftOut: "access_token is not a JSON object"},
	} {
		for _, cae := range []bool{false, true} {
			name, want, declared := tt.name, tt.plain, ""
			if cae {
				name, want, declared = tt.name+", cae", tt.cae, cp1
			}
			t.Run(name, func(t *testing.T) {
				p := newIDP(t)
				cfg := p.config()
				cfg.CAE = cae
				var told bytes.Buffer
				c := entra.NewClient(cfg, p.provider(t, &clock{at: noon}), slog.New(slog.NewTextHandler(&told, nil)))
				r := attempt
				r.Claims = tt.challenge
				to, err := c.AuthCodeURL(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				u, err := url.Parse(to)
				if err != nil {
					t.Fatal(err)
				}
				wants(t, "AuthCodeURL", u.Query()["claims"], want)
				if _, _, err := c.Exchange(t.Context(), "code-1", r); err != nil {
					t.Fatal(err)
				}
				wants(t, "Exchange", p.lastForm(t)["claims"], declared)
				if _, err := c.Refresh(t.Context(), "refresh-0", tt.challenge); err != nil {
					t.Fatal(err)
				}
				wants(t, "Refresh", p.lastForm(t)["claims"], want)
				if got := told.String(); (got != "") != (tt.leftOut != "") || !strings.Contains(got, tt.leftOut) {
					t.Errorf("the operator was told %q, want %q", got, tt.leftOut)
				}
			})
		}
	}
}

// wants fails unless a parameter is there once with that value, or not at all
// where that is "".
func wants(t *testing.T, where string, got []string, value string) {
	t.Helper()
	var want []string
	if value != "" {
		want = []string{value}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s sent the claims %q, want %q", where, got, want)
	}
}

// TestChallengeInARefusal: it is kept only if it can be answered.
func TestChallengeInARefusal(t *testing.T) {
	long := `{"access_token":{"a":"` + strings.Repeat("x", 2048) + `"}}`
	for _, tt := range []struct {
		name   string
		claims any
		want   string
	}{
		{"an object in a string", `{"access_token":{"polids":{}}}`, `{"access_token":{"polids":{}}}`},
		{"an object", map[string]any{"access_token": map[string]any{}}, ""},
		{"a list", `[1]`, ""},
		{"too long", long, ""},
		{"a number", 5, ""},
		{"nothing", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			p.token = refuse(http.StatusBadRequest, map[string]any{"error": "interaction_required", "claims": tt.claims})
			_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			var e *entra.Error
			if !errors.As(err, &e) || e.Class != entra.Person || e.Claims != tt.want {
				t.Errorf("Refresh = %v with claims %q, want the person's with %q", err, e.Claims, tt.want)
			}
		})
	}
}

// TestChallengeNotMet: what a refresh couldn't meet is for the sign-in; one that
// Microsoft makes nothing of is for nobody, and is a matter of whoever was
// challenged, while the same refusal without it is everybody's.
func TestChallengeNotMet(t *testing.T) {
	const demanded, other = `{"access_token":{"new":{}}}`, `{"access_token":{"other":{}}}`
	for _, tt := range []struct {
		name, challenge string
		status          int
		code, suberror  string
		claims          string
		class           entra.Class
		wants           string
	}{
		{"a sign-in", demanded, 400, "interaction_required", "basic_action", "", entra.Person, demanded},
		{"a sign-in, with other claims", demanded, 400, "interaction_required", "", other, entra.Person, other},
		{"a sign-in, as the token is dead", demanded, 400, "invalid_grant", "bad_token", "", entra.Dead, demanded},
		{"a sign-in, for another reason", "", 400, "interaction_required", "basic_action", "", entra.Person, ""},
		{"a sign-in, of one that was left out", "x", 400, "interaction_required", "", "", entra.Person, ""},
		{"consent", demanded, 400, "consent_required", "", "", entra.Admin, ""},
		{"Microsoft makes nothing of it", demanded, 400, "invalid_request", "", "", entra.Person, ""},
		{"Microsoft makes nothing of the rest", "", 400, "invalid_request", "", "", entra.Operator, ""},
		{"nor where it was left out", "x", 400, "invalid_request", "", "", entra.Operator, ""},
		{"another refusal", demanded, 400, "invalid_scope", "", "", entra.Operator, ""},
		{"the secret", demanded, 401, "invalid_client", "", "", entra.Operator, ""},
		{"too often", demanded, 429, "invalid_request", "", "", entra.Transient, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			p.token = refuse(tt.status, map[string]any{"error": tt.code, "suberror": tt.suberror, "claims": tt.claims})
			cfg := p.config()
			cfg.CAE = true
			_, err := entra.NewClient(cfg, p.provider(t, &clock{at: noon}), quiet).Refresh(t.Context(), "refresh-0", tt.challenge)
			var e *entra.Error
			if !errors.As(err, &e) || e.Class != tt.class || e.Claims != tt.wants {
				t.Errorf("Refresh = %v with the claims %q, want class %v with %q", err, e.Claims, tt.class, tt.wants)
			}
		})
	}
}
