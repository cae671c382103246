package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// BenchmarkSignIn is a complete sign-in: login, Microsoft, callback, the first page.
// The gateway is a process of its own; this one is Microsoft, ONES and all browsers.
func BenchmarkSignIn(b *testing.B) {
	w := newWorld(b, func(c *m365.Config) { c.AccountChooser = "" })
	w.write(nil)
	w.gateway()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		transport := &http.Transport{MaxIdleConnsPerHost: 4}
		defer transport.CloseIdleConnections()
		for pb.Next() {
			jar, _ := cookiejar.New(nil)
			browser := &http.Client{Jar: jar, Transport: transport, Timeout: patience}
			// A sign-in without a chooser: the request to authorize is posted with the account.
			browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			res, err := browser.Get(w.home + "/.ones/login/contoso")
			if err != nil {
				b.Error(err)
				return
			}
			drain(res)
			browser.CheckRedirect = nil
			res, err = browser.Post(res.Header.Get("Location"), "application/x-www-form-urlencoded", strings.NewReader(url.Values{"account": {alice}}.Encode()))
			if err != nil {
				b.Error(err)
				return
			}
			if body := drain(res); res.StatusCode != http.StatusOK || body != "ones" {
				b.Errorf("%s: %d %s", res.Request.URL, res.StatusCode, body)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
}

// BenchmarkGraphPassthrough is one call of Graph's at a time: by turns directly,
// through a bare proxy of Caddy's in the same process as the gateway, and through
// the gateway. Caller, gateway and Microsoft are three processes.
func BenchmarkGraphPassthrough(b *testing.B) {
	w := newWorld(b, func(c *m365.Config) { c.Throttling.Requests = 1 << 30 })
	bare := freePort(b)
	w.write(map[string]any{"Sites": fmt.Sprintf("http://127.0.0.1:%d {\n\tbind 127.0.0.1\n\treverse_proxy %s\n}\n", bare, w.microsoft.URL)})
	var bearer atomic.Value // the access token that the gateway uses
	next := w.microsoft.Config.Handler
	w.microsoft.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1.0/") {
			bearer.Store(r.Header.Get("Authorization"))
		}
		next.ServeHTTP(rw, r)
	})
	w.gateway()
	v := newVisitor(b, w.home)
	v.signIn(alice)
	if a := w.serve(http.MethodGet, "/graph/v1.0/me/events", nil, "Ones-Act-As", alice); a.StatusCode != http.StatusOK {
		b.Fatalf("%d %s", a.StatusCode, a.body)
	}
	token := bearer.Load().(string)
	ways := []struct {
		name, base string
		headers    []string
	}{
		{"direct", w.microsoft.URL, []string{"Authorization", token}},
		{"bare-proxy", fmt.Sprintf("http://127.0.0.1:%d", bare), []string{"Authorization", token}},
		{"gateway", fmt.Sprintf("http://127.0.0.1:%d/graph", w.service), []string{"Authorization", "Bearer " + serviceToken, "Ones-Act-As", alice}},
	}
	for _, bb := range []struct {
		name, method, path string
		body               any
	}{
		{"read", http.MethodGet, "/v1.0/me/events?$top=10", nil},
		{"create", http.MethodPost, "/v1.0/me/events", `{"subject":"x","start":{"dateTime":"2099-01-01T10:00:00","timeZone":"UTC"},"end":{"dateTime":"2099-01-01T11:00:00","timeZone":"UTC"}}`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			took, caller := map[string][]time.Duration{}, newCaller(b)
			for b.Loop() {
				for _, way := range ways {
					req := v.request(bb.method, way.base+bb.path, bb.body, way.headers...)
					_, t := caller.send(req)
					took[way.name] = append(took[way.name], t)
				}
			}
			for _, way := range ways {
				b.ReportMetric(median(took[way.name]), way.name+"-p50-µs")
			}
			b.ReportMetric(median(took["gateway"])-median(took["direct"]), "added-p50-µs")
		})
	}
}

// median is in microseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2]) / float64(time.Microsecond)
}

func drain(res *http.Response) string {
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return string(body)
}
