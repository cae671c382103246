package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Check looks at one thing.
type Check struct {
	// Name of the check, and About which integration it is about; "": the whole gateway.
	Name, About string
	// How it is done, in words that follow "doctor:", such as "asking https://… who it is".
	How string
	// After are the names of checks, about the same or the whole, without which this one
	// means nothing: where one of them has found something wrong, or has not been able to
	// look, this one is not made.
	After []string
	// Timeout is how long it may take. 0: DefaultTimeout.
	Timeout time.Duration
	// Look returns what it finds, at least one finding, whose Check is filled in, and
	// whose About is if it is empty. It ends soon after its context, and other checks are
	// made beside it.
	Look func(ctx context.Context) []Finding
}

// DefaultTimeout bounds one check.
const DefaultTimeout = 10 * time.Second

// A running is a check that is being made.
type running struct {
	Check
	done  chan struct{} // closed once found is there
	found []Finding
}

// Run carries out checks, side by side but for those that come after others, and returns
// all that they find, in their order. waits is told of each before it is waited for, and
// told of each finding as soon as those before it are there; nil: nobody is. When ctx ends
// the rest is not checked, and nothing that was under way is found to be wrong.
func Run(ctx context.Context, checks []Check, waits func(Check), told func(Finding)) (all []Finding) {
	var begun []*running
	for _, c := range checks {
		r := &running{Check: c, done: make(chan struct{})}
		before := slices.DeleteFunc(slices.Clone(begun), func(b *running) bool { return !slices.Contains(c.After, b.Name) })
		begun = append(begun, r)
		go func() {
			defer close(r.done)
			var known []Finding
			for _, b := range before {
				<-b.done
				known = append(known, b.found...)
			}
			r.found = c.within(ctx, known)
		}()
	}
	for _, r := range begun {
		if waits != nil && ctx.Err() == nil {
			waits(r.Check)
		}
		<-r.done
		for _, f := range r.found {
			if told != nil {
				told(f)
			}
			all = append(all, f)
		}
	}
	return all
}

// within makes one check, once those that it comes after have found what is known.
func (c Check) within(ctx context.Context, known []Finding) (found []Finding) {
	switch before := c.missing(known); {
	case ctx.Err() != nil:
		found = []Finding{NotKnown("it was broken off before")}
	case before != "":
		found = []Finding{blocked(before)}
	default:
		found = c.look(ctx)
	}
	for i := range found {
		f := &found[i]
		if ctx.Err() != nil && f.Result != OK {
			*f = NotKnown("it was broken off").about(f.About) // which makes it fail
		}
		f.Check = c.Name
		if f.About == "" {
			f.About = c.About
		}
	}
	return found
}

// blocked is the finding of a check that means nothing without another one.
func blocked(before string) Finding {
	return NotKnown("what %q has found has to be mended first", before)
}

func (c Check) look(ctx context.Context) []Finding {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found := c.Look(ctx)
	if len(found) == 0 {
		return []Finding{NotKnown("nothing was found to look at")}
	}
	return found
}

// missing is the first check that this one comes after and that was of no use; "": none.
func (c Check) missing(found []Finding) string {
	for _, name := range c.After {
		if slices.ContainsFunc(found, func(f Finding) bool {
			return f.Check == name && (f.About == c.About || f.About == "") && (f.Result == Wrong || f.Result == NotChecked)
		}) {
			return name
		}
	}
	return ""
}

// A Report is all that was found.
type Report struct {
	Version string `json:"version"`
	// Gateway says what the report is about: "running", the gateway as it runs; or
	// "configuration", the configuration alone.
	Gateway  string    `json:"gateway"`
	Findings []Finding `json:"findings"`
	// How many findings there are of each result.
	Count map[Result]int `json:"count"`
}

// NewReport counts what was found, and puts together what is about one integration, after
// what is about the whole gateway.
func NewReport(version, gateway string, found []Finding) Report {
	groups := []string{""}
	for _, f := range found {
		if g := f.group(); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b Finding) int {
		return slices.Index(groups, a.group()) - slices.Index(groups, b.group())
	})
	r := Report{Version: version, Gateway: gateway, Findings: found, Count: map[Result]int{OK: 0, Warning: 0, Wrong: 0, NotChecked: 0}}
	for _, f := range found {
		r.Count[f.Result]++
	}
	return r
}

// Err is that something is wrong; nil: nothing is.
func (r Report) Err() error {
	switch n := r.Count[Wrong]; n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 thing is wrong")
	default:
		return fmt.Errorf("%d things are wrong", n)
	}
}
