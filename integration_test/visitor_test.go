package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A visitor is a browser without a face: it keeps cookies and follows redirects.
type visitor struct {
	t      testing.TB
	client *http.Client
	home   string // the gateway's public URL
	past   string // the gateway that is asked past the load balancer; empty: none
}

func newVisitor(t testing.TB, home string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, client: &http.Client{Jar: jar, Timeout: patience}, home: home}
}

// An answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s %s: %d, not JSON: %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
	}
	return v
}

func (v *visitor) send(req *http.Request) answer {
	v.t.Helper()
	a, err := v.try(req)
	if err != nil {
		v.t.Fatal(err)
	}
	return a
}

// mostAnswer bounds an answer, in bytes: a calendar after an hour of bookings is long.
const mostAnswer = 64 << 20

// try is send for other goroutines than the test's.
func (v *visitor) try(req *http.Request) (answer, error) {
	res, err := v.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	return answer{res, string(body)}, err
}

// request makes a request to the gateway. Headers come in pairs.
func (v *visitor) request(method, path string, body any, headers ...string) *http.Request {
	v.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			v.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	if strings.HasPrefix(path, "/") {
		path = v.home + path
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, path, reader)
	if err != nil {
		v.t.Fatal(err)
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// page goes to a page, as a person does.
func (v *visitor) page(path string) answer {
	v.t.Helper()
	return v.send(v.request(http.MethodGet, path, nil, "Accept", "text/html"))
}

// call calls the API from a page of the gateway.
func (v *visitor) call(method, path string, body any, headers ...string) answer {
	v.t.Helper()
	return v.send(v.request(method, path, body, append([]string{"Origin", v.home}, headers...)...))
}

// signIn goes through the login page and the account chooser as somebody.
func (v *visitor) signIn(mail string) answer {
	v.t.Helper()
	return v.signInAt("contoso", mail)
}

func (v *visitor) signInAt(integration, mail string) answer {
	v.t.Helper()
	a, err := v.trySignIn(integration, mail)
	if err != nil {
		v.t.Fatal(err)
	}
	return a
}

// trySignIn is signInAt where it may fail.
func (v *visitor) trySignIn(integration, mail string) (answer, error) {
	v.t.Helper()
	chooser, err := v.try(v.request(http.MethodGet, "/.ones/login/"+integration+"?return_to=/", nil, "Accept", "text/html"))
	if err != nil {
		return answer{}, err
	}
	if chooser.StatusCode != http.StatusOK || !strings.Contains(chooser.Request.URL.Path, "/oauth2/v2.0/authorize") {
		return answer{}, fmt.Errorf("no account chooser came, but %d from %s: %s", chooser.StatusCode, chooser.Request.URL, chooser.body)
	}
	action, fields := form(v.t, chooser, "account")
	fields.Set("account", mail)
	req := v.request(http.MethodPost, action, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html",
		"Origin", chooser.Request.URL.Scheme+"://"+chooser.Request.URL.Host)
	return v.try(req)
}

// form returns where the form with a field of that name goes, and its hidden fields.
func form(t testing.TB, page answer, field string) (action string, hidden url.Values) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page.body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		hidden, found := url.Values{}, false
		for in := range n.Descendants() {
			found = found || attr(in, "name") == field
			if in.Data == "input" && attr(in, "type") == "hidden" {
				hidden.Add(attr(in, "name"), attr(in, "value"))
			}
		}
		if found {
			to, err := page.Request.URL.Parse(attr(n, "action"))
			if err != nil {
				t.Fatal(err)
			}
			return to.String(), hidden
		}
	}
	t.Fatalf("no form with %q in: %s", field, page.body)
	return "", nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
