package status

import (
	"net/http"
	"sync"
	"time"
)

// SlotLength is the time that is counted together, and Slots how many of these are
// remembered: a day.
const (
	SlotLength = 15 * time.Minute
	Slots      = 96
)

// A Slot is what has happened at this gateway in one quarter of an hour.
type Slot struct {
	Begin time.Time `json:"begin"`
	// Bookings by what they have become in this time.
	Confirmed int `json:"confirmed,omitempty"`
	Declined  int `json:"declined,omitempty"`
	Failed    int `json:"failed,omitempty"`
	// SignIns that succeeded, and those that did not.
	SignIns       int `json:"sign_ins,omitempty"`
	SignInsFailed int `json:"sign_ins_failed,omitempty"`
	// Calls of Microsoft Graph, and those of them that it has refused as too many, and that
	// had no answer, or one of its own trouble (5xx).
	Calls       int `json:"calls,omitempty"`
	Throttled   int `json:"throttled,omitempty"`
	CallsFailed int `json:"calls_failed,omitempty"`
	// Median and P95 are how long an answer took, in milliseconds, read off a
	// histogram: half of the calls, or 95 of 100, were as fast.
	Median int `json:"median_ms,omitempty"`
	P95    int `json:"p95_ms,omitempty"`
}

// A Recorder counts what happens at a gateway, for its charts: in memory of a fixed size,
// for a day. It may be used concurrently. The zero value is not of use.
type Recorder struct {
	now   func() time.Time
	begun time.Time

	mu     sync.Mutex
	last   int64 // the slot that is counted in, by its number since 1970
	slots  [Slots]tally
	silent Silence
}

// A Silence is Microsoft Graph giving no answer, or only ones of its own trouble (5xx).
type Silence struct {
	// Since is when the first of these calls ended; zero: the last call was answered.
	Since time.Time `json:"since,omitzero"`
	// Calls have been made since, in vain.
	Calls int `json:"calls,omitempty"`
}

// A tally is a slot in the making.
type tally struct {
	number int64
	Slot
	took [len(bounds) + 1]int // calls by how long they took
}

// bounds of the histogram, in milliseconds.
var bounds = [...]int{10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480}

// NewRecorder returns one that has counted nothing.
func NewRecorder(now func() time.Time) *Recorder { return &Recorder{now: now, begun: now()} }

// Confirmed, Declined and Failed count a booking that has become that.
func (r *Recorder) Confirmed() { r.count(func(t *tally) { t.Confirmed++ }) }

// Declined: see Confirmed.
func (r *Recorder) Declined() { r.count(func(t *tally) { t.Declined++ }) }

// Failed: see Confirmed.
func (r *Recorder) Failed() { r.count(func(t *tally) { t.Failed++ }) }

// SignedIn counts a sign-in that has ended well or badly.
func (r *Recorder) SignedIn(well bool) {
	r.count(func(t *tally) {
		if well {
			t.SignIns++
		} else {
			t.SignInsFailed++
		}
	})
}

// Called counts a call of Microsoft Graph and how long its answer took. status is that of
// the answer; 0: there was none.
func (r *Recorder) Called(status int, took time.Duration) {
	r.count(func(t *tally) {
		switch failed := status == 0 || status >= http.StatusInternalServerError; {
		case !failed:
			r.silent = Silence{}
		case r.silent.Calls == 0:
			r.silent = Silence{Since: r.now().UTC(), Calls: 1}
		default:
			r.silent.Calls++
		}
		t.Calls++
		switch {
		case status == 0:
			t.CallsFailed++
			return
		case status == http.StatusTooManyRequests:
			t.Throttled++
		case status >= http.StatusInternalServerError:
			t.CallsFailed++
		}
		n := 0
		for n < len(bounds) && took > time.Duration(bounds[n])*time.Millisecond {
			n++
		}
		t.took[n]++
	})
}

// count changes the slot of now. Where the clock has been set back, the last one goes on.
func (r *Recorder) count(change func(*tally)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := max(r.now().Unix()/int64(SlotLength/time.Second), r.last)
	r.last = number
	t := &r.slots[number%Slots]
	if t.number != number {
		*t = tally{number: number}
	}
	change(t)
}

// Recent is what has happened at one gateway within a day.
type Recent struct {
	// Since is when counting began: with the gateway's start, or a day ago.
	Since time.Time `json:"since"`
	// Until is when it was told.
	Until time.Time `json:"until"`
	// Slots in which something has happened, the oldest first.
	Slots []Slot `json:"slots"`
	// Silence of Microsoft Graph, as it is now.
	Silence Silence `json:"silence,omitzero"`
}

// Recent tells what was counted.
func (r *Recorder) Recent() Recent {
	now := r.now()
	told := Recent{Since: r.begun.UTC(), Until: now.UTC(), Slots: []Slot{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	told.Silence = r.silent
	newest := max(now.Unix()/int64(SlotLength/time.Second), r.last)
	if first := startOf(newest - Slots + 1); told.Since.Before(first) {
		told.Since = first
	}
	for number := newest - Slots + 1; number <= newest; number++ {
		t := &r.slots[((number%Slots)+Slots)%Slots]
		if t.number != number {
			continue
		}
		s := t.Slot
		s.Begin, s.Median, s.P95 = startOf(number), t.quantile(0.5), t.quantile(0.95)
		told.Slots = append(told.Slots, s)
	}
	return told
}

func startOf(number int64) time.Time { return time.Unix(number*int64(SlotLength/time.Second), 0).UTC() }

// quantile is how long that share of the calls took at most, in milliseconds; what took
// longer than the last bound counts as that.
func (t *tally) quantile(share float64) int {
	total := 0
	for _, n := range t.took {
		total += n
	}
	rank, below, from := share*float64(total), 0, 0
	for i, to := range bounds {
		if n := t.took[i]; n > 0 && float64(below+n) >= rank {
			return from + int(float64(to-from)*(rank-float64(below))/float64(n)+0.5)
		}
		below, from = below+t.took[i], to
	}
	if total == 0 {
		return 0
	}
	return bounds[len(bounds)-1]
}

// Sum adds the counts of a time up; Begin, Median and P95 are the zero value.
func (r Recent) Sum() (all Slot) {
	for _, s := range r.Slots {
		all.add(s)
	}
	return all
}

func (s *Slot) add(o Slot) {
	s.Confirmed += o.Confirmed
	s.Declined += o.Declined
	s.Failed += o.Failed
	s.SignIns += o.SignIns
	s.SignInsFailed += o.SignInsFailed
	s.Calls += o.Calls
	s.Throttled += o.Throttled
	s.CallsFailed += o.CallsFailed
}

// Hours are the 24 hours up to Until, the oldest first, with what was counted in each;
// Begin is theirs, Median and P95 are left out.
func (r Recent) Hours() []Slot {
	first := r.Until.Truncate(time.Hour).Add(-23 * time.Hour)
	hours := make([]Slot, 24)
	for i := range hours {
		hours[i].Begin = first.Add(time.Duration(i) * time.Hour)
	}
	for _, s := range r.Slots {
		if i := int(s.Begin.Sub(first) / time.Hour); !s.Begin.Before(first) && i < len(hours) {
			hours[i].add(s)
		}
	}
	return hours
}
