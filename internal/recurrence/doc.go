// Package recurrence reads the rules of series, says what is wrong with them,
// and when their occurrences are. It knows no Graph but its form of a rule
// (https://learn.microsoft.com/graph/api/resources/patternedrecurrence).
//
// An occurrence keeps what the clock shows at its start and end, as in
// Exchange; so its length changes when the clocks do between them. Of a time
// that the clocks show twice it takes the first. One that they leave out is
// moved by as much as they are put forward: 01:30 to 02:30. Microsoft documents
// neither.
//
// A rule has no hidden state: all that a rule doesn't say is in the Span of its
// first occurrence.
package recurrence
