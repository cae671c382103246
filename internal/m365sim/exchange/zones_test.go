package exchange

import (
	"strings"
	"testing"
)

func TestZones(t *testing.T) {
	for name, load := range zones {
		if load() == nil {
			t.Errorf("%s is not there", name)
		}
	}
	for name, want := range map[string]string{
		"China Standard Time": "Asia/Shanghai", "w. europe standard time": "Europe/Berlin", "asia/tokyo": "Asia/Tokyo", "UTC": "Etc/UTC",
	} {
		if zone, err := Zone(name); err != nil || zone.String() != want {
			t.Errorf("%s is %v, %v; want %s", name, zone, err, want)
		}
	}
	for _, name := range []string{"", "Asia/Hong_Kong", "Local", "tzone://Microsoft/Custom"} {
		if _, err := Zone(name); err == nil || refusalCode(err) != "TimeZoneNotSupportedException" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Microsoft's page has old names where CLDR has newer ones, or none.
func TestEveryWindowsNameHasItsZone(t *testing.T) {
	for line := range strings.Lines(windowsZones) {
		windows, iana, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name, found := WindowsName(iana); !found || name != windows {
			t.Errorf("%s is called %q, want %q", iana, name, windows)
		}
	}
	if name, found := WindowsName("Asia/Hong_Kong"); found {
		t.Errorf("Asia/Hong_Kong is called %s", name)
	}
}

func TestParseDay(t *testing.T) {
	for text, valid := range map[string]bool{
		"2026-12-01": true, "1970-01-02": true, "1970-01-01": false, "0001-01-01": false, "2027-02-29": false, "2026-12-1": false, "": false,
	} {
		if day, err := ParseDay(text); valid != (err == nil) || valid && day.String() != text {
			t.Errorf("%q is read as %s, %v", text, day, err)
		}
	}
	var day Day
	if day.UnmarshalText([]byte("tomorrow")) == nil {
		t.Error("tomorrow is a date")
	}
}
