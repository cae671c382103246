package graph

import (
	"testing"
	"time"
)

func TestWorkZone(t *testing.T) {
	minutes := func(n int) *int { return &n }
	for _, tt := range []struct {
		zone        string // the room's, as configured
		told        WorkZone
		same, known bool
		words       string
	}{
		{"Asia/Hong_Kong", WorkZone{Name: "China Standard Time"}, true, true, "China Standard Time"},
		{"Asia/Hong_Kong", WorkZone{Name: "china standard time"}, true, true, "china standard time"},
		{"Asia/Hong_Kong", WorkZone{Name: "Asia/Shanghai"}, true, true, "Asia/Shanghai"},
		{"Asia/Hong_Kong", WorkZone{Name: "Pacific Standard Time"}, false, true, "Pacific Standard Time"},
		{"Asia/Hong_Kong", WorkZone{Name: "Customized Time Zone", Bias: minutes(-480)}, true, true, "UTC+08:00"},
		{"Asia/Hong_Kong", WorkZone{Name: "Customized Time Zone", Bias: minutes(480)}, false, true, "UTC-08:00"},
		{"America/New_York", WorkZone{Bias: minutes(300)}, true, true, "UTC-05:00"},
		{"Europe/London", WorkZone{Name: "UTC"}, false, true, "UTC"}, // in summer
		{"Asia/Hong_Kong", WorkZone{Name: "Middle-earth"}, false, false, "Middle-earth"},
		{"Asia/Hong_Kong", WorkZone{Name: "Local"}, false, false, "Local"},
		{"Asia/Hong_Kong", WorkZone{}, false, false, ""},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []time.Time{noon, noon.AddDate(0, 7, 0)} { // summer and winter
			if same, known := tt.told.Shows(zone, from); same != tt.same || known != tt.known {
				t.Errorf("%s and %v from %s: %v, %v; want %v, %v", tt.zone, tt.told, from, same, known, tt.same, tt.known)
			}
		}
		if tt.told.String() != tt.words {
			t.Errorf("%s: want %s", tt.told, tt.words)
		}
	}
}
