package roomview

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// filled are n events, 24 a day, with ids and subjects as long as Exchange's.
func filled(n int) *tracked {
	w := window{opening, opening.AddDate(0, 0, n/24+1)}
	t := &tracked{window: w, events: newEvents()}
	for i := range n {
		e := graph.ViewItem{
			ID: fmt.Sprintf("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A%s%08d", strings.Repeat("x", 100), i), ICalUID: fmt.Sprintf("040000008200E00074C5B7101A82E008%064d", i),
			Type: "singleInstance", Subject: fmt.Sprintf("A meeting about something that matters, number %d", i), ShowAs: "busy", Sensitivity: "normal",
		}
		e.Start.Time = opening.Add(time.Duration(i) * time.Hour)
		e.End.Time = e.Start.Add(30 * time.Minute)
		e.Organizer.EmailAddress = graph.EmailAddress{Name: fmt.Sprintf("Somebody %d", i%200), Address: fmt.Sprintf("somebody%d@contoso.com", i%200)}
		t.events.put(e)
	}
	t.blocks = t.events.blocks()
	return t
}

// BenchmarkBusy is one day of a room, from its picture.
func BenchmarkBusy(b *testing.B) {
	at := filled(1000)
	v := New(Config{Now: func() time.Time { return opening }})
	v.open["boardroom"] = &view{picture: newPicture(window{opening.AddDate(0, 0, -3), at.to}, at.blocks, opening), poke: make(chan struct{}, 1)}
	from := opening.AddDate(0, 0, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := v.Busy("boardroom", from, from.AddDate(0, 0, 1)); !ok {
			b.Fatal("no picture")
		}
	}
}

// BenchmarkMemory is what 1,000 events of a room take.
func BenchmarkMemory(b *testing.B) {
	var kept []*tracked
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		kept = append(kept, filled(1000))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(kept)), "bytes/1000events")
	runtime.KeepAlive(kept)
}
