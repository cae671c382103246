package graph

// A PatternedRecurrence makes an event a series
// (https://learn.microsoft.com/graph/api/resources/patternedrecurrence).
type PatternedRecurrence struct {
	Pattern RecurrencePattern `json:"pattern"`
	Range   RecurrenceRange   `json:"range"`
}

// A RecurrencePattern says how often an event happens
// (https://learn.microsoft.com/graph/api/resources/recurrencepattern). What its
// type has no use for is checked by Graph all the same, and best left out.
type RecurrencePattern struct {
	// Type is "daily", "weekly", "absoluteMonthly", "relativeMonthly",
	// "absoluteYearly" or "relativeYearly".
	Type string `json:"type"`
	// Interval is how many of the type's units are between two occurrences.
	Interval int `json:"interval"`
	// DaysOfWeek are "sunday" to "saturday".
	DaysOfWeek []string `json:"daysOfWeek,omitempty"`
	DayOfMonth int      `json:"dayOfMonth,omitempty"`
	Month      int      `json:"month,omitempty"`
	// Index is which of the DaysOfWeek of a month: "first" to "fourth", or "last".
	Index string `json:"index,omitempty"`
	// FirstDayOfWeek matters where a weekly interval is more than 1; "": "sunday".
	FirstDayOfWeek string `json:"firstDayOfWeek,omitempty"`
}

// A RecurrenceRange says how long a series goes on
// (https://learn.microsoft.com/graph/api/resources/recurrencerange).
type RecurrenceRange struct {
	// Type is "endDate", "noEnd" or "numbered".
	Type string `json:"type"`
	// StartDate, like 2026-12-01, is the day of the event's start.
	StartDate string `json:"startDate"`
	// EndDate is the last day that an occurrence may be on; Graph answers
	// 0001-01-01 where the type has none.
	EndDate             string `json:"endDate,omitempty"`
	NumberOfOccurrences int    `json:"numberOfOccurrences,omitempty"`
	// TimeZone is what the dates are days of; "": that of the event's start.
	TimeZone string `json:"recurrenceTimeZone,omitempty"`
}
