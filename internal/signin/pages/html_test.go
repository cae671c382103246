package pages

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func directives(res *http.Response) []string {
	return strings.Split(res.Header.Get("Content-Security-Policy"), "; ")
}

// checkHTML fails unless every element is closed in order, and none carries what
// the policy would block.
func checkHTML(t *testing.T, body string) {
	t.Helper()
	void := []string{"meta", "link", "br", "input", "img"}
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
			ours := tok.Data == "script" && slices.Contains(tok.Attr, html.Attribute{Key: "src", Val: StatusScriptPath})
			if tok.Data == "script" && !ours || tok.Data == "style" {
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

// checkReferences fails unless a screen reader finds its way: the landmarks and the
// heading once each, ids that are unique, and labels that are there.
func checkReferences(t *testing.T, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	elements, ids, named := map[string]int{}, map[string]int{}, []string{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		elements[n.Data]++
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		for _, key := range []string{"aria-labelledby", "aria-describedby"} {
			named = append(named, strings.Fields(attr(n, key))...)
		}
		// What a page loads is ours; what it links to is for the caller to say.
		for _, key := range []string{"src", "srcset", "data", "background"} {
			if v := attr(n, key); v != "" && !strings.HasPrefix(v, "/.ones/assets/") {
				t.Errorf("<%s %s=%q> is not an asset of ours", n.Data, key, v)
			}
		}
		if v := attr(n, "href"); n.Data == "link" && !strings.HasPrefix(v, "/.ones/assets/") {
			t.Errorf("<link href=%q> is not an asset of ours", v)
		}
	}
	for _, once := range []string{"header", "main", "footer", "h1"} {
		if elements[once] != 1 {
			t.Errorf("%d <%s> in the page, want one", elements[once], once)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q is there %d times", id, n)
		}
	}
	for _, id := range named {
		if ids[id] == 0 {
			t.Errorf("nothing has the id %q, which names something", id)
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

// hrefs are the links of a page, in order.
func hrefs(t *testing.T, body string) (links []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" {
			links = append(links, attr(n, "href"))
		}
	}
	return links
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

// formActionOf is the value of form-action in an answer's policy.
func formActionOf(res *http.Response) string {
	for _, d := range directives(res) {
		if value, ok := strings.CutPrefix(d, "form-action "); ok {
			return value
		}
	}
	return ""
}
