package pages

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	plurals "github.com/dustin/go-humanize/english"

	"github.com/onesgate/onesgate/internal/status"
)

// The size of a chart, in units of its viewBox. Bars and curves begin below plotTop:
// above are marks.
const (
	chartWidth, chartHeight = 384, 128
	plotTop                 = 8
	plotHeight              = chartHeight - plotTop
)

// A chart is a picture of a day, drawn by its template. What is written on it is no part of
// the picture, so that it is as large as other texts.
type chart struct {
	ID, Title string
	// Text says the same in words.
	Text  string
	Bars  []bar
	Lines []curve
	Marks []mark
	// Scale is written at the top, the middle and the bottom; Hours at the start of each
	// quarter of the day.
	Scale  [3]string
	Hours  [4]string
	Legend []badge // classes of bars and curves, and what they are
}

type (
	// A bar stands on Y+Height.
	bar struct {
		X, Y, Width, Height int
		Class, Text         string
	}
	// A curve goes through points.
	curve struct{ Class, Points string }
	// A mark is where something has happened that should not.
	mark struct {
		X    int
		Text string
	}
)

// charts are those of a day.
func charts(r status.Recent, zone *time.Location) []chart {
	if zone == nil {
		zone = time.UTC
	}
	hours, all := r.Hours(), r.Sum()
	since := " since " + r.Since.In(zone).Format("Jan 2 15:04")
	bookings := chart{ID: "chart-bookings", Title: "Bookings per hour", Text: fmt.Sprintf("%d confirmed, %d declined, %d failed%s.", all.Confirmed, all.Declined, all.Failed, since)}
	bookings.stack(hours, zone, []series{
		{"good", "confirmed", func(s status.Slot) int { return s.Confirmed }},
		{"soft", "declined by rooms", func(s status.Slot) int { return s.Declined }},
		{"bad", "failed", func(s status.Slot) int { return s.Failed }},
	})
	signIns := chart{ID: "chart-sign-ins", Title: "Sign-ins per hour", Text: fmt.Sprintf("%s, %d in vain%s.", plurals.Plural(all.SignIns, "sign-in", "sign-ins"), all.SignInsFailed, since)}
	signIns.stack(hours, zone, []series{
		{"good", "signed in", func(s status.Slot) int { return s.SignIns }},
		{"bad", "in vain", func(s status.Slot) int { return s.SignInsFailed }},
	})
	return []chart{bookings, latency(r, zone, since), signIns}
}

// A series is one kind of what is stacked.
type series struct {
	class, name string
	of          func(status.Slot) int
}

// stack draws a bar for each hour.
func (c *chart) stack(hours []status.Slot, zone *time.Location, all []series) {
	most := 0
	for _, h := range hours {
		sum := 0
		for _, s := range all {
			sum += s.of(h)
		}
		most = max(most, sum)
	}
	top := roundUp(most, 2)
	c.scale(top, "")
	width := chartWidth / len(hours)
	for i, h := range hours {
		x, y, clock := i*width, chartHeight, h.Begin.In(zone).Format("15:04")
		if quarter := len(hours) / len(c.Hours); i%quarter == 0 {
			c.Hours[i/quarter] = clock
		}
		for _, s := range all {
			n := s.of(h)
			height := n * plotHeight / top
			if n > 0 {
				height = max(height, 2)
			}
			if y -= height; height > 0 {
				c.Bars = append(c.Bars, bar{x + 1, y, width - 2, height, s.class, fmt.Sprintf("%s: %d %s", clock, n, s.name)})
			}
		}
	}
	for _, s := range all {
		c.Legend = append(c.Legend, badge{s.class, s.name})
	}
}

// latency draws how long Microsoft Graph took to answer, and where it was asked too much.
func latency(r status.Recent, zone *time.Location, since string) chart {
	all := r.Sum()
	c := chart{
		ID: "chart-graph", Title: "Answers of Microsoft Graph",
		Text: fmt.Sprintf("%s, %d refused as too many, %d failed%s.", plurals.Plural(all.Calls, "call", "calls"), all.Throttled, all.CallsFailed, since),
		Legend: []badge{
			{"good", "half within"}, {"soft", "95 of 100 within"}, {"bad", "refused as too many"},
		},
	}
	most, slowest := 0, status.Slot{}
	for _, s := range r.Slots {
		if most = max(most, s.P95); s.P95 > slowest.P95 {
			slowest = s
		}
	}
	if slowest.P95 > 0 {
		c.Text += fmt.Sprintf(" Slowest at %s: 95 of 100 within %d ms.", slowest.Begin.In(zone).Format("15:04"), slowest.P95)
	}
	top := roundUp(most, 100)
	c.scale(top, " ms")
	first := r.Until.Truncate(status.SlotLength).Add(-(status.Slots - 1) * status.SlotLength)
	const width = chartWidth / status.Slots
	at := func(t time.Time) int { return int(t.Sub(first)/status.SlotLength)*width + width/2 }
	for i := range c.Hours {
		c.Hours[i] = first.Add(time.Duration(i*status.Slots/len(c.Hours)) * status.SlotLength).In(zone).Format("15:04")
	}
	c.Lines = append(curves("soft", r.Slots, top, at, func(s status.Slot) int { return s.P95 }),
		curves("good", r.Slots, top, at, func(s status.Slot) int { return s.Median })...)
	for _, s := range r.Slots {
		if s.Throttled > 0 {
			c.Marks = append(c.Marks, mark{at(s.Begin), fmt.Sprintf("%s: %d of %d calls refused as too many", s.Begin.In(zone).Format("15:04"), s.Throttled, s.Calls)})
		}
	}
	return c
}

// curves go through the slots that have calls, with gaps where there are none.
func curves(class string, slots []status.Slot, top int, at func(time.Time) int, of func(status.Slot) int) (all []curve) {
	var points []string
	end := func() {
		if len(points) > 0 {
			all = append(all, curve{class, strings.Join(points, " ")})
		}
		points = nil
	}
	var last time.Time
	for _, s := range slots {
		if s.Calls == 0 {
			continue
		}
		if s.Begin.Sub(last) > status.SlotLength {
			end()
		}
		x, y := at(s.Begin), chartHeight-of(s)*plotHeight/top
		if points = append(points, fmt.Sprintf("%d,%d", x, y)); len(points) == 1 {
			points = append(points, fmt.Sprintf("%d,%d", x+2, y)) // one alone is seen, too
		}
		last = s.Begin
	}
	end()
	return all
}

func (c *chart) scale(top int, unit string) {
	c.Scale = [3]string{fmt.Sprint(top) + unit, fmt.Sprint(top/2) + unit, "0" + unit}
}

// roundUp is the next number of 2, 4, 10, 20, 40, 100 and so on, so that half of it is whole; at
// least least.
func roundUp(n, least int) int {
	for size := 1; ; size *= 10 {
		for _, step := range []int{2, 4, 10} {
			if top := step * size; top >= n && top >= least {
				return top
			}
		}
	}
}

// A refusal is why bookings were declined, and how many.
type refusal struct {
	Why   string
	Times int
}

func refusals(declined map[string]int) (all []refusal) {
	for _, why := range slices.Sorted(maps.Keys(declined)) {
		all = append(all, refusal{why, declined[why]})
	}
	slices.SortStableFunc(all, func(a, b refusal) int { return cmp.Compare(b.Times, a.Times) })
	return all
}
