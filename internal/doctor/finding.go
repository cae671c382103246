package doctor

import (
	"fmt"
	"strings"

	"github.com/onesgate/onesgate/internal/status"
)

// A Result is how good or bad a finding is.
type Result string

// The results.
const (
	OK Result = "ok"
	// Warning: it works, but something should be looked at.
	Warning Result = "warning"
	// Wrong: something does not work, or is not safe.
	Wrong Result = "wrong"
	// NotChecked: it can't be known, or not yet.
	NotChecked Result = "not_checked"
)

// A Finding is one thing that a check has found. It holds no secret.
type Finding struct {
	// Check is the name of the check, and About what it was about: an integration, or a
	// part of one, such as "contoso client_secret 1". Empty: the gateway as a whole.
	Check string `json:"check"`
	About string `json:"about,omitempty"`
	// Finding is the name of the kind: "ok", "not_checked", or that of one of Kinds.
	Finding string `json:"finding"`
	Result  Result `json:"result"`
	// What was found, in words.
	What string `json:"what"`
	// Whose it is, and what that one has to do; empty where nothing is to be done.
	Whose status.Owner `json:"whose,omitempty"`
	Do    string       `json:"do,omitempty"`
}

// Good is a finding that all is well.
func Good(what string, args ...any) Finding {
	return Finding{Finding: string(OK), Result: OK, What: fmt.Sprintf(what, args...)}
}

// NotKnown is a finding that something can't be known, and why.
func NotKnown(why string, args ...any) Finding {
	return Finding{Finding: string(NotChecked), Result: NotChecked, What: fmt.Sprintf(why, args...)}
}

// A Kind is one thing that can be wrong.
type Kind struct {
	Name   string
	Result Result
	Whose  status.Owner
	Do     string
}

// Found is a finding of that kind; what says what it means here.
func (k Kind) Found(what string, args ...any) Finding {
	return Finding{Finding: k.Name, Result: k.Result, What: fmt.Sprintf(what, args...), Whose: k.Whose, Do: k.Do}
}

// group is the integration that a finding is about; "": the whole gateway.
func (f Finding) group() string {
	integration, _, _ := strings.Cut(f.About, " ")
	return integration
}

// about says what a finding is about.
func (f Finding) about(what string) Finding {
	f.About = what
	return f
}
