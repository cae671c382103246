package passthrough

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkServe is one call, from the caller to Graph and back over loopback, where
// Graph answers at once; direct is the same without us.
func BenchmarkServe(b *testing.B) {
	for _, bb := range []struct{ name, method, target, body string }{
		{"read", get, "/me/events?$top=1", ""},
		{"create", post, "/me/events", `{"subject":"x","start":{"dateTime":"2099-01-01T10:00:00","timeZone":"UTC"},"end":{"dateTime":"2099-01-01T11:00:00","timeZone":"UTC"}}`},
	} {
		h := newHouse(b, ok)
		for way, home := range map[string]string{"direct": h.graph.URL + "/v1.0", "passed": h.us.URL + Prefix} {
			b.Run(bb.name+"/"+way, func(b *testing.B) {
				for b.Loop() {
					req, err := http.NewRequestWithContext(b.Context(), bb.method, home+bb.target, strings.NewReader(bb.body))
					if err != nil {
						b.Fatal(err)
					}
					res, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			})
		}
	}
}

// BenchmarkRewrite is a page of 50 events, as Graph writes them: what is changed in
// it stands in every one.
func BenchmarkRewrite(b *testing.B) {
	const user = "https://graph.example/v1.0/users('0b1ec700-0000-4000-8000-000000000a11')"
	event := `{"@odata.etag":"W/\"ZlnW4RIAV06KYYwlrfNZvQAAKGWwbw==\"","@odata.id":"` + user + `/events('AAMkAGIAAAoZDOFAAA=')","id":"AAMkAGIAAAoZDOFAAA=",` +
		`"subject":"Let's go for lunch","bodyPreview":"Does \"noon\" work?","webLink":"https://outlook.example/owa/?itemid=AAMkAGIAAAoZDOFAAA%3D&exvsurl=1",` +
		`"body":{"contentType":"html","content":"` + strings.Repeat(`<p class=\"x\">Does noon work for you?</p>\r\n`, 20) + `"},` +
		`"start":{"dateTime":"2099-01-01T12:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2099-01-01T14:00:00.0000000","timeZone":"UTC"},` +
		`"organizer":{"emailAddress":{"name":"Alice","address":"alice@contoso.example"}},` +
		`"calendar@odata.associationLink":"` + user + `/calendars('AAMkAGI1AAAt9AHjAAA=')/$ref","calendar@odata.navigationLink":"` + user + `/calendars('AAMkAGI1AAAt9AHjAAA=')"}`
	page := `{"@odata.context":"https://graph.example/v1.0/$metadata#users('0b1ec700-0000-4000-8000-000000000a11')/events","value":[` +
		strings.Repeat(event+",", 49) + event + `],"@odata.nextLink":"https://graph.example/v1.0/me/events?$skip=50"}`
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, rewrite(strings.NewReader(page), ours.graph, ours.us)); err != nil {
			b.Fatal(err)
		}
	}
}
