package exchange

import (
	"cmp"
	"container/heap"
	"time"
)

// A dueAnswer is an invitation that a room answers at a time.
type dueAnswer struct {
	at       time.Time
	sequence int // of the room's changes, when it was invited
	key      string
	day      Day // of an occurrence, else 0
}

// A dueList is a heap of them, the earliest first; at the same time, who asked
// first. What has become void stays until its time.
type dueList []dueAnswer

func (l dueList) Len() int { return len(l) }
func (l dueList) Less(i, j int) bool {
	a, b := l[i], l[j]
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.key, b.key), cmp.Compare(a.day, b.day)) < 0
}
func (l dueList) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *dueList) Push(v any)   { *l = append(*l, v.(dueAnswer)) }
func (l *dueList) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// await has an event in a room's mailbox, or one of its occurrences, answered
// at a time; zero: never.
func (x *Exchange) await(e *Event, at time.Time, day Day) {
	if !at.IsZero() {
		heap.Push(&x.due, dueAnswer{at, e.Sequence, e.Key, day})
	}
}

// NextAnswer is when the next room may answer; zero: none will.
func (x *Exchange) NextAnswer() time.Time {
	if len(x.due) == 0 {
		return time.Time{}
	}
	return x.due[0].at
}

// Settle carries out the answers of rooms that have fallen due, in their order
// and at their times, as if nobody had to ask for them.
func (x *Exchange) Settle(now time.Time) {
	for len(x.due) > 0 && !x.due[0].at.After(now) {
		next := heap.Pop(&x.due).(dueAnswer)
		e := x.events.Get(next.key)
		if e == nil {
			continue
		}
		it := Item{Event: e}
		if next.day != 0 {
			it = Item{e.Exceptions[next.day], e, next.day}
		}
		if it.Event != nil && it.AnswerDue.Equal(next.at) {
			x.process(it, next.at)
		}
	}
}
