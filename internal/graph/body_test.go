package graph

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const (
	joinURL = "https://teams.example/l/meetup-join/19%3ameeting_x%40thread.v2/0?context=%7b%22Tid%22%7d&a=b"
	line    = `<div style="width:100%; height:20px"><span style="color:gray">________________</span>` + "\r\n</div>"
	// blob is as in Microsoft's page on online meetings
	// (https://learn.microsoft.com/graph/outlook-calendar-online-meetings).
	blob = line + "\r\n" + `<div class="me-email-text" style="color:#252424"><div><a class="me-email-headline" href="https://teams.example/l/meetup-join/19%3ameeting_x%40thread.v2/0?context=%7b%22Tid%22%7d&amp;a=b">Join</a></div><div>Conference ID: 291 633 251#</div></div>` + "\r\n" + line
)

func TestBodyWithText(t *testing.T) {
	const head = `<html><head><meta charset="utf-8"/></head><body>`
	joined := func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", ""), "\n", "")
	}
	tests := []struct {
		name, old, text string
		want            string // "": there is no blob
	}{
		{"bare text", head + "Does this time work for you?\r\n" + blob + "</body></html>", "New <b>", head + "<div>New &lt;b&gt;</div>" + blob + "</body></html>"},
		{"lines", head + "<div>old</div>" + blob, "a\r\nb\rc\n\nd", head + "<div>a<br/>b<br/>c<br/><br/>d</div>" + blob + "</body></html>"},
		{"no text any more", head + "<div>old</div>" + blob, "", head + blob + "</body></html>"},
		{"no text before", head + blob, "new", head + "<div>new</div>" + blob + "</body></html>"},
		{"in a wrapping", head + "<div><div><p>old</p>" + blob + "</div></div>", "new", head + "<div>new</div>" + blob + "</body></html>"},
		{"text after", head + blob + "<p>old</p>", "new", head + "<div>new</div>" + blob + "</body></html>"},
		{"a picture before", head + `<img src="cid:1"/>` + blob, "new", head + "<div>new</div>" + blob + "</body></html>"},
		{
			"known by its link only: the element around it is kept whole",
			head + `<p>old</p><div>older <a href="` + html.EscapeString(joinURL) + `">Join</a></div>`, "new",
			head + `<div>new</div><div>older <a href="` + html.EscapeString(joinURL) + `">Join</a></div></body></html>`,
		},
		{"no page around it", "old" + blob, "new", "<html><head></head><body><div>new</div>" + blob + "</body></html>"},
		{"the blob is gone", head + "<div>old</div>", "new", ""},
		{"another meeting's link", head + `<a href="https://teams.example/other">Join</a>`, "new", ""},
		{"nothing", "", "new", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Body{"html", tt.old}.WithText(tt.text, joinURL)
			if ok != (tt.want != "") || joined(got.Content) != joined(tt.want) {
				t.Errorf("got  %s, %v\nwant %s", got.Content, ok, tt.want)
			}
		})
	}
	if got, ok := (Body{"text", head + blob}).WithText("new", joinURL); ok {
		t.Errorf("plain text: got %v, want to be told that there is no blob", got)
	}
	if got, ok := (Body{"html", `<p>old</p>`}).WithText("new", ""); ok {
		t.Errorf("no link: got %v, want to be told that there is no blob", got)
	}
}

func FuzzBodyWithText(f *testing.F) {
	f.Add("<p>old</p>", "", "new")
	f.Add("<div><div>old", "</div></div>", "</div><script>alert(1)</script>")
	f.Add("<table><tr><td>", "</td></tr></table>", "a\r\n\x00b")
	f.Add("<!-- ", "-->", "<!--")
	f.Add("<template><form><b><i>", "<select><plaintext>", "&amp;")
	f.Fuzz(func(t *testing.T, before, after, text string) {
		old := Body{"html", before + blob + after}
		hadBlob := strings.Contains(rendered(t, old.Content), `class="me-email-text"`)
		got, ok := old.WithText(text, joinURL)
		if !ok {
			return
		}
		if hadBlob && !strings.Contains(got.Content, `class="me-email-text"`) {
			t.Errorf("%q has lost its blob: %q", old.Content, got.Content)
		}
		// What is written stands there as text, whatever it looks like.
		if text != "" && !strings.Contains(got.Content, "<body") {
			t.Errorf("no body in %q", got.Content)
		}
		if first := firstLine(text); first != "" && !strings.Contains(got.Content, "<div>"+html.EscapeString(first)) {
			t.Errorf("%q does not stand in %q", first, got.Content)
		}
		for _, markup := range []string{"<script", "<img", "<a "} {
			if n := strings.Count(strings.ToLower(got.Content), markup); n > strings.Count(strings.ToLower(rendered(t, old.Content)), markup) {
				t.Errorf("the text %q has become markup: %q", text, got.Content)
			}
		}
		again, ok := got.WithText(text, joinURL)
		if !ok {
			t.Errorf("%q cannot be changed a second time", got.Content)
		}
		if n, was := strings.Count(again.Content, "me-email-text"), strings.Count(got.Content, "me-email-text"); n < was {
			t.Errorf("the second change has lost of the blob: %q, then %q", got.Content, again.Content)
		}
	})
}

func firstLine(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	return text
}

func rendered(t *testing.T, content string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(content))
	if err != nil {
		return ""
	}
	var b strings.Builder
	if err := html.Render(&b, doc); err != nil {
		return ""
	}
	return b.String()
}
