package sampleones

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"time"
)

//go:embed templates
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// policy lets the page use its own files and API and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Options of the sample.
type Options struct {
	// Now is the clock that an assertion's times are compared with; nil is time.Now.
	Now func() time.Time
}

// New returns the sample ONES. It may be used concurrently.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	home, anonymous, missing := parse("home"), parse("anonymous"), parse("missing")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		v := view{Title: "Rooms", Received: receive(r.Header, o.Now())}
		t := home
		if v.Person = personOf(r.Header); v.Person.ID == "" {
			v.Title, t = "Welcome", anonymous
		}
		write(w, t, http.StatusOK, v)
	})
	mux.HandleFunc("GET /{path...}", func(w http.ResponseWriter, _ *http.Request) {
		write(w, missing, http.StatusNotFound, view{Title: "No such page"})
	})
	files, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // part of the program
	}
	for _, f := range files {
		mux.Handle("GET /assets/"+f.Name(), newAsset(f.Name()))
	}
	return secured(mux)
}

// secured adds to every answer the headers that keep it safe to show.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// view is what the templates see.
type view struct {
	Title    string
	Person   person
	Received []received
}

// parse reads a page's template; one that doesn't parse is a panic.
func parse(name string) *template.Template {
	return template.Must(template.ParseFS(templateFiles, "templates/layout.html", "templates/"+name+".html"))
}

// write renders first and sends then. Pages name a person: nobody may keep them.
func write(w http.ResponseWriter, t *template.Template, status int, v view) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", v); err != nil {
		http.Error(w, "The page could not be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser has gone: nobody to tell
}

// newAsset serves an embedded file. Browsers ask each time, and get 304 while it
// is the same: scripts of two versions never meet in one page.
func newAsset(name string) http.HandlerFunc {
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // part of the program
	}
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	}
}
