package page

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	type fields []struct{ Name, Value string }
	a := Render(http.StatusOK, "formpost", "Back <to> it", struct {
		Action string
		Fields fields
	}{"https://app.example/cb", fields{{"code", `"><script>x</script>`}}})
	body := string(a.Body)
	if a.Status != http.StatusOK || !strings.Contains(body, "<title>Back &lt;to&gt; it") || strings.Contains(body, "<script>x") {
		t.Errorf("%d %s", a.Status, body)
	}
	script := regexp.MustCompile(`<script>(.*)</script>`).FindStringSubmatch(body)
	if script == nil {
		t.Fatalf("nothing submits the form: %s", body)
	}
	sum := sha256.Sum256([]byte(script[1]))
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || strings.Contains(policy, "form-action") {
		t.Errorf("the policy %q is not for %q", policy, script[1])
	}
}

func TestPolicy(t *testing.T) {
	data := struct{ Tenant string }{"Contoso"}
	plain := Render(http.StatusOK, "signedout", "Signed out", data).Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(plain, "default-src 'none'") || strings.Contains(plain, "script-src") || strings.Contains(plain, "frame-src") {
		t.Errorf("the policy is %q", plain)
	}
	framed := Render(http.StatusOK, "signedout", "Signed out", data, "https://a.example", "https://b.example")
	if got := framed.Header.Get("Content-Security-Policy"); got != plain+"; frame-src https://a.example https://b.example" {
		t.Errorf("the policy is %q", got)
	}
}

func TestWhatCannotBeRendered(t *testing.T) {
	for name, data := range map[string]any{"no such page": nil, "consent": struct{}{}} {
		if a := Render(http.StatusOK, name, "x", data); a.Status != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestStyle(t *testing.T) {
	if a := Style(nil); a.Status != http.StatusOK || a.Header.Get("Content-Type") != "text/css; charset=utf-8" || len(a.Body) == 0 {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}
