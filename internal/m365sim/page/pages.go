// Package page makes the HTML pages of the simulator: a layout with a style and
// one template for each page. Pages work without scripts; the only one is the
// line that submits the form of response_mode=form_post.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
)

//go:embed templates
var files embed.FS

//go:embed style.css
var style []byte

// submit sends the form of the page it stands on.
const submit = "document.forms[0].submit()"

// templates by the names of their files, without ".html"; each is the layout
// with its own content.
var templates = func() map[string]*template.Template {
	layout := template.Must(template.New("").
		Funcs(template.FuncMap{"submit": func() template.JS { return submit }}).
		ParseFS(files, "templates/layout.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic("m365sim: " + err.Error()) // the pattern is good
	}
	m := map[string]*template.Template{}
	for _, name := range names {
		m[strings.TrimSuffix(path.Base(name), ".html")] = template.Must(template.Must(layout.Clone()).ParseFS(files, name))
	}
	return m
}()

// Render returns a page: the template of that name under the title, filled with
// its data. frames are the origins that the page may embed.
//
// The policy has no form-action: Chromium applies it to every redirect that
// follows a form, and those lead to the app and beyond.
func Render(status int, name, title string, data any, frames ...string) front.Reply {
	t, there := templates[name]
	if !there {
		return front.Text(http.StatusInternalServerError, "m365sim: there is no page "+name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", map[string]any{"Title": title, "Data": data}); err != nil {
		return front.Text(http.StatusInternalServerError, "m365sim: this page can't be made: "+err.Error())
	}
	policy := "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
	if name == "formpost" {
		sum := sha256.Sum256([]byte(submit))
		policy += "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	if len(frames) > 0 {
		policy += "; frame-src " + strings.Join(frames, " ")
	}
	return front.Reply{Status: status, Body: b.Bytes()}.
		With("Content-Type", "text/html; charset=utf-8").
		With("Content-Security-Policy", policy).
		With("Referrer-Policy", "same-origin")
}

// Style answers GET /_sim/style.css.
func Style(*front.Call) front.Reply {
	return front.Reply{Status: http.StatusOK, Body: style}.
		With("Content-Type", "text/css; charset=utf-8").
		With("Cache-Control", "no-cache")
}
