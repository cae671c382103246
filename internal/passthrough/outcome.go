package passthrough

import "net/http"

// An Outcome is how a call has ended, for whoever counts them.
type Outcome string

// Outcomes of calls.
const (
	OK         Outcome = "ok"
	NotAllowed Outcome = "not_allowed" // it was not passed on
	Refused    Outcome = "refused"     // by Graph, with a 4xx
	Throttled  Outcome = "throttled"   // by Graph, or by us in its stead
	Failed     Outcome = "failed"      // a 5xx of Graph's
	NoAnswer   Outcome = "no_answer"   // of Graph's, or no token for it
)

// Outcomes are all of them.
var Outcomes = []Outcome{OK, NotAllowed, Refused, Throttled, Failed, NoAnswer}

// outcomeOf sorts an answer of Graph's, or what was said in its stead.
func outcomeOf(res *http.Response, no *Refusal) Outcome {
	switch {
	case no != nil && no.Status == http.StatusTooManyRequests:
		return Throttled
	case no != nil && no.Status >= 500:
		return NoAnswer
	case no != nil:
		return NotAllowed
	case res.StatusCode == http.StatusTooManyRequests:
		return Throttled
	case res.StatusCode >= 500:
		return Failed
	case res.StatusCode >= 400:
		return Refused
	}
	return OK
}
