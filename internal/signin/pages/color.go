package pages

import (
	"fmt"
	"math"
)

// An rgb is a colour in sRGB.
type rgb struct{ r, g, b uint8 }

var (
	black = rgb{}
	white = rgb{0xff, 0xff, 0xff}
)

// minContrast is what text needs (WCAG 2.2, success criterion 1.4.3, level AA).
const minContrast = 4.5

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// luminance is the relative luminance of WCAG 2.2, from 0 for black to 1 for white.
func (c rgb) luminance() float64 {
	linear := func(channel uint8) float64 {
		v := float64(channel) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// ink is the colour of text on c: white if it can be read, otherwise black, which
// then always can.
func (c rgb) ink() rgb {
	if contrast(c, white) >= minContrast {
		return white
	}
	return black
}

// mix is c with a share of another colour, from 0 to 1.
func (c rgb) mix(other rgb, share float64) rgb {
	channel := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-share) + float64(b)*share)) }
	return rgb{channel(c.r, other.r), channel(c.g, other.g), channel(c.b, other.b)}
}

// towards is c with as little of another colour as makes it readable on a ground.
func (c rgb) towards(other, ground rgb) rgb {
	const steps = 50
	for i := range steps {
		if mixed := c.mix(other, float64(i)/steps); contrast(mixed, ground) >= minContrast {
			return mixed
		}
	}
	return other
}
