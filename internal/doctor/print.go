package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/onesgate/onesgate/internal/status"
)

// A Terminal is where people read findings, as they come.
type Terminal struct {
	To io.Writer
	// Colour: it shows colours.
	Colour bool

	group string // of the last finding
	begun bool
	err   error // the first one of To
}

// colours of results, as ANSI has them (ECMA-48, SGR).
var colours = map[Result]string{OK: "32", Warning: "33", Wrong: "1;31", NotChecked: "2"}

// words are how results are told, so that they can be told apart without colours.
var words = map[Result]string{OK: "ok", Warning: "warning", Wrong: "WRONG", NotChecked: "not checked"}

// checkWidth is how wide the column of the names of checks is: that of the longest one.
const checkWidth = len("service_listener")

// Found writes a finding, below what it is about. Sum tells whether that failed.
func (t *Terminal) Found(f Finding) {
	var b strings.Builder
	of, part, _ := strings.Cut(f.About, " ")
	if !t.begun || of != t.group {
		b.WriteString(heading(of, t.begun))
		t.begun, t.group = true, of
	}
	what := f.What
	if part != "" {
		what = part + ": " + what
	}
	indent := strings.Repeat(" ", checkWidth+4)
	what = strings.ReplaceAll(what, "\n", "\n"+indent)
	fmt.Fprintf(&b, "  %-*s  %s: %s\n", checkWidth, f.Check, t.paint(f.Result, words[f.Result]), what)
	if f.Whose != "" && f.Whose != status.Operator { // who reads this is the operator
		fmt.Fprintf(&b, "%swhose: %s\n", indent, f.Whose.Words())
	}
	if f.Do != "" {
		fmt.Fprintf(&b, "%sto do: %s\n", indent, f.Do)
	}
	t.write(b.String())
}

// Sum writes how many findings there are of each result.
func (t *Terminal) Sum(r Report) error {
	t.write(fmt.Sprintf("\n%d ok, %s, %s, %d not checked\n", r.Count[OK],
		t.counted(Warning, r.Count[Warning], "warning", "warnings"), t.counted(Wrong, r.Count[Wrong], "wrong", "wrong"), r.Count[NotChecked]))
	return t.err
}

func (t *Terminal) write(text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.To, text)
	}
}

func heading(of string, further bool) string {
	gap := ""
	if further {
		gap = "\n"
	}
	if of == "" {
		return gap + "The gateway\n"
	}
	return gap + "Integration " + of + "\n"
}

func (t *Terminal) counted(r Result, n int, one, many string) string {
	text := fmt.Sprintf("%d %s", n, many)
	if n == 1 {
		text = fmt.Sprintf("1 %s", one)
	}
	if n == 0 {
		return text
	}
	return t.paint(r, text)
}

func (t *Terminal) paint(r Result, text string) string {
	if !t.Colour {
		return text
	}
	return "\x1b[" + colours[r] + "m" + text + "\x1b[0m"
}

// Progress shows on one line of a terminal what is being done. To nil: nothing is shown.
type Progress struct {
	To io.Writer
}

// Began shows that something has begun. Errors don't matter: it is only shown.
func (p Progress) Began(how string) {
	if p.To != nil {
		_, _ = fmt.Fprintf(p.To, "\r\x1b[2K%s …", bounded(how))
	}
}

// Ended clears the line.
func (p Progress) Ended() {
	if p.To != nil {
		_, _ = io.WriteString(p.To, "\r\x1b[2K")
	}
}
