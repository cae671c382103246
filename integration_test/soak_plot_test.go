package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// plotsVariable names the folder for what is drawn.
const plotsVariable = "ONESGATE_SOAK_PLOTS"

// plot draws what the gateways took, if somebody wants it, as SVG.
func (s *soak) plot() {
	dir := os.Getenv(plotsVariable)
	if dir == "" {
		return
	}
	name := "soak-badger.svg"
	if s.server != nil {
		name = "soak-postgres.svg"
	}
	if err := os.WriteFile(filepath.Join(dir, name), s.readings.draw(time.Since(s.began)), 0o644); err != nil {
		s.t.Error(err)
	}
}

// draw draws all readings: a line for each gateway, broken where one was killed. Points are
// readings at rest.
func (rs *readings) draw(length time.Duration) []byte {
	const width, height, left, gap = 720, 90, 60, 34
	mega := func(n int64) float64 { return float64(n) / (1 << 20) }
	panels := []struct {
		title string
		of    func(reading) float64
	}{
		{"anonymous memory, MiB", func(r reading) float64 { return mega(r.rss) }},
		{"goroutines", func(r reading) float64 { return float64(r.goroutines) }},
		{"open files", func(r reading) float64 { return float64(r.files) }},
		{"the store on the disk, MiB", func(r reading) float64 { return mega(r.disk) }},
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>
text { fill: #444 } .axis { stroke: #999 } .g0, .g1 { fill: none } .g0 { stroke: #2563a8 } .g1 { stroke: #b3591a } .rest { fill: #2f7d4f; stroke: none } .death { stroke: #c0392b; opacity: .4 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .g0 { stroke: #6aa9e9 } .g1 { stroke: #e9a56a } .rest { fill: #6cc48f } .death { stroke: #ff8a7a } }
</style>
`, left+width+30, len(panels)*(height+gap)+22)
	x := func(at time.Duration) float64 { return left + width*float64(at)/float64(length) }
	for i, panel := range panels {
		top, most := i*(height+gap)+gap-10, 1.0
		for _, r := range rs.busy {
			most = max(most, panel.of(r))
		}
		y := func(r reading) float64 { return float64(top) + height*(1-panel.of(r)/most) }
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">%s</text>\n", left, top-8, panel.title)
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.0f</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>\n",
			left-6, top+10, most, left-6, top+height)
		for _, r := range rs.deaths {
			fmt.Fprintf(&b, "<path class=\"death\" d=\"M%.1f %dv%d\"/>\n", x(r.at), top, height)
		}
		for gateway := range 2 {
			life := int64(-1)
			fmt.Fprintf(&b, "<path class=\"g%d\" d=\"", gateway)
			for _, r := range rs.busy {
				if r.gateway != gateway {
					continue
				}
				fmt.Fprintf(&b, "%s%.1f %.1f", map[bool]string{true: "L", false: "M"}[r.life == life], x(r.at), y(r))
				life = r.life
			}
			b.WriteString("\"/>\n")
		}
		for _, r := range rs.rested {
			fmt.Fprintf(&b, "<circle class=\"rest\" r=\"2\" cx=\"%.1f\" cy=\"%.1f\"/>\n", x(r.at), y(r))
		}
		fmt.Fprintf(&b, "<path class=\"axis\" d=\"M%d %dh%d\"/>\n", left, top+height, width)
	}
	for i := range 7 {
		at := length * time.Duration(i) / 6
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x(at), len(panels)*(height+gap)+8, at.Round(time.Second))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
