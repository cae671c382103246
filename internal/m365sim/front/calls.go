package front

import (
	"maps"
	"slices"
	"time"
)

// A Log is what has been received. It names paths without their queries, so
// that it holds no credential.
type Log struct {
	// Counters are how many calls there were, by the pattern that served them.
	Counters map[string]int `json:"counters"`
	// Calls are the last ones, oldest first.
	Calls []Entry `json:"calls"`
}

func newLog() Log { return Log{Counters: map[string]int{}} }

// An Entry is one call.
type Entry struct {
	Number int       `json:"number"` // counts from 1
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"`          // 0: the connection was cut before
	Batch  bool      `json:"batch,omitempty"` // one of a $batch
	Fault  string    `json:"fault,omitempty"` // its match, if one happened
}

// keptCalls is how many calls are listed.
const keptCalls = 1000

// maxPath bounds what of a path is kept, in bytes.
const maxPath = 256

// note writes a call down.
func (l *Log) note(c *Call, status int, fault string, batch bool, path string) Entry {
	if c.Pattern != "" {
		l.Counters[c.Pattern]++
	}
	number := 1
	if n := len(l.Calls); n > 0 {
		number = l.Calls[n-1].Number + 1
	}
	e := Entry{number, c.Now, c.Method, path[:min(len(path), maxPath)], status, batch, fault}
	if len(l.Calls) == 2*keptCalls { // now and then, not each time
		l.Calls = slices.Clone(l.Calls[keptCalls:])
	}
	l.Calls = append(l.Calls, e)
	return e
}

// shown is what may be given away: at most the calls that are kept.
func (l *Log) shown() Log {
	n := min(keptCalls, len(l.Calls))
	return Log{Counters: maps.Clone(l.Counters), Calls: append([]Entry{}, l.Calls[len(l.Calls)-n:]...)}
}
