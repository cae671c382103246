package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

// Where the pages look for their stylesheet and their mark.
const (
	StylePath = "/.ones/assets/style.css"
	MarkPath  = "/.ones/assets/mark.svg"
)

//go:embed assets
var assetFiles embed.FS

// An asset is a file the pages refer to.
type asset struct {
	name string // its ending gives the Content-Type
	body []byte
	etag string
}

// newAsset reads an embedded file; one that is missing is a panic.
func newAsset(name string) asset {
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(body)
	return asset{name: name, body: body, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// ServeStyle answers a request for StylePath.
func (r *Renderer) ServeStyle(w http.ResponseWriter, req *http.Request) { r.style.serve(w, req) }

// ServeMark answers a request for MarkPath.
func (r *Renderer) ServeMark(w http.ResponseWriter, req *http.Request) { r.mark.serve(w, req) }

// serve answers with the file, or with 304 to whoever has it already: browsers
// keep it but ask each time, so that a new version is seen with the new pages.
func (a asset) serve(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("ETag", a.etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, req, a.name, time.Time{}, bytes.NewReader(a.body))
}
