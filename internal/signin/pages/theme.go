package pages

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A Theme is the operator's look of the pages. The zero Theme is ours.
type Theme struct {
	Logo  Logo
	Color Color
}

// MaxLogo is how large a logo may be, in bytes.
const MaxLogo = 256 << 10

// A Logo is an image that stands in the place of our mark. The zero Logo is none.
type Logo struct {
	body        []byte
	contentType string
}

// NewLogo takes the content of a file: PNG, JPEG, WebP or SVG, which is told from
// the content itself.
func NewLogo(body []byte) (Logo, error) {
	if len(body) > MaxLogo {
		return Logo{}, fmt.Errorf("the image has more than %d KiB; make it smaller: it is shown 48 pixels high", MaxLogo>>10)
	}
	contentType := http.DetectContentType(body)
	if isSVG(body) {
		contentType = "image/svg+xml"
	}
	if !slices.Contains([]string{"image/png", "image/jpeg", "image/webp", "image/svg+xml"}, contentType) {
		return Logo{}, errors.New("the file is no image that every browser shows; use PNG, JPEG, WebP or SVG")
	}
	return Logo{body, contentType}, nil
}

// isSVG says whether the root element is SVG's. What else is in the file is left to
// the browser, which runs none of it (see logoPolicy).
func isSVG(body []byte) bool {
	for dec := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name == xml.Name{Space: "http://www.w3.org/2000/svg", Local: "svg"}
		}
	}
}

// logoPolicy is the Content-Security-Policy of the logo: an SVG that is opened by
// itself is a document, and one that may do nothing but be drawn.
const logoPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"

// A Color is that of buttons and links. The zero Color is none.
type Color struct {
	rgb   rgb
	given bool
}

// ParseColor reads a colour written as #rrggbb.
func ParseColor(s string) (Color, error) {
	digits, hash := strings.CutPrefix(s, "#")
	c, err := hex.DecodeString(digits)
	if !hash || err != nil || len(c) != 3 {
		return Color{}, fmt.Errorf("%q is not a colour; write it as #0b5fff", s)
	}
	return Color{rgb{c[0], c[1], c[2]}, true}, nil
}

// css overrides the stylesheet's own colours.
func (c Color) css() string {
	if !c.given {
		return ""
	}
	return ":root {" + lightScheme(c.rgb).css() + "}\n" +
		"@media (prefers-color-scheme: dark) { :root {" + darkScheme(c.rgb).css() + "} }\n"
}

// A colorScheme is what one colour turns into: text in onAccent stands on accent and
// accentStrong; link and linkStrong stand on the page.
type colorScheme struct {
	accent, accentStrong, onAccent, link, linkStrong rgb
	arches                                           [3]rgb // of the scene, outermost first
	back                                             rgb    // behind them
}

// The ground, of those in the stylesheet, on which text is hardest to read: --wash.
// What can be read there can be read on the others.
var (
	lightGround = rgb{0xf0, 0xe9, 0xdd}
	darkGround  = rgb{0x20, 0x2b, 0x28}
)

// lightScheme shows the colour itself on buttons. Links of it are darkened until
// they are read.
func lightScheme(c rgb) colorScheme {
	s := colorScheme{accent: c, onAccent: c.ink(), link: c.towards(black, lightGround)}
	// Away from the text, so that it stays readable.
	s.accentStrong = c.mix(s.onAccent.ink(), .2)
	s.linkStrong = s.link.mix(black, .25)
	s.arches = [3]rgb{c, c.mix(white, .2), c.mix(white, .4)}
	s.back = c.mix(black, .25)
	return s
}

// darkScheme lightens the colour until it is read on a dark page.
func darkScheme(c rgb) colorScheme {
	s := colorScheme{link: c.towards(white, darkGround)}
	s.accent, s.onAccent = s.link, s.link.ink()
	s.accentStrong = s.accent.mix(s.onAccent.ink(), .3)
	s.linkStrong = s.link.mix(white, .3)
	s.arches = [3]rgb{c.mix(darkGround, .75), c.mix(darkGround, .6), c.mix(darkGround, .4)}
	s.back = darkGround.mix(black, .5)
	return s
}

func (s colorScheme) css() string {
	var b strings.Builder
	for _, v := range []struct {
		name string
		rgb  rgb
	}{
		{"accent", s.accent},
		{"accent-strong", s.accentStrong},
		{"on-accent", s.onAccent},
		{"link", s.link},
		{"link-strong", s.linkStrong},
		{"arch-1", s.arches[0]},
		{"arch-2", s.arches[1]},
		{"arch-3", s.arches[2]},
		{"back", s.back},
	} {
		fmt.Fprintf(&b, " --%s: %s;", v.name, v.rgb)
	}
	return b.String() + " "
}
