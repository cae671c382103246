package doctor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestPublic(t *testing.T) {
	health := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == healthPath && r.Host == "ones.example" {
			_, _ = io.WriteString(w, `{"status":"ok"}`)
			return
		}
		http.NotFound(w, r)
	}
	other := http.NotFound
	public := &url.URL{Scheme: "https", Host: "ones.example"}
	next := time.Now().AddDate(1, 0, 0)
	at := func(hc *http.Client, runs bool) []Finding { return one(t, Public(public, hc, known, runs)) }

	good := network(t, "ones.example", next, true, health)
	wantsResult(t, at(good, true), "public_url", OK)
	wants(t, at(network(t, "ones.example", next, false, health), true), "public_url", PublicCertificate)
	wants(t, at(network(t, "other.example", next, true, health), true), "public_url", PublicCertificate)
	wants(t, at(network(t, "ones.example", time.Now().AddDate(0, 0, -1), true, health), true), "public_url", PublicCertificate)
	wants(t, at(network(t, "ones.example", next, true, other), true), "public_url", PublicOther)
	wantsResult(t, at(network(t, "ones.example", next, true, other), false), "public_url", NotChecked)

	closed := httptest.NewServer(nil)
	closed.Close()
	there, err := url.Parse(closed.URL)
	if err != nil {
		t.Fatal(err)
	}
	wantsResult(t, one(t, Public(there, closed.Client(), known, true)), "public_url", NotChecked)
}

func known(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }

func TestPublicNameIsUnknown(t *testing.T) {
	public := &url.URL{Scheme: "https", Host: "ones.example"}
	next := time.Now().AddDate(1, 0, 0)
	hc := network(t, "ones.example", next, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"ok"}`) })
	unknown := func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	wants(t, one(t, Public(public, hc, unknown, true)), "public_url", PublicUnresolved)
	wantsResult(t, one(t, Public(public, hc, known, true)), "public_url", OK)
}

func TestRedirects(t *testing.T) {
	found := one(t, Redirects("", []Redirect{{URI: "https://ones.example/a", For: "people", Proven: "people have signed in"}, {URI: "https://ones.example/b", For: "rooms"}}))
	if len(found) != 2 || found[0].Result != OK || found[1].Result != NotChecked ||
		!strings.Contains(found[0].What, "https://ones.example/a") || !strings.Contains(found[1].What, "https://ones.example/b") || found[1].Do == "" {
		t.Errorf("%+v", found)
	}
}
