package pages

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const svgLogo = `<?xml version="1.0"?><!-- a logo --><svg xmlns="http://www.w3.org/2000/svg" width="96" height="32" viewBox="0 0 9 3"><path fill="#123" d="M0 0h3v3H0zM4 0h5v1H4zM4 2h4v1H4z"/></svg>`

// pictures are an image of each type that a logo may have.
func pictures(t *testing.T) map[string][]byte {
	t.Helper()
	var p, j bytes.Buffer
	picture := image.NewGray(image.Rect(0, 0, 9, 3))
	if err := png.Encode(&p, picture); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&j, picture, nil); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"image/png": p.Bytes(), "image/jpeg": j.Bytes(), "image/svg+xml": []byte(svgLogo),
		"image/webp": []byte("RIFF\x24\x00\x00\x00WEBPVP8 "),
	}
}

func TestLogo(t *testing.T) {
	for contentType, body := range pictures(t) {
		t.Run(contentType, func(t *testing.T) {
			logo, err := NewLogo(body)
			if err != nil {
				t.Fatal(err)
			}
			themed := NewRenderer(Theme{Logo: logo})
			rec := httptest.NewRecorder()
			themed.ServeLogo(rec, httptest.NewRequest(http.MethodGet, LogoPath, nil))
			if rec.Code != http.StatusOK || !bytes.Equal(rec.Body.Bytes(), body) {
				t.Errorf("status = %d with %d bytes, want the file of %d", rec.Code, rec.Body.Len(), len(body))
			}
			for name, want := range map[string]string{
				"Content-Type": contentType, "X-Content-Type-Options": "nosniff",
				"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'",
			} {
				if got := rec.Header().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			again := httptest.NewRequest(http.MethodGet, LogoPath, nil)
			again.Header.Set("If-None-Match", rec.Header().Get("ETag"))
			rec = httptest.NewRecorder()
			themed.ServeLogo(rec, again)
			if rec.Code != http.StatusNotModified {
				t.Errorf("status with its ETag = %d, want 304", rec.Code)
			}
			res, page := render(t, English, func(w http.ResponseWriter, r *http.Request) { themed.Login(w, r, Login{}) })
			if got := attr(find(t, page, "img", ""), "src"); got != LogoPath {
				t.Errorf("the page shows %q, want the logo", got)
			}
			plain, _ := render(t, English, func(w http.ResponseWriter, r *http.Request) { renderer.Login(w, r, Login{}) })
			if got, want := res.Header.Get("Content-Security-Policy"), plain.Header.Get("Content-Security-Policy"); got != want {
				t.Errorf("the page's policy = %q, want %q as without a logo", got, want)
			}
		})
	}
}

func TestLogoRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"too large": {append([]byte("\x89PNG\x0d\x0a\x1a\x0a"), make([]byte, MaxLogo)...), "more than 256 KiB"},
		"empty":     {nil, "no image"},
		"a page":    {[]byte(`<!doctype html><html><svg xmlns="http://www.w3.org/2000/svg"/></html>`), "no image"},
		"xml":       {[]byte(`<?xml version="1.0"?><svg/>`), "no image"},
		"a script":  {[]byte(`alert(1)`), "no image"},
		"gif":       {[]byte("GIF89a"), "no image"},
		"pdf":       {[]byte("%PDF-1.7"), "no image"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewLogo(tt.body); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestParseColor(t *testing.T) {
	if c, err := ParseColor("#0B5fff"); err != nil || c.rgb != (rgb{0x0b, 0x5f, 0xff}) {
		t.Errorf("ParseColor = %v, %v", c.rgb, err)
	}
	for _, s := range []string{"", "#", "0b5fff", "#fff", "#0b5ff", "#0b5ffff", "#0b5fff80", "#0b5ffg", "blue", "# b5fff", "#0b5fff}*{", "##b5fff"} {
		if c, err := ParseColor(s); err == nil || c.given {
			t.Errorf("ParseColor(%q) = %v, want an error", s, c)
		}
	}
}

func TestContrast(t *testing.T) {
	for _, tt := range []struct {
		a, b rgb
		want float64 // of the WebAIM checker
	}{
		{black, white, 21},
		{white, white, 1},
		{rgb{0x77, 0x77, 0x77}, white, 4.48},
		{rgb{0x76, 0x76, 0x76}, white, 4.54},
		{rgb{0, 0, 0xff}, white, 8.59},
		{rgb{0xff, 0, 0}, white, 4},
		{rgb{0xff, 0xff, 0}, black, 19.56},
	} {
		if got := contrast(tt.a, tt.b); math.Abs(got-tt.want) > 0.01 || got != contrast(tt.b, tt.a) {
			t.Errorf("contrast of %s and %s = %.3f, want %.2f both ways", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestScheme(t *testing.T) {
	for _, tt := range []struct {
		color                   string
		accent, ink, link       string // light
		darkAccent, darkInkOnIt string
	}{
		{"#0b5fff", "#0b5fff", "#ffffff", "#0b5bf5", "#4f8cff", "#000000"},
		{"#1f5c4d", "#1f5c4d", "#ffffff", "#1f5c4d", "#70978d", "#000000"},
		{"#ffd400", "#ffd400", "#000000", "#7a6600", "#ffd400", "#000000"},
		{"#767676", "#767676", "#ffffff", "#686868", "#8f8f8f", "#000000"},
		{"#777777", "#777777", "#000000", "#696969", "#8f8f8f", "#000000"},
		{"#000000", "#000000", "#ffffff", "#000000", "#8f8f8f", "#000000"},
		{"#ffffff", "#ffffff", "#000000", "#666666", "#ffffff", "#000000"},
	} {
		t.Run(tt.color, func(t *testing.T) {
			c, err := ParseColor(tt.color)
			if err != nil {
				t.Fatal(err)
			}
			light, dark := lightScheme(c.rgb), darkScheme(c.rgb)
			got := []string{light.accent.String(), light.onAccent.String(), light.link.String(), dark.accent.String(), dark.onAccent.String()}
			want := []string{tt.accent, tt.ink, tt.link, tt.darkAccent, tt.darkInkOnIt}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("scheme = %q, want %q", got, want)
					break
				}
			}
		})
	}
}

// Whatever colour an operator likes, what is written in it and on it can be read.
func TestSchemeIsReadable(t *testing.T) {
	grounds := func(scheme string) (found []rgb) {
		for _, name := range []string{"paper", "panel", "wash"} {
			_, rest, _ := strings.Cut(scheme, "--"+name+": ")
			c, err := ParseColor(rest[:len("#rrggbb")])
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, c.rgb)
		}
		return found
	}
	lightCSS, darkCSS, _ := strings.Cut(string(embedded("style.css")), "@media (prefers-color-scheme: dark)")
	rapid.Check(t, func(t *rapid.T) {
		channel := rapid.Uint8()
		c := rgb{channel.Draw(t, "r"), channel.Draw(t, "g"), channel.Draw(t, "b")}
		for _, scheme := range []struct {
			colorScheme
			name    string
			grounds []rgb
		}{{lightScheme(c), "light", grounds(lightCSS)}, {darkScheme(c), "dark", grounds(darkCSS)}} {
			check := func(what string, text, ground rgb) {
				if got := contrast(text, ground); got < minContrast {
					t.Errorf("%s of %s: %s %s on %s has contrast %.2f, want %.1f", scheme.name, c, what, text, ground, got, minContrast)
				}
			}
			check("a button", scheme.onAccent, scheme.accent)
			check("a button under the pointer", scheme.onAccent, scheme.accentStrong)
			for _, ground := range scheme.grounds {
				check("a link", scheme.link, ground)
				check("a link under the pointer", scheme.linkStrong, ground)
			}
		}
	})
}

func TestColorInStylesheet(t *testing.T) {
	style := func(theme Theme) string {
		rec := httptest.NewRecorder()
		NewRenderer(theme).ServeStyle(rec, httptest.NewRequest(http.MethodGet, StylePath, nil))
		return rec.Body.String()
	}
	c, err := ParseColor("#0b5fff")
	if err != nil {
		t.Fatal(err)
	}
	plain := style(Theme{})
	added, after := strings.CutPrefix(style(Theme{Color: c}), plain)
	if !after || !strings.Contains(added, ":root { --accent: #0b5fff;") || !strings.Contains(added, "@media (prefers-color-scheme: dark) { :root { --accent: #4f8cff;") {
		t.Errorf("after the stylesheet stands %q, want both schemes", added)
	}
	// A variable that the stylesheet doesn't know would change nothing.
	for _, line := range strings.Split(added, ";") {
		if _, rest, found := strings.Cut(line, "--"); found {
			name, _, _ := strings.Cut(rest, ":")
			if !strings.Contains(plain, "var(--"+name+")") {
				t.Errorf("--%s is not used in the stylesheet", name)
			}
		}
	}
}
