package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// A report is what came out.
type report struct {
	rows  []row
	curve []point
}

// A row is a line of the table.
type row struct{ work, program, measured, against, target string }

// A point is the CPU time of a page of one of so many sessions.
type point struct {
	sessions int
	micros   series
}

func (r *report) add(rows ...row) { r.rows = append(r.rows, rows...) }

// markdown is the one table, and how it came about.
func (r *report) markdown(l *lab) string {
	var b strings.Builder
	b.WriteString("| work | program | measured | × stock Caddy | target |\n|---|---|---|---|---|\n")
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.work, row.program, row.measured, row.against, row.target)
	}
	where := "All on the same cores, since there is but one."
	if l.cores.apart {
		where = "The program alone on one core; Microsoft, ONES and the browsers on another."
	}
	fmt.Fprintf(&b, "\n%s Medians of %d rounds by turns, of %s each, lowest and highest in brackets; %d connections, answers of 1 KiB. %s, %s/%s.\n",
		where, l.rounds, l.window, l.connections, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(&b, "\n![CPU time of a page by the number of stored sessions](%s)\n", plotName)
	return b.String()
}

// What stands between these lines in a page is written by this program.
const sectionBegin, sectionEnd = "<!-- make bench writes from here -->\n", "<!-- to here -->\n"

// replaceSection writes text between the two lines in a file.
func replaceSection(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(old, []byte(sectionBegin))
	_, after, ends := bytes.Cut(rest, []byte(sectionEnd))
	if !begins || !ends {
		return errors.New(file + " has no place for the table: two lines, " + strings.TrimSpace(sectionBegin) + " and " + strings.TrimSpace(sectionEnd))
	}
	return os.WriteFile(file, []byte(string(before)+sectionBegin+"\n"+text+"\n"+sectionEnd+string(after)), 0o644)
}
