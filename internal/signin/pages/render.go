package pages

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// A Renderer writes pages. It may be used concurrently.
type Renderer struct {
	login, logout, message *template.Template
	style, mark            asset
}

// NewRenderer returns a renderer. The templates are part of the program, so one
// that doesn't parse is a panic.
func NewRenderer() *Renderer {
	page := func(name string) *template.Template {
		return template.Must(template.ParseFS(templateFiles,
			"templates/layout.html", "templates/"+name+".html"))
	}
	return &Renderer{
		login: page("login"), logout: page("logout"), message: page("message"),
		style: newAsset("style.css"), mark: newAsset("mark.svg"),
	}
}

// Login writes the login page with status 200.
func (r *Renderer) Login(w http.ResponseWriter, req *http.Request, data Login) {
	v := newView(req, "login")
	v.Title, v.Data = v.Words.LoginTitle, data
	write(w, r.login, http.StatusOK, "'none'", v)
}

// Logout writes the page that asks before signing out, with status 200.
func (r *Renderer) Logout(w http.ResponseWriter, req *http.Request, data Logout) {
	v := newView(req, "logout")
	v.Title, v.Data = v.Words.LogoutTitle, data
	write(w, r.logout, http.StatusOK, formAction(data.FormAction), v)
}

// Message writes a message page with the status of its kind.
func (r *Renderer) Message(w http.ResponseWriter, req *http.Request, data Message) {
	kind := kinds[data.Kind]
	v := newView(req, kind.name)
	s := v.catalogue.messages[data.Kind]
	v.Title = s.title
	v.Data = messageView{
		Message:  data,
		Happened: s.happened, Why: s.why, Do: s.do,
		Helper: v.catalogue.faults[kind.fault],
	}
	write(w, r.message, data.Kind.Status(), "'none'", v)
}

// view is what every template sees.
type view struct {
	Lang      Lang
	Kind      string // which page this is, for data-kind
	Title     string
	StylePath string
	MarkPath  string
	Data      any
	Words     *words
	catalogue *catalogue
}

// Text is a phrase in the reader's language.
func (v *view) Text(t Text) string { return v.catalogue.texts[t] }

// messageView is a message with its sentences.
type messageView struct {
	Message
	Happened, Why, Do, Helper string
}

func newView(req *http.Request, kind string) *view {
	lang := Match(req.Header.Get("Accept-Language"))
	c := catalogues[lang]
	return &view{
		Lang: lang, Kind: kind, StylePath: StylePath, MarkPath: MarkPath,
		Words: &c.words, catalogue: c,
	}
}

// write renders the page first and sends it then, so that nobody gets half a page.
func write(w http.ResponseWriter, t *template.Template, status int, formAction string, v *view) {
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, "layout", v); err != nil {
		// Data is typed and the tests render every page: only a defect gets here.
		http.Error(w, "The page could not be drawn.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.Lang))
	h.Add("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action "+
		formAction+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", referrer(formAction))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the browser has gone: nobody to tell
}

// referrer is the policy of a page: the address of none is told to anybody, but a
// page with a form has to name its origin, or the browser sends "Origin: null"
// and the form is taken for another site's (Fetch, "Origin" header).
func referrer(formAction string) string {
	if formAction == "'none'" {
		return "no-referrer"
	}
	return "same-origin"
}

// formAction is the value of the directive: our own origin and those given. What
// is not an http(s) origin is left out, so that nothing given can end the
// directive and begin another.
func formAction(origins []string) string {
	value := "'self'"
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" ||
			strings.ContainsAny(u.Host, ";, '\"*") {
			continue
		}
		value += " " + u.Scheme + "://" + u.Host
	}
	return value
}
