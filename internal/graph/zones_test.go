package graph

import (
	"archive/zip"
	"encoding/json"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tzDatabase returns the tz database of the Go distribution, which doesn't
// depend on the machine. Links in it are zones like others.
func tzDatabase(t *testing.T) map[string]*time.Location {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	zones := map[string]*time.Location{}
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if zones[f.Name], err = time.LoadLocationFromTZData(f.Name, data); err != nil {
			t.Fatal(err)
		}
	}
	return zones
}

// Every zone of the tz database has a name that Graph takes, but for two; and
// clocks there show what they show in the zone that stands for the zone of
// Windows, but for three, whose countries have changed their minds since.
func TestEveryZoneIsNamed(t *testing.T) {
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	zones := tzDatabase(t)
	if len(zones) < 590 {
		t.Fatalf("%d zones in the tz database", len(zones))
	}
	var unknown, differ []string
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		w, found := windowsZoneOf()[name]
		switch {
		case !found:
			unknown = append(unknown, name)
		case !showSame(zones[name], zones[w.zone().String()], from, until):
			differ = append(differ, name)
		}
	}
	if want := []string{"Antarctica/Troll", "Factory"}; !slices.Equal(unknown, want) {
		t.Errorf("without a name: %v, want %v", unknown, want)
	}
	if want := []string{"America/Scoresbysund", "Antarctica/Casey", "Antarctica/Vostok"}; !slices.Equal(differ, want) {
		t.Errorf("show something else: %v, want %v", differ, want)
	}
}

func TestZoneName(t *testing.T) {
	utc := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	london, lisbon := mustZone(t, "Europe/London"), mustZone(t, "Europe/Lisbon")
	tests := map[string]struct {
		zone *time.Location
		want string // "": none
	}{
		"a zone that stands for its own":   {mustZone(t, "Europe/Berlin"), "W. Europe Standard Time"},
		"refused by Graph":                 {mustZone(t, "Asia/Hong_Kong"), "China Standard Time"},
		"so is this one":                   {mustZone(t, "Asia/Macau"), "China Standard Time"},
		"an old name of it":                {mustZone(t, "Hongkong"), "China Standard Time"},
		"CLDR has the old name":            {mustZone(t, "Asia/Kolkata"), "India Standard Time"},
		"the old name":                     {mustZone(t, "Asia/Calcutta"), "India Standard Time"},
		"another old name":                 {mustZone(t, "Asia/Saigon"), "SE Asia Standard Time"},
		"of a country":                     {mustZone(t, "US/Pacific"), "Pacific Standard Time"},
		"UTC":                              {time.UTC, "UTC"},
		"UTC by another name":              {mustZone(t, "Etc/UTC"), "UTC"},
		"an offset":                        {mustZone(t, "Etc/GMT+3"), "SA Eastern Standard Time"},
		"what no zone of Windows shows":    {mustZone(t, "Antarctica/Troll"), ""},
		"what its zone no longer shows":    {mustZone(t, "Antarctica/Casey"), ""},
		"the machine's":                    {time.Local, ""},
		"an offset without a name":         {time.FixedZone("", 3600), ""},
		"a name that is not that zone's":   {time.FixedZone("Asia/Hong_Kong", 3600), ""},
		"two zones that change clocks":     {london, "GMT Standard Time"},
		"and do so in the same moment too": {lisbon, "GMT Standard Time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := ZoneName(tt.zone, utc(time.January, 1), utc(time.December, 31)); got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

// In 2028 Athens puts its clocks forward on 26 March, Cairo on 28 April.
func TestShowSame(t *testing.T) {
	cairo, athens := mustZone(t, "Africa/Cairo"), mustZone(t, "Europe/Athens")
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2028, month, day, hour, 0, 0, 0, time.UTC)
	}
	tests := map[string]struct {
		from, until time.Time
		want        bool
	}{
		"winter":                          {at(1, 1, 0), at(3, 1, 0), true},
		"up to the second before summer":  {at(1, 1, 0), at(3, 26, 1).Add(-time.Second), true},
		"up to where summer begins":       {at(1, 1, 0), at(3, 26, 1), false},
		"an instant between":              {at(4, 1, 0), at(4, 1, 0), false},
		"summer":                          {at(5, 1, 0), at(10, 1, 0), true},
		"a summer between":                {at(1, 1, 0), at(12, 1, 0), false},
		"the last day of a leap year":     {at(12, 31, 1), at(12, 31, 23), true},
		"over that day and a spring":      {at(12, 31, 1), at(12, 31, 1).AddDate(0, 4, 0), false},
		"over that day and no transition": {at(12, 30, 1), at(12, 30, 1).AddDate(0, 2, 0), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := showSame(cairo, athens, tt.from, tt.until); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestDateTimeIsWritten(t *testing.T) {
	london, lordHowe := mustZone(t, "Europe/London"), mustZone(t, "Australia/Lord_Howe")
	const gmt, howe = "GMT Standard Time", "Lord Howe Standard Time"
	tests := map[string]struct {
		at   string
		zone *time.Location
		name string
		want string
	}{
		"in UTC unless asked":          {"2026-07-01T09:00:00Z", london, "", "2026-07-01T09:00:00 UTC"},
		"as clocks show it":            {"2026-07-01T09:00:00Z", london, gmt, "2026-07-01T10:00:00 " + gmt},
		"the hour before it is twice":  {"2026-10-24T23:59:59Z", london, gmt, "2026-10-25T00:59:59 " + gmt},
		"the first time":               {"2026-10-25T00:00:00Z", london, gmt, "2026-10-25T00:00:00 UTC"},
		"still the first time":         {"2026-10-25T00:59:59Z", london, gmt, "2026-10-25T00:59:59 UTC"},
		"the second time":              {"2026-10-25T01:00:00Z", london, gmt, "2026-10-25T01:00:00 UTC"},
		"after it":                     {"2026-10-25T02:00:00Z", london, gmt, "2026-10-25T02:00:00 " + gmt},
		"clocks are put forward":       {"2026-03-29T01:00:00Z", london, gmt, "2026-03-29T02:00:00 " + gmt},
		"before half an hour is twice": {"2026-04-04T14:29:59Z", lordHowe, howe, "2026-04-05T01:29:59 " + howe},
		"half an hour is twice":        {"2026-04-04T14:30:00Z", lordHowe, howe, "2026-04-04T14:30:00 UTC"},
		"and has passed":               {"2026-04-04T15:30:00Z", lordHowe, howe, "2026-04-05T02:00:00 " + howe},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(DateTime{at.In(tt.zone), tt.name})
			if err != nil {
				t.Fatal(err)
			}
			var got dateTimeTimeZone
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if got.DateTime+" "+got.TimeZone != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
