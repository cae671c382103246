package entra_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

// A request or two without an answer are chance, where there was one before; as long
// as there was none, nothing speaks for Microsoft.
func TestSilence(t *testing.T) {
	p := newIDP(t)
	now := &clock{at: noon}
	c, _ := p.app(t, now, entra.Credential{Secret: secret})
	down := refuse(http.StatusServiceUnavailable, map[string]any{"error": "temporarily_unavailable"})
	ask := func(ctx context.Context, answer http.HandlerFunc) {
		now.advance(time.Minute)
		p.token = answer
		_, _ = c.Refresh(ctx, "refresh-0", "") // what comes of it is looked at below
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	silent := func(when string, since time.Time) {
		t.Helper()
		if s := c.Silence(); !s.Since.Equal(since) || (s.Cause != nil) == since.IsZero() {
			t.Errorf("%s: %+v, want it since %v", when, s, since)
		}
	}
	silent("nothing was asked", time.Time{})
	ask(t.Context(), down)
	first := now.now()
	silent("the first request had no answer", first)
	ask(t.Context(), down)
	silent("nor had the second", first)
	ask(t.Context(), refuse(http.StatusBadRequest, map[string]any{"error": "invalid_grant"}))
	silent("a refusal is an answer", time.Time{})
	ask(t.Context(), nil)
	silent("a token is", time.Time{})
	ask(t.Context(), down)
	first = now.now()
	ask(t.Context(), down)
	ask(left, down)
	silent("two had no answer, and one has left", time.Time{})
	ask(t.Context(), down)
	silent("three had no answer", first)
	ask(left, nil)
	silent("who has left says nothing", first)
	ask(t.Context(), nil)
	silent("it answers again", time.Time{})
}

// Without discovery nobody can sign in.
func TestSilenceOfDiscovery(t *testing.T) {
	p := newIDP(t)
	now := &clock{at: noon}
	c, _ := p.app(t, now, entra.Credential{Secret: secret})
	p.Close()
	if _, err := c.AuthCodeURL(t.Context(), entra.AuthRequest{State: "s", Nonce: "n", Verifier: "v", RedirectURI: "https://ones.example"}); err == nil {
		t.Fatal("discovery without an issuer")
	}
	if s := c.Silence(); s.Cause == nil || !s.Since.Equal(noon) {
		t.Errorf("%+v, want it since %v", s, noon)
	}
}
