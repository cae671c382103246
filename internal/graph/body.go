package graph

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// WithText returns an HTML body with a text in the place of what was written by
// people, and with the blob of the online meeting, which Exchange looks for: a
// body without it ends the meeting
// (https://learn.microsoft.com/graph/api/event-update). joinURL is that of the
// event's OnlineMeeting. false: there is no blob to be seen in b.
func (b Body) WithText(text, joinURL string) (Body, bool) {
	if !strings.EqualFold(b.ContentType, "html") {
		return Body{}, false
	}
	doc, err := html.Parse(strings.NewReader(b.Content))
	if err != nil {
		return Body{}, false
	}
	body := find(doc, func(n *html.Node) bool { return n.DataAtom == atom.Body })
	if body == nil {
		return Body{}, false
	}
	blob := blobIn(body, joinURL)
	if blob == nil {
		return Body{}, false
	}
	for n := body.FirstChild; n != nil; n = body.FirstChild {
		body.RemoveChild(n)
	}
	if text != "" {
		body.AppendChild(paragraph(text))
	}
	for _, n := range blob {
		if n.Parent != nil {
			n.Parent.RemoveChild(n)
		}
		body.AppendChild(n)
	}
	var out strings.Builder
	if err := html.Render(&out, doc); err != nil {
		return Body{}, false
	}
	return Body{ContentType: "html", Content: out.String()}, true
}

// blobIn returns the nodes of the online meeting's blob, with the lines around it;
// nil: there is none. What else stands in elements around the blob is left out,
// but only where the blob is marked: it is better to keep too much.
func blobIn(body *html.Node, joinURL string) []*html.Node {
	isBlob, known := marked, find(body, marked) != nil
	if !known {
		isBlob = func(n *html.Node) bool { return joinURL != "" && attribute(n, "href") == joinURL }
	}
	holds := func(n *html.Node) bool { return find(n, isBlob) != nil }
	parent := body
	for {
		nodes := slices.Collect(parent.ChildNodes())
		first := slices.IndexFunc(nodes, holds)
		if first < 0 {
			return nil
		}
		last := first
		for i, n := range nodes {
			if holds(n) {
				last = i
			}
		}
		if only := nodes[first]; known && first == last && !isBlob(only) && only.DataAtom == atom.Div {
			parent = only
			continue
		}
		for first > 0 && isLine(nodes[first-1]) {
			first--
		}
		for last < len(nodes)-1 && isLine(nodes[last+1]) {
			last++
		}
		return nodes[first : last+1]
	}
}

// marked says whether an element has one of the classes of Teams' blob.
func marked(n *html.Node) bool {
	return slices.ContainsFunc(strings.Fields(attribute(n, "class")), func(class string) bool {
		return strings.HasPrefix(class, "me-email-")
	})
}

// isLine says whether a node shows nothing but a line or space.
func isLine(n *html.Node) bool {
	return find(n, func(n *html.Node) bool {
		return n.Type == html.TextNode && strings.Trim(n.Data, "_ \u00a0\r\n\t") != "" || n.DataAtom == atom.Img
	}) == nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val
		}
	}
	return ""
}

// find returns the first node for which is holds: n or one in it.
func find(n *html.Node, is func(*html.Node) bool) *html.Node {
	if is(n) {
		return n
	}
	for d := range n.Descendants() {
		if is(d) {
			return d
		}
	}
	return nil
}

// paragraph shows a text with its line ends.
func paragraph(text string) *html.Node {
	div := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(strings.ToValidUTF8(text, "\ufffd"))
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			div.AppendChild(&html.Node{Type: html.ElementNode, Data: "br", DataAtom: atom.Br})
		}
		if line != "" {
			div.AppendChild(&html.Node{Type: html.TextNode, Data: line})
		}
	}
	return div
}
