package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

// Where the pages look for their stylesheet, their mark and the operator's logo.
const (
	StylePath = "/.ones/assets/style.css"
	MarkPath  = "/.ones/assets/mark.svg"
	LogoPath  = "/.ones/assets/logo"

	StatusStylePath  = "/.ones/assets/status.css"
	StatusScriptPath = "/.ones/assets/status.js"
)

//go:embed assets
var assetFiles embed.FS

// An asset is a file the pages refer to.
type asset struct {
	contentType string
	policy      string
	body        []byte
	etag        string
}

func newAsset(contentType, policy string, body []byte) asset {
	sum := sha256.Sum256(body)
	return asset{contentType, policy, body, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// embedded reads an embedded file; one that is missing is a panic.
func embedded(name string) []byte {
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return body
}

// ownPolicy is the Content-Security-Policy of our own files.
const ownPolicy = "default-src 'none'; frame-ancestors 'none'"

// ServeStyle answers a request for StylePath.
func (r *Renderer) ServeStyle(w http.ResponseWriter, req *http.Request) { r.style.serve(w, req) }

// ServeMark answers a request for MarkPath.
func (r *Renderer) ServeMark(w http.ResponseWriter, req *http.Request) { r.mark.serve(w, req) }

// ServeStatusStyle answers a request for StatusStylePath.
func (r *Renderer) ServeStatusStyle(w http.ResponseWriter, req *http.Request) {
	r.statusStyle.serve(w, req)
}

// ServeStatusScript answers a request for StatusScriptPath.
func (r *Renderer) ServeStatusScript(w http.ResponseWriter, req *http.Request) {
	r.statusScript.serve(w, req)
}

// HasLogo says whether there is something at LogoPath.
func (r *Renderer) HasLogo() bool { return len(r.logo.body) > 0 }

// ServeLogo answers a request for LogoPath.
func (r *Renderer) ServeLogo(w http.ResponseWriter, req *http.Request) { r.logo.serve(w, req) }

// serve answers with the file, or with 304 to whoever has it already: browsers
// keep it but ask each time, so that a new version is seen with the new pages.
func (a asset) serve(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("ETag", a.etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", a.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(a.body))
}
