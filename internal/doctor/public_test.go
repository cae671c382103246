package doctor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
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
	at := func(hc *http.Client, who Answering) []Finding { return one(t, Public(public, hc, known, who)) }

	good := network(t, "ones.example", next, true, health)
	wantsResult(t, at(good, TheGateway), "public_url", OK)
	wants(t, at(network(t, "ones.example", next, false, health), TheGateway), "public_url", PublicCertificate)
	wants(t, at(network(t, "other.example", next, true, health), TheGateway), "public_url", PublicCertificate)
	wants(t, at(network(t, "ones.example", time.Now().AddDate(0, 0, -1), true, health), TheGateway), "public_url", PublicCertificate)
	wants(t, at(network(t, "ones.example", next, true, other), TheGateway), "public_url", PublicOther)
	wantsResult(t, at(network(t, "ones.example", next, true, other), Anybody), "public_url", NotChecked)

	closed := httptest.NewServer(nil)
	closed.Close()
	there, err := url.Parse(closed.URL)
	if err != nil {
		t.Fatal(err)
	}
	wantsResult(t, one(t, Public(there, closed.Client(), known, TheGateway)), "public_url", NotChecked)
}

// Another program on the port that the gateway will listen on is in its way, whatever it
// speaks there.
func TestPublicPortIsTaken(t *testing.T) {
	public := &url.URL{Scheme: "https", Host: "ones.example"}
	next := time.Now().AddDate(1, 0, 0)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	noTLS := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, plain.Listener.Addr().String())
	}}}
	for name, hc := range map[string]*http.Client{
		"another site":        network(t, "ones.example", next, true, http.NotFound),
		"another certificate": network(t, "other.example", next, true, http.NotFound),
		"no TLS":              noTLS,
	} {
		found := one(t, Public(public, hc, known, NobodyHere))
		wants(t, found, "public_url", PublicOther)
		if !strings.Contains(found[0].What, "can't start there") || !strings.Contains(found[0].Do, "stop what has the port") {
			t.Errorf("%s: %+v", name, found)
		}
		// On another machine it may well stand before the gateway.
		far := func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
		for _, f := range one(t, Public(public, hc, far, NobodyHere)) {
			if f.Finding == PublicOther.Name {
				t.Errorf("%s, far away: %+v", name, f)
			}
		}
	}
	wantsResult(t, one(t, Public(public, refused(), known, NobodyHere)), "public_url", NotChecked)
}

// refused is a way to nobody.
func refused() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}}}
}

func known(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }

func TestPublicNameIsUnknown(t *testing.T) {
	public := &url.URL{Scheme: "https", Host: "ones.example"}
	next := time.Now().AddDate(1, 0, 0)
	hc := network(t, "ones.example", next, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"ok"}`) })
	unknown := func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	wants(t, one(t, Public(public, hc, unknown, TheGateway)), "public_url", PublicUnresolved)
	wantsResult(t, one(t, Public(public, hc, known, TheGateway)), "public_url", OK)
}

func TestRedirects(t *testing.T) {
	found := one(t, Redirects("", []Redirect{{URI: "https://ones.example/a", For: "people", Proven: "people have signed in"}, {URI: "https://ones.example/b", For: "rooms"}}))
	if len(found) != 2 || found[0].Result != OK || found[1].Result != NotChecked ||
		!strings.Contains(found[0].What, "https://ones.example/a") || !strings.Contains(found[1].What, "https://ones.example/b") || found[1].Do != "" {
		t.Errorf("%+v", found)
	}
}
