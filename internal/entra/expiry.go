package entra

import "time"

const day = 24 * time.Hour

// FirstWarning is how many days before its end the operator is first warned of it.
const FirstWarning = 60

// thresholds are how many days before its end the operator is warned of it. At -1 it
// has ended.
var thresholds = [...]int{-1, 1, 7, 14, 30, FirstWarning}

// threshold is the last one that a credential has passed, if any.
func (s CredentialState) threshold(now time.Time) (days int, passed bool) {
	if s.Expires.IsZero() {
		return 0, false
	}
	left := s.DaysLeft(now)
	for _, days := range thresholds {
		if left <= days {
			return days, true
		}
	}
	return 0, false
}

// Warnings remembers which ends of credentials the operator has been warned of, and
// at which threshold. It keeps all that it has ever told: a few words for each
// credential. The zero value has told nothing. It must not be used concurrently.
type Warnings struct {
	told map[ending]map[int]int64 // by threshold: the second at which it was
}

// An ending is the end of one credential, whatever its place in the configuration. A
// certificate that replaces another one has its own.
type ending struct {
	integration string
	credential  uint64
	expires     int64
}

// Due says whether the operator is to be warned now that a credential ends, and
// takes it that he is: once at each threshold, and only of the last that has been
// passed. What a clock told that was more than a day ahead doesn't count when it
// has been set right.
func (w *Warnings) Due(now time.Time, integration string, s CredentialState) bool {
	at, passed := s.threshold(now)
	if !passed {
		return false
	}
	end := ending{integration, s.id, s.Expires.Unix()}
	for threshold, when := range w.told[end] {
		if threshold <= at && when <= now.Add(day).Unix() {
			return false
		}
	}
	if w.told == nil {
		w.told = map[ending]map[int]int64{}
	}
	if w.told[end] == nil {
		w.told[end] = map[int]int64{}
	}
	w.told[end][at] = now.Unix()
	return true
}
