package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/dustin/go-humanize"
)

// plotName is the file of the plot, beside the page.
const plotName = "sessions.svg"

// plot draws the cost of a page by the number of sessions, from nothing up: what is flat
// has to look flat. Bars show from the lowest to the highest round.
func (r *report) plot() []byte {
	const width, height, left, top = 640, 220, 50, 30
	highest := 0.0
	for _, p := range r.curve {
		highest = max(highest, slices.Max(p.micros))
	}
	highest = math.Ceil(max(highest, 1)/50) * 50
	y := func(micros float64) float64 { return top + height*(1-micros/highest) }
	var b, line bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>
text { fill: #444 } .axis { stroke: #999 } .curve { fill: none; stroke: #2563a8; stroke-width: 2 } .range { stroke: #2563a8; opacity: .5 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .curve, .range { stroke: #6aa9e9 } }
</style>
<text x="%d" y="%d">CPU time of a signed-in page, µs, by stored sessions</text>
`, left+width+20, top+height+30, left, top-12)
	for i := range 6 {
		value := highest * float64(i) / 5
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n", left-6, y(value)+4, value)
	}
	step := float64(width) / float64(max(len(r.curve), 1))
	for i, p := range r.curve {
		x, to := float64(left)+step*(float64(i)+.5), "L"
		if i == 0 {
			to = "M"
		}
		fmt.Fprintf(&line, "%s%.1f %.1f", to, x, y(p.micros.median()))
		fmt.Fprintf(&b, "<path class=\"range\" d=\"M%.1f %.1fV%.1f\"/>\n", x, y(slices.Min(p.micros)), y(slices.Max(p.micros)))
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, top+height+18, humanize.Comma(int64(p.sessions)))
	}
	fmt.Fprintf(&b, "<path class=\"curve\" d=\"%s\"/>\n<path class=\"axis\" d=\"M%d %dh%d\"/>\n</svg>\n", line.String(), left, top+height, width)
	return b.Bytes()
}
