package grant_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

func sqrt(x float64) float64 { return math.Sqrt(max(x, 1)) }

// plot draws a year as SVG: how often Microsoft was asked each day, on demand
// and to keep grants alive, and when it gave no tokens.
func (y *year) plot() []byte {
	const width, height, left, gap = 2 * 365, 110, 60, 34
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>
text { fill: #444 } .axis { stroke: #999 } .bar { fill: #2563a8 } .idle { fill: #2f7d4f } .trouble { fill: #c0392b; opacity: .18 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .bar { fill: #6aa9e9 } .idle { fill: #6cc48f } .trouble { fill: #ff8a7a; opacity: .25 } }
</style>
`, left+width+10, 2*(height+gap)+22)
	for i, panel := range []struct {
		title, class string
		calls        []int
	}{{"refreshes on demand, per day", "bar", y.demand[:365]}, {"refreshes to keep alive what nobody uses, per day", "idle", y.idle[:365]}} {
		top := i*(height+gap) + gap - 10
		scale := float64(height) / float64(max(slices.Max(panel.calls), 1))
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">%s</text>\n", left, top-8, panel.title)
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>\n",
			left-6, top+10, slices.Max(panel.calls), left-6, top+height)
		for _, t := range [][2]int{{outageFrom, outageTo}, {secretFrom, secretTo}} {
			fmt.Fprintf(&b, "<rect class=\"trouble\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", left+2*t[0], top, 2*(t[1]-t[0]), height)
		}
		fmt.Fprintf(&b, "<path class=\"%s\" d=\"", panel.class)
		for d, n := range panel.calls {
			if n > 0 {
				h := float64(n) * scale
				fmt.Fprintf(&b, "M%d %.1fh1.6v%.1fh-1.6z", left+2*d, float64(top+height)-h, h)
			}
		}
		fmt.Fprintf(&b, "\"/>\n<path class=\"axis\" d=\"M%d %dh%d\"/>\n", left, top+height, width)
	}
	bottom := 2*(height+gap) + 8
	for month := range 13 {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", left+2*month*365/12, bottom, month)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
