package integration_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

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

func drain(res *http.Response) string {
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return string(body)
}
