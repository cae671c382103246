package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A word of the Caddyfile is read and judged by how it is written.
type word struct {
	// syntax is the word itself and its values: <value>, [<value that may be left
	// out>], <any number of...>, and a block, {…}.
	syntax string
	// several says that it may be there more than once.
	several bool
	// read takes the values, of which there are as many as the syntax says, and
	// none is empty; d stands on the last.
	read func(d *caddyfile.Dispenser, values []string) error
}

// once is a word that may be there once.
func once(syntax string, read func(*caddyfile.Dispenser, []string) error) word {
	return word{syntax, false, read}
}

// several is a word that may be there any number of times.
func several(syntax string, read func(*caddyfile.Dispenser, []string) error) word {
	return word{syntax, true, read}
}

func (w word) name() string {
	name, _, _ := strings.Cut(w.syntax, " ")
	return name
}

// values returns how many values the word takes; most is -1 for any number.
func (w word) values() (least, most int) {
	for _, field := range strings.Fields(w.syntax)[1:] {
		switch {
		case field == "{…}":
			continue
		case !strings.HasPrefix(field, "["):
			least++
		}
		if strings.Contains(field, "...") {
			return least, -1
		}
		most++
	}
	return least, most
}

// A fault is an error about one word of a block.
type fault struct {
	word string
	nth  int // of those words in the block, from 0
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// about says which word an error is about; nil stays nil.
func about(word string, err error) error {
	if err == nil {
		return nil
	}
	return &fault{word: word, err: err}
}

// placed is an error that says where in the Caddyfile.
type placed struct{ error }

func (p placed) Unwrap() error { return p.error }

// place says where in the Caddyfile the error is: at this token, unless it is known already.
func place(at caddyfile.Token, err error) error {
	if _, known := errors.AsType[placed](err); known || err == nil {
		return err
	}
	d := caddyfile.NewDispenser([]caddyfile.Token{at})
	d.Next()
	return placed{d.WrapErr(err)}
}

// readWord reads a word on which d stands, with its values and its block.
func readWord(d *caddyfile.Dispenser, w word) error {
	at, values := d.Token(), d.RemainingArgs()
	least, most := w.values()
	switch n := len(values); {
	case n < least && n == 0:
		return place(at, fmt.Errorf("%s has no value; write: %s", w.name(), w.syntax))
	case most == 0 && n > 0:
		return place(at, fmt.Errorf("%s takes no value; write: %s", w.name(), w.syntax))
	case n < least, most >= 0 && n > most:
		return place(at, fmt.Errorf("%s has the wrong number of values, %d; write: %s", w.name(), n, w.syntax))
	case slices.Contains(values, ""):
		return place(at, fmt.Errorf("%s has an empty value; write: %s", w.name(), w.syntax))
	}
	err := w.read(d, values)
	if m, ok := err.(misread); ok {
		err = fmt.Errorf("%s %w", w.name(), m)
	}
	return place(at, err)
}

// readBlock reads the words in the block that begins where d stands, if one does.
// What can be judged only when all of them are there, check does.
func readBlock(d *caddyfile.Dispenser, in string, words []word, check func() error) error {
	opened, at := d.Token(), map[string][]caddyfile.Token{}
	last := in
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		i := slices.IndexFunc(words, func(w word) bool { return w.name() == d.Val() })
		switch {
		case d.Val() == "{", d.Val() == "}":
			return place(d.Token(), fmt.Errorf("%s takes no block", last))
		case i < 0:
			return place(d.Token(), unknownWord(in, d.Val(), words))
		case len(at[d.Val()]) > 0 && !words[i].several:
			return place(d.Token(), twice(words[i]))
		}
		last = d.Val()
		at[last] = append(at[last], d.Token())
		if err := readWord(d, words[i]); err != nil {
			return err
		}
	}
	err := check()
	if m, ok := err.(missing); ok {
		if i := slices.IndexFunc(words, func(w word) bool { return w.name() == string(m) }); i >= 0 {
			err = fmt.Errorf("%w; write: %s", m, words[i].syntax)
		}
	}
	if f, ok := errors.AsType[*fault](err); ok && f.nth < len(at[f.word]) {
		return place(at[f.word][f.nth], err)
	}
	return place(opened, err)
}

func twice(w word) error {
	_, most := w.values()
	switch {
	case w.syntax == w.name()+" {…}":
		return fmt.Errorf("%s is there twice; put both into one block", w.name())
	case most < 0:
		return fmt.Errorf("%s is there twice; write all on one line", w.name())
	}
	return fmt.Errorf("%s is there twice; leave one of them out", w.name())
}

// unknownWord is the error for a word that has no meaning where it stands.
func unknownWord(in, text string, words []word) error {
	var known []string
	for _, w := range words {
		known = append(known, w.name())
	}
	if close := nearest(text, known); close == "" {
		for _, b := range language() {
			if slices.ContainsFunc(b.words, func(w word) bool { return w.name() == text }) {
				return fmt.Errorf("%s doesn't know %q, which belongs into %s; it knows %s", in, text, b.name, strings.Join(known, ", "))
			}
		}
	}
	return fmt.Errorf("%s doesn't know %w", in, notOf(text, known))
}

// notOf is the end of an error about something that is none of what it can be.
func notOf(text string, known []string) error {
	if close := nearest(text, known); close != "" {
		return fmt.Errorf("%q; did you mean %s? It knows %s", text, close, strings.Join(known, ", "))
	}
	return fmt.Errorf("%q; it knows %s", text, strings.Join(known, ", "))
}

// nearest returns which of the known words a misspelt one is likely to be: it differs
// in a letter of three or less, or is a part of it; "": none.
func nearest(text string, known []string) (found string) {
	text = strings.ToLower(text)
	least := len(text)/3 + 1
	for _, k := range known {
		if n := distance(text, strings.ToLower(k)); n < least {
			found, least = k, n
		}
	}
	if i := slices.IndexFunc(known, func(k string) bool { return slices.Contains(strings.Split(k, "_"), text) }); found == "" && i >= 0 {
		return known[i]
	}
	return found
}

// distance is how many letters have to be changed, added or taken out to get from a
// to b (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal, row[j+1] = row[j+1], min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// What words do with their values.

func readText(to *string) func(*caddyfile.Dispenser, []string) error {
	return func(_ *caddyfile.Dispenser, values []string) error {
		*to = values[0]
		return nil
	}
}

func readList(to *[]string) func(*caddyfile.Dispenser, []string) error {
	return func(_ *caddyfile.Dispenser, values []string) error {
		*to = values
		return nil
	}
}

func readFlag(to *bool) func(*caddyfile.Dispenser, []string) error {
	return func(*caddyfile.Dispenser, []string) error {
		*to = true
		return nil
	}
}

func readNumber(to *int, least, most int) func(*caddyfile.Dispenser, []string) error {
	return func(_ *caddyfile.Dispenser, values []string) (err error) {
		if *to, err = strconv.Atoi(values[0]); err != nil || *to < least || *to > most {
			return misread(fmt.Sprintf("%q is not a number from %d to %d; write it in digits, such as 12", values[0], least, most))
		}
		return nil
	}
}

func readDuration(to *caddy.Duration) func(*caddyfile.Dispenser, []string) error {
	return func(_ *caddyfile.Dispenser, values []string) error {
		parsed, err := caddy.ParseDuration(values[0])
		if err != nil || parsed <= 0 {
			return misread(fmt.Sprintf("%q is not a duration; write 10m, 4h or 60d", values[0]))
		}
		*to = caddy.Duration(parsed)
		return nil
	}
}

// readWords reads a block of words, which is all that there is.
func readWords(in string, words []word, check func() error) func(*caddyfile.Dispenser, []string) error {
	return func(d *caddyfile.Dispenser, _ []string) error { return readBlock(d, in, words, check) }
}

// A misread is what is wrong with a value; whose it is goes before it.
type misread string

func (m misread) Error() string { return string(m) }
