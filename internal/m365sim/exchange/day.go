package exchange

import (
	"fmt"
	"time"
)

// A Day is a date without a time or a zone: the number of days since 1 January
// 1970.
type Day int32

const secondsOfDay = 24 * 60 * 60

// DayOf is the date that a clock in the time's zone shows.
func DayOf(at time.Time) Day {
	y, m, d := at.Date()
	return newDay(y, m, d)
}

func newDay(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay)
}

// ParseDay reads a date such as 2026-12-01.
func ParseDay(text string) (Day, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil || DayOf(at) < 1 { // 0 means no day
		return 0, fmt.Errorf("%q is not a date such as 2026-12-01", text)
	}
	return DayOf(at), nil
}

// midnight is when the day begins in UTC.
func (d Day) midnight() time.Time { return time.Unix(int64(d)*secondsOfDay, 0).UTC() }

// Date returns the day's parts.
func (d Day) Date() (year int, month time.Month, day int) { return d.midnight().Date() }

func (d Day) weekday() time.Weekday { return d.midnight().Weekday() }

func (d Day) String() string { return d.midnight().Format(time.DateOnly) }

// MarshalText implements encoding.TextMarshaler.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Day) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDay(string(b))
	return err
}

// at is the time of that day when a clock in the zone shows what it shows at
// another time.
func (d Day) at(clock time.Time, zone *time.Location) time.Time {
	wall := clock.In(zone)
	y, m, day := d.Date()
	return time.Date(y, m, day, wall.Hour(), wall.Minute(), wall.Second(), 0, zone).UTC()
}
