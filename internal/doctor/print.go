package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/onesgate/onesgate/internal/status"
)

// A Terminal is where people read a report.
type Terminal struct {
	To io.Writer
	// Colour: it shows colours.
	Colour bool
}

// colours of results, as ANSI has them (ECMA-48, SGR).
var colours = map[Result]string{OK: "32", Warning: "33", Wrong: "1;31", NotChecked: "2"}

// words are how results are told, so that they can be told apart without colours.
var words = map[Result]string{OK: "ok", Warning: "warning", Wrong: "WRONG", NotChecked: "not checked"}

// Print writes a report for people: what it was found about, line by line.
func (t Terminal) Print(r Report) error {
	var b strings.Builder
	width := 0
	for _, f := range r.Findings {
		width = max(width, len(f.Check))
	}
	about := "\x00" // none
	for _, f := range r.Findings {
		of, part, _ := strings.Cut(f.About, " ")
		if of != about {
			about = of
			b.WriteString(heading(of, b.Len() > 0))
		}
		what := f.What
		if part != "" {
			what = part + ": " + what
		}
		indent := strings.Repeat(" ", width+4)
		what = strings.ReplaceAll(what, "\n", "\n"+indent)
		fmt.Fprintf(&b, "  %-*s  %s: %s\n", width, f.Check, t.paint(f.Result, words[f.Result]), what)
		if f.Whose != "" && f.Whose != status.Operator { // who reads this is the operator
			fmt.Fprintf(&b, "%swhose: %s\n", indent, f.Whose.Words())
		}
		if f.Do != "" {
			fmt.Fprintf(&b, "%sto do: %s\n", indent, f.Do)
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %s, %s, %d not checked\n", r.Count[OK],
		t.counted(Warning, r.Count[Warning], "warning", "warnings"), t.counted(Wrong, r.Count[Wrong], "wrong", "wrong"), r.Count[NotChecked])
	_, err := io.WriteString(t.To, b.String())
	return err
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

func (t Terminal) counted(r Result, n int, one, many string) string {
	text := fmt.Sprintf("%d %s", n, many)
	if n == 1 {
		text = fmt.Sprintf("1 %s", one)
	}
	if n == 0 {
		return text
	}
	return t.paint(r, text)
}

func (t Terminal) paint(r Result, text string) string {
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
