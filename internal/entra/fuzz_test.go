package entra

import (
	"testing"
	"time"
	"unicode"
)

func FuzzRefusal(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_grant","suberror":"bad_token","error_codes":[50173],"error_description":"AADSTS50173: x\r\nTrace ID: y","claims":"{}"}`), "y")
	f.Add(400, []byte(`{"error":"invalid_client","error_codes":"7000222"}`), "")
	f.Add(500, []byte(`<html>`), "x")
	f.Add(429, []byte(`{"error":{"code":"x"}}`), "x")
	f.Fuzz(func(t *testing.T, status int, body []byte, secret string) {
		e := refusal(opRefresh, status, 0, body, secret)
		if e.Class > Dead {
			t.Errorf("class = %d", e.Class)
		}
		if status >= 500 && e.Class != Transient {
			t.Errorf("class of status %d = %v, want Transient", status, e.Class)
		}
		if e.Class == Dead && e.Code != "invalid_grant" {
			t.Errorf("%q ended a grant", e.Code)
		}
		text := e.Error()
		if len(text) > 8*maxText || len(e.Claims) > maxClaims || len(e.Codes) > maxCodes {
			t.Errorf("an error of %d bytes, %d of claims, %d codes", len(text), len(e.Claims), len(e.Codes))
		}
		for _, r := range text {
			if unicode.IsControl(r) {
				t.Errorf("Error() = %q has a control character", text)
			}
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add([]byte(`{"token_type":"Bearer","access_token":"a","refresh_token":"r","expires_in":3600,"scope":"x y"}`))
	f.Add([]byte(`{"token_type":"Bearer","access_token":"a","expires_in":"-1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := time.Unix(1e9, 0)
		a, err := parseTokens(body, sent)
		if err != nil {
			return
		}
		if life := a.Expires.Sub(sent); a.Access == "" || life <= 0 || life > maxTokenLife {
			t.Errorf("parseTokens(%q): access token of %d bytes for %v", body, len(a.Access), life)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"1","use":"sig","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[null,5,{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err == nil && len(keys) == 0 {
			t.Error("no keys and no error")
		}
		for _, k := range keys {
			if k.key == nil {
				t.Error("a key is nil")
			}
		}
	})
}
