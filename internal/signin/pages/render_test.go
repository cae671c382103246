package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var renderer = NewRenderer()

// render has a page drawn for a reader of lang, and checks what every page must
// hold: headers, language, title, well-formed HTML, nothing inline.
func render(t *testing.T, lang Lang, draw func(http.ResponseWriter, *http.Request)) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "https://ones.contoso.com/.ones/login", nil)
	req.Header.Set("Accept-Language", string(lang))
	rec := httptest.NewRecorder()
	draw(rec, req)
	res, body := rec.Result(), rec.Body.String()
	for name, want := range map[string]string{
		"Content-Type":               "text/html; charset=utf-8",
		"Content-Language":           string(lang),
		"Vary":                       "Accept-Language",
		"Cache-Control":              "no-store",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy":            referrer(formActionOf(res)),
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"default-src 'none'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if got := directives(res); !slices.Contains(got, want) {
			t.Errorf("Content-Security-Policy = %q, want %q in it", got, want)
		}
	}
	checkHTML(t, body)
	if root := find(t, body, "html", ""); attr(root, "lang") != string(lang) {
		t.Errorf("lang = %q, want %q", attr(root, "lang"), lang)
	}
	if title := text(find(t, body, "title", "")); title == "" || title != text(find(t, body, "h1", "")) {
		t.Errorf("title = %q, want that of the heading", title)
	}
	return res, body
}

func directives(res *http.Response) []string {
	return strings.Split(res.Header.Get("Content-Security-Policy"), "; ")
}

// checkHTML fails unless every element is closed in order, and none carries what
// the policy would block.
func checkHTML(t *testing.T, body string) {
	t.Helper()
	void := []string{"meta", "link", "br", "input"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("left open: %v", open)
			}
			return
		case html.StartTagToken:
			tok := z.Token()
			if tok.Data == "script" || tok.Data == "style" {
				t.Errorf("<%s> in the page, want none", tok.Data)
			}
			seen := map[string]bool{}
			for _, a := range tok.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || seen[a.Key] {
					t.Errorf("<%s %s=%q>: inline or repeated", tok.Data, a.Key, a.Val)
				}
				seen[a.Key] = true
			}
			if !slices.Contains(void, tok.Data) {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// find returns the first element of that name and, unless "", that id.
func find(t *testing.T, body, element, id string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == element && (id == "" || attr(n, "id") == id) {
			return n
		}
	}
	t.Fatalf("no <%s id=%q> in the page", element, id)
	return nil
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestMessageEveryKindAndLanguage(t *testing.T) {
	for _, lang := range langs {
		for k := range numKinds {
			t.Run(fmt.Sprintf("%s/%s", lang, kinds[k].name), func(t *testing.T) {
				res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
					renderer.Message(w, r, Message{
						Kind: k, Detail: "AADSTS90002", Reference: "4bf92f3577b34da6",
						Actions: []Action{{ActionTryAgain, "/.ones/login"}, {ActionHome, "/"}},
					})
				})
				if res.StatusCode != kinds[k].status || kinds[k].status == 0 {
					t.Errorf("status = %d, want %d, and not 0", res.StatusCode, kinds[k].status)
				}
				if got := attr(find(t, body, "main", ""), "data-kind"); got == "" || got != kinds[k].name {
					t.Errorf("data-kind = %q, want %q", got, kinds[k].name)
				}
				for _, id := range []string{"detail", "reference"} {
					if text(find(t, body, "code", id)) == "" {
						t.Errorf("#%s is empty", id)
					}
				}
			})
		}
	}
}

// TestCatalogues holds every language to the same sentences.
func TestCatalogues(t *testing.T) {
	if len(catalogues) != len(langs) {
		t.Errorf("%d catalogues for %d languages", len(catalogues), len(langs))
	}
	for lang, c := range catalogues {
		t.Run(string(lang), func(t *testing.T) {
			for k, m := range c.messages {
				if m.title == "" || m.happened == "" || m.do == "" {
					t.Errorf("%s: a sentence is missing: %+v", kinds[k].name, m)
				}
				if got, want := m.why == "", english.messages[k].why == ""; got != want {
					t.Errorf("%s: without a why = %t, want %t as in English", kinds[k].name, got, want)
				}
			}
			for i, s := range c.texts {
				if s == "" {
					t.Errorf("text %d is missing", i)
				}
			}
			for i, s := range c.faults {
				if got, want := s == "", fault(i) <= faultNobody; got != want {
					t.Errorf("fault %d empty = %t, want %t", i, got, want)
				}
			}
			words := reflect.ValueOf(c.words)
			for i := range words.NumField() {
				if words.Field(i).String() == "" {
					t.Errorf("word %s is missing", words.Type().Field(i).Name)
				}
			}
		})
	}
}

func TestMessageWithNothingMore(t *testing.T) {
	res, body := render(t, English, func(w http.ResponseWriter, r *http.Request) {
		renderer.Message(w, r, Message{Kind: SignInFailed})
	})
	if res.StatusCode != SignInFailed.Status() {
		t.Errorf("status = %d, want %d", res.StatusCode, SignInFailed.Status())
	}
	if !strings.Contains(body, english.faults[faultOperator]) || strings.Contains(body, english.faults[faultAdmin]) {
		t.Error("it does not say who can mend it")
	}
	for _, unwanted := range []string{`id="detail"`, `id="reference"`, "<a "} {
		if strings.Contains(body, unwanted) {
			t.Errorf("%s in a page that was given none", unwanted)
		}
	}
}

func TestLogin(t *testing.T) {
	for _, lang := range langs {
		for name, data := range map[string]Login{
			"plain": {Buttons: []Button{
				{"contoso", "Sign in with Microsoft 365", "/.ones/login/contoso?return_to=%2Frooms"},
				{"fabrikam", "使用 Microsoft 365 登入", "/.ones/login/fabrikam"},
			}},
			"no buttons": {},
		} {
			t.Run(string(lang)+"/"+name, func(t *testing.T) {
				res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) { renderer.Login(w, r, data) })
				if res.StatusCode != http.StatusOK {
					t.Errorf("status = %d, want 200", res.StatusCode)
				}
				if got := directives(res); !slices.Contains(got, "form-action 'none'") {
					t.Errorf("Content-Security-Policy = %q, want no form-action", got)
				}
				for _, b := range data.Buttons {
					a := find(t, body, "a", "login-"+b.Name)
					if attr(a, "href") != b.URL || text(a) != b.Label || attr(a, "class") != "button" {
						t.Errorf("button %s = %q %q, want %q %q", b.Name, attr(a, "href"), text(a), b.URL, b.Label)
					}
				}
				if got, want := strings.Contains(body, catalogues[lang].words.LoginNoButtons), len(data.Buttons) == 0; got != want {
					t.Errorf("word of no sign-in shown = %t, want %t", got, want)
				}
			})
		}
	}
}

func TestLogout(t *testing.T) {
	for _, lang := range langs {
		t.Run(string(lang), func(t *testing.T) {
			res, body := render(t, lang, func(w http.ResponseWriter, r *http.Request) {
				renderer.Logout(w, r, Logout{
					Name: "Alice Chan 陳", Email: "alice@contoso.com", Action: "/.ones/logout",
					FormAction: []string{"https://login.microsoftonline.com/t/oauth2/v2.0/logout"},
				})
			})
			if got, want := directives(res), "form-action 'self' https://login.microsoftonline.com"; !slices.Contains(got, want) {
				t.Errorf("Content-Security-Policy = %q, want %q in it", got, want)
			}
			form := find(t, body, "form", "logout-form")
			if attr(form, "method") != "post" || attr(form, "action") != "/.ones/logout" {
				t.Errorf("form = %s %s, want post /.ones/logout", attr(form, "method"), attr(form, "action"))
			}
			find(t, body, "button", "logout-confirm")
			if got := attr(find(t, body, "a", "logout-stay"), "href"); got != "/" {
				t.Errorf("stay leads to %q, want /", got)
			}
			for _, want := range []string{"Alice Chan 陳", "alice@contoso.com"} {
				if !strings.Contains(body, want) {
					t.Errorf("%q is not in the page", want)
				}
			}
		})
	}
}

func TestFormAction(t *testing.T) {
	for _, tt := range []struct {
		name    string
		origins []string
		want    string
	}{
		{"none", nil, "'self'"},
		{"path and query are cut", []string{"https://login.microsoftonline.com/x?y=z"}, "'self' https://login.microsoftonline.com"},
		{"loopback with port", []string{"http://127.0.0.1:8081"}, "'self' http://127.0.0.1:8081"},
		{"another directive", []string{"https://a; script-src *"}, "'self'"},
		{"directive in the host", []string{"https://a;script-src"}, "'self'"},
		{"two hosts", []string{"https://a,https://b"}, "'self'"},
		{"any host", []string{"https://*"}, "'self'"},
		{"scheme only", []string{"https:"}, "'self'"},
		{"script", []string{"javascript:alert(1)"}, "'self'"},
		{"no url", []string{"%zz", ""}, "'self'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := formAction(tt.origins); got != tt.want {
				t.Errorf("formAction(%q) = %q, want %q", tt.origins, got, tt.want)
			}
		})
	}
}

func TestEscaping(t *testing.T) {
	const hostile = `"><script>alert(1)</script><i x='`
	draws := map[string]func(http.ResponseWriter, *http.Request){
		"login": func(w http.ResponseWriter, r *http.Request) {
			renderer.Login(w, r, Login{Buttons: []Button{{hostile, hostile, "javascript:alert(1)"}}})
		},
		"logout": func(w http.ResponseWriter, r *http.Request) {
			renderer.Logout(w, r, Logout{Name: hostile, Email: hostile, Action: "javascript:alert(1)"})
		},
		"message": func(w http.ResponseWriter, r *http.Request) {
			renderer.Message(w, r, Message{
				Kind: SignInFailed, Detail: hostile, Reference: hostile,
				Actions: []Action{{ActionHome, "javascript:alert(1)"}},
			})
		},
	}
	for name, draw := range draws {
		t.Run(name, func(t *testing.T) {
			_, body := render(t, English, draw)
			if strings.Contains(body, "javascript:") {
				t.Error("a javascript: address is in the page")
			}
			if !strings.Contains(body, "&lt;script&gt;") {
				t.Error("what was given is not in the page, not even escaped")
			}
		})
	}
}

// formActionOf is the value of form-action in an answer's policy.
func formActionOf(res *http.Response) string {
	for _, d := range directives(res) {
		if value, ok := strings.CutPrefix(d, "form-action "); ok {
			return value
		}
	}
	return ""
}

// A page with a form has to name its origin to be believed; the others name nothing.
func TestReferrer(t *testing.T) {
	for formAction, want := range map[string]string{"'none'": "no-referrer", "'self'": "same-origin", "'self' https://login.example": "same-origin"} {
		if got := referrer(formAction); got != want {
			t.Errorf("referrer(%s) = %s, want %s", formAction, got, want)
		}
	}
}
