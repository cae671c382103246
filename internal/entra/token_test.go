package entra_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/onesgate/onesgate/internal/entra"
)

// TestForms: what reaches the token endpoint is exactly this.
func TestForms(t *testing.T) {
	p := newIDP(t)
	c := p.client(t, &clock{at: noon})
	if _, _, err := c.Exchange(t.Context(), "code-1", attempt); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil {
		t.Fatal(err)
	}
	common := func(more url.Values) url.Values {
		more["client_id"], more["client_secret"] = []string{clientID}, []string{secret}
		more["scope"] = []string{"openid offline_access Calendars.ReadWrite.Shared"}
		return more
	}
	want := []url.Values{
		common(url.Values{
			"grant_type": {"authorization_code"}, "code": {"code-1"},
			"redirect_uri": {attempt.RedirectURI}, "code_verifier": {attempt.Verifier},
		}),
		common(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"refresh-0"}}),
	}
	if diff := cmp.Diff(p.received().forms, want); diff != "" {
		t.Errorf("forms (-got +want):\n%s", diff)
	}
	seen := map[string]bool{}
	for i, h := range p.received().headers {
		id := h.Get("client-request-id")
		if _, err := uuid.Parse(id); err != nil || seen[id] {
			t.Errorf("client-request-id %d = %q (%v), want a UUID of its own", i, id, err)
		}
		seen[id] = true
		for _, name := range []string{"Origin", "Authorization", "Cookie", "Referer"} {
			if got, there := h[name]; there {
				t.Errorf("header %s = %q, want none", name, got)
			}
		}
	}
}

func TestTokenAnswer(t *testing.T) {
	asked := []string{"openid", "offline_access", "Calendars.ReadWrite.Shared"}
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, tt := range []struct {
		name, body string
		want       entra.Tokens
		says       string // part of the error; "": none
	}{
		{
			"new refresh token", `{"token_type":"Bearer","access_token":"a","refresh_token":"r","expires_in":4000,"scope":"x  y"}`,
			entra.Tokens{Access: "a", Refresh: "r", Expires: in(4000 * time.Second), Scopes: []string{"x", "y"}},
			"",
		},
		{
			"old refresh token kept, scope as asked, number as string", `{"token_type":"bearer","access_token":"a","expires_in":"60"}`,
			entra.Tokens{Access: "a", Refresh: "refresh-0", Expires: in(time.Minute), Scopes: asked},
			"",
		},
		{
			"absurd life cut", `{"token_type":"Bearer","access_token":"a","expires_in":9223372036854775807}`,
			entra.Tokens{Access: "a", Refresh: "refresh-0", Expires: in(7 * 24 * time.Hour), Scopes: asked},
			"",
		},
		{"no access token", `{"token_type":"Bearer","expires_in":60}`, entra.Tokens{}, "access_token"},
		{"no expiry", `{"token_type":"Bearer","access_token":"a"}`, entra.Tokens{}, "expires_in"},
		{"expired", `{"token_type":"Bearer","access_token":"a","expires_in":0}`, entra.Tokens{}, "expires_in"},
		{"another type", `{"token_type":"DPoP","access_token":"a","expires_in":60}`, entra.Tokens{}, "token_type"},
		{"cut short", `{"token_type":"Bearer","access_token":"top-secr`, entra.Tokens{}, "JSON"},
		{"wrong kind", `{"token_type":"Bearer","access_token":["top-secret"]}`, entra.Tokens{}, "JSON"},
		{"empty", ``, entra.Tokens{}, "JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			p.token = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.body)) }
			got, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			if tt.says == "" {
				if diff := cmp.Diff(got, tt.want); diff != "" || err != nil {
					t.Errorf("Refresh: %v (-got +want):\n%s", err, diff)
				}
				return
			}
			var e *entra.Error
			if !errors.As(err, &e) || e.Class != entra.Transient || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("Refresh = %v, want a transient *entra.Error that says %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "top-secr") {
				t.Errorf("Refresh = %q shows a token", err)
			}
		})
	}
}

// TestNoAnswer: whatever keeps an answer away passes, and is tried once only.
func TestNoAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		token  http.HandlerFunc
		status int
		wait   time.Duration
		says   string
	}{
		{"proxy's page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<html>blocked"))
		}, 403, 0, "proxy"},
		{"JSON of somebody else", refuse(http.StatusBadRequest, map[string]any{"error": map[string]any{"code": "x"}}), 400, 0, "proxy"},
		{"throttled", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			writeJSON(w, http.StatusTooManyRequests, map[string]any{"error": "invalid_request"})
		}, 429, 7 * time.Second, "429"},
		{"asked to wait until", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", noon.Add(90*time.Second).Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		}, 503, 90 * time.Second, "503"},
		{"asked to wait too long", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999999999999999")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, 503, time.Hour, "503"},
		{"asked to wait for nonsense", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "-5 s")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, 503, 0, "503"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 307, 0, "307"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; { // until the client hangs up
				_, err = w.Write(make([]byte, 1<<16))
			}
		}, 0, 0, "larger"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, 0, 0, "broke off"},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, 0, "failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			p.token = tt.token
			_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			var e *entra.Error
			if !errors.As(err, &e) {
				t.Fatalf("Refresh = %v, want an *entra.Error", err)
			}
			if e.Class != entra.Transient || e.Status != tt.status || e.RetryAfter != tt.wait || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Refresh = %v (class %v, status %d, wait %v), want transient, %d, %v and %q", err, e.Class, e.Status, e.RetryAfter, tt.status, tt.wait, tt.says)
			}
			if got := len(p.received().forms); got != 1 {
				t.Errorf("the form was sent %d times, want once", got)
			}
		})
	}
}

func TestCallerLeaves(t *testing.T) {
	p := newIDP(t)
	ctx, leave := context.WithCancel(t.Context())
	p.token = func(_ http.ResponseWriter, r *http.Request) {
		leave()
		<-r.Context().Done()
	}
	_, err := p.client(t, &clock{at: noon}).Refresh(ctx, "refresh-0", "")
	var e *entra.Error
	if !errors.As(err, &e) || !errors.Is(err, context.Canceled) {
		t.Errorf("Refresh = %v, want an *entra.Error around context.Canceled", err)
	}
}
