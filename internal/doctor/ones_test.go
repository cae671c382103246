package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnes(t *testing.T) {
	over := &http.Transport{DisableKeepAlives: true}
	at := func(address string, over http.RoundTripper) []Finding {
		t.Helper()
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return one(t, Ones(u.Host, u, "ones.example", over))
	}
	asked := make(chan *http.Request, 1)
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		http.Redirect(w, r, "http://127.0.0.1:9/elsewhere", http.StatusFound)
	}))
	defer answers.Close()
	wantsResult(t, at(answers.URL, over), "ones", OK)
	r := <-asked
	if r.Host != "ones.example" || r.Method != http.MethodHead {
		t.Errorf("asked %s for %s", r.Method, r.Host)
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Ones") || name == "Authorization" || name == "Cookie" {
			t.Errorf("it was told %s", name)
		}
	}
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer failing.Close()
	wantsResult(t, at(failing.URL, over), "ones", OK)

	wants(t, at("https://"+strings.TrimPrefix(answers.URL, "http://"), over), "ones", OnesTLS)
	next := time.Now().AddDate(1, 0, 0)
	nothing := func(http.ResponseWriter, *http.Request) {}
	wantsResult(t, at("https://ones.internal", network(t, "ones.internal", next, true, nothing).Transport), "ones", OK)
	wants(t, at("https://ones.internal", network(t, "ones.internal", next, false, nothing).Transport), "ones", OnesTLS)
	wants(t, at("https://ones.internal", network(t, "other.internal", next, true, nothing).Transport), "ones", OnesTLS)
	old := network(t, "ones.internal", next, true, nothing).Transport.(*http.Transport)
	old.TLSClientConfig.MaxVersion = tls.VersionTLS10
	old.TLSClientConfig.MinVersion = tls.VersionTLS10
	wants(t, at("https://ones.internal", old), "ones", OnesTLS)

	closed := httptest.NewServer(nil)
	closed.Close()
	wants(t, at(closed.URL, over), "ones", OnesRefused)
	wants(t, at("http://ones.internal", &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "ones.internal", IsNotFound: true}
	}}), "ones", OnesRefused)
	wantsResult(t, one(t, OnesNotKnown("nobody knows")), "ones", NotChecked)
}

// Who doesn't answer is not waited for.
func TestOnesIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, _ := net.Pipe()
			return ours, nil
		}}
		wants(t, one(t, Ones("ones:8080", &url.URL{Scheme: "http", Host: "ones:8080"}, "ones.example", silent)), "ones", OnesSilent)
	})
}
