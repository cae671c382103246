package roompolicy

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
)

// A Policy is what is to hold for rooms.
type Policy struct {
	Integrations []Integration
	// WhatIf has each command say what it would do, and do nothing.
	WhatIf bool
	// Account is the service account that stands for rooms, which may edit their
	// calendars then; "": there is none.
	Account string
	// Subjects lets everybody in the organisation see the subjects in the rooms'
	// calendars, but for private ones.
	Subjects bool
}

// An Integration has the rooms of one tenant.
type Integration struct {
	// Name as the Caddyfile has it: small letters, digits and dashes.
	Name string
	// Operator of the cloud, and its name in Exchange Online PowerShell; the latter is
	// empty where it isn't known.
	Operator, Environment string
	Rooms                 []Room
}

// A Room is a mailbox and what the Caddyfile says of it.
type Room struct {
	// Name as the Caddyfile has it: small letters, digits and dashes.
	Name    string
	Address string
	// The longest booking, and how far ahead one may begin.
	MaxDuration, BookingWindow time.Duration
	// Capacity; zero: not configured.
	Capacity int
	// TimeZone by its IANA name, and by that of Windows; "": not configured, or Windows
	// doesn't have it.
	TimeZone, WindowsZone string
}

// maxWindow is the most that Set-CalendarProcessing takes for BookingWindowInDays
// (https://learn.microsoft.com/powershell/module/exchangepowershell/set-calendarprocessing).
const maxWindow = 1080

// Minutes is MaximumDurationInMinutes: at least what the gateway accepts.
func (r Room) Minutes() int { return int((r.MaxDuration + time.Minute - 1) / time.Minute) }

// Days is BookingWindowInDays: at least what the gateway accepts, where Exchange can.
func (r Room) Days() int { return min(r.window(), maxWindow) }

func (r Room) window() int { return int((r.BookingWindow + 24*time.Hour - 1) / (24 * time.Hour)) }

// Beyond says that Exchange can't accept all that the gateway does.
func (r Room) Beyond() bool { return r.window() > maxWindow }

//go:embed policy.ps1.tmpl
var source string

var script = template.Must(template.New("").Funcs(template.FuncMap{
	"quote": quote, "words": words,
}).Parse(source))

// Write writes the script. It is ASCII, and can be run again and again, as a file or
// pasted into a session.
func (p Policy) Write(to io.Writer) error {
	if err := script.Execute(to, p); err != nil {
		return fmt.Errorf("the script can't be written: %w", err)
	}
	return nil
}

// words writes a duration as the Caddyfile has it.
func words(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	for _, unit := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, unit) {
			s = s[:len(s)-2]
		}
	}
	return s
}
