package login

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestCodes(t *testing.T) {
	oauth := []string{
		"invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "invalid_resource", "invalid_tenant", "unauthorized_client",
		"unsupported_grant_type", "unsupported_response_type", "access_denied", "server_error", "temporarily_unavailable",
		"interaction_required", "login_required", "consent_required",
	}
	for code, o := range codes {
		f := refuse(code)
		again := f.status == http.StatusTooManyRequests || f.status >= 500
		client := o.oauth == "invalid_client" && code != 650053 // which is about a scope
		if o.message == "" || !slices.Contains(oauth, o.oauth) || again != (o.class == transient) || client != (f.status == http.StatusUnauthorized) {
			t.Errorf("%d: %+v", code, f)
		}
	}
	l := &Login{}
	for code, known := range map[string]bool{"50076": true, "AADSTS50076": true, "aadsts700082": true, "1": false, "": false, "ErrorItemNotFound": false} {
		if l.KnownCode(code) != known {
			t.Errorf("%s: %v", code, !known)
		}
	}
}

// A fault with a code alone is as usual for it; what it says otherwise counts.
func TestFaults(t *testing.T) {
	r := newRig(t)
	fail := func(f front.Fault) answer {
		f.Match, f.Times = "POST /*/oauth2/v2.0/token", 1
		if err := f.Validate(r.login.KnownCode); err != nil {
			t.Fatal(err)
		}
		r.control(func(*Login, time.Time) error { r.door.AddFault(f); return nil })
		return r.token(r.refreshForm("x"))
	}
	for code, o := range codes {
		fail(front.Fault{Code: strconv.Itoa(code)}).refusal(t, refuse(code).status, o.oauth, strconv.Itoa(code), o.suberror)
	}
	a := fail(front.Fault{Code: "50076", Claims: `{"access_token":{}}`, Error: "invalid_grant", Suberror: "x", Status: 401, RetryAfter: "60", Message: "Why."})
	if a.refusal(t, 401, "invalid_grant", "50076", "x"); a.json(t)["claims"] != `{"access_token":{}}` || a.Header.Get("Retry-After") != "60" {
		t.Errorf("%s", a.body)
	}
	fail(front.Fault{Status: 429}).refusal(t, 429, "temporarily_unavailable", "90033", "")
	fail(front.Fault{Status: 400}).refusal(t, 400, "invalid_request", "90023", "")
	r.control(func(*Login, time.Time) error {
		r.door.AddFault(front.Fault{Match: "GET /*/oauth2/v2.0/authorize", Code: "90033"})
		return nil
	})
	r.get(r.authorizeURL()).page(t, http.StatusServiceUnavailable, "AADSTS90033")
}

// What a restart must not lose is in the file, and no credential but the keys.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	w, err := world.New(config(), "http://localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*Login, *table.File) {
		f, err := table.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		l, err := New(w, f, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return l, f
	}
	l, f := start()
	p, a := w.Tenants[0].Person(alice), &w.Tenants[0].Apps[0]
	before := l.Subject(a, p)
	l.refresh.Put("x", grant{TenantID: w.Tenants[0].ID, ClientID: a.ClientID, PersonID: p.ID, Expires: begin})
	for _, err := range []error{
		l.SetCondition(alice, "53003"), l.Happen(bob, Disabled, begin), l.SetConsent("contoso.example", a.ClientID, []string{"openid"}),
		l.ReplaceSecrets(a.ClientID, []world.Secret{{ID: "s", Value: "secret-value"}}), l.Challenge(alice, "", begin),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l.Revoke(alice, begin)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, f := start()
	defer f.Close()
	if again.Subject(a, p) != before || !again.refresh.Get("x").Revoked || again.standings.Get(p.ID) != l.standings.Get(p.ID) ||
		!again.standings.Get(w.Tenants[0].Person(bob).ID).Disabled || again.checkSecret(begin, a, "secret-value") != nil ||
		!slices.Equal(again.consented(&w.Tenants[0], a, p), []string{"openid"}) {
		t.Errorf("something is lost: %+v", again.Grants())
	}
}
