package identity

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// A CardFormat says how the directory writes card numbers and how ONES is to get
// them. The zero value leaves them as they are.
type CardFormat struct {
	from, to int // bases; 0: as it is
	reversed bool
	digits   int // of what ONES gets, with leading zeros; 0: as many as it has
}

// maxCard bounds a card number in bytes; longer ones are none. So long may
// "pager" be in Active Directory
// (https://learn.microsoft.com/windows/win32/adschema/a-pager).
const maxCard = 64

// cardForms are the words for bases.
var cardForms = map[string]int{"decimal": 10, "hex": 16}

// ParseCardFormat reads a format in words:
//
//	as_is
//	decimal|hex [to decimal|hex] [reversed] [digits N]
//
// The first form is the directory's, the second what ONES gets. "reversed" has
// the bytes in the opposite order, and "digits" fills up with zeros on the left, or
// drops some. The empty format is as_is.
func ParseCardFormat(text string) (CardFormat, error) {
	var f CardFormat
	words := strings.Fields(text)
	next := func() (word string) {
		if len(words) > 0 {
			word, words = words[0], words[1:]
		}
		return word
	}
	word, known := next(), true
	if word == "" || word == "as_is" {
		if len(words) > 0 {
			return f, fmt.Errorf("card_format as_is can't be %s: say decimal or hex first", words[0])
		}
		return f, nil
	}
	if f.from, known = cardForms[word]; !known {
		return f, fmt.Errorf("card_format %q is not known; write as_is, decimal or hex", word)
	}
	f.to = f.from
	for len(words) > 0 {
		switch word := next(); {
		case word == "to" && f.to == f.from && !f.reversed && f.digits == 0:
			to := next()
			if f.to, known = cardForms[to]; !known || f.to == f.from {
				return f, fmt.Errorf("card_format to %q: write hex to decimal, or decimal to hex", to)
			}
		case word == "reversed" && !f.reversed:
			f.reversed = true
		case word == "digits" && f.digits == 0:
			n, err := strconv.Atoi(next())
			if err != nil || n < 1 || n > maxCard {
				return f, errors.New("card_format digits needs a number from 1 to 64")
			}
			f.digits = n
		default:
			return f, fmt.Errorf("card_format can't have %q there; write decimal or hex, then to the other one, reversed, digits and a number, each once", word)
		}
	}
	return f, nil
}

// Normalize returns a card number of the directory as ONES is to get it; false:
// it is none of this format. Spaces, "-", ":" and "." in it don't count, and hex
// digits get capitals.
func (f CardFormat) Normalize(number string) (string, bool) {
	switch {
	case number == "" || len(number) > 2*maxCard: // with separators
		return "", false
	case f.from == 0 && len(number) > maxCard:
		return "", false
	case f.from == 0:
		return number, true
	}
	s := strings.ToUpper(cardSeparators.Replace(number))
	if f.from == 16 {
		s = strings.TrimPrefix(s, "0X")
	}
	if s == "" || len(s) > maxCard || strings.Trim(s, "0123456789ABCDEF"[:f.from]) != "" {
		return "", false
	}
	if f.from != f.to || f.reversed {
		s = f.convert(s)
	}
	if f.digits > 0 {
		s = strings.TrimLeft(s, "0")
		s = strings.Repeat("0", max(0, f.digits-len(s))) + s
	}
	if len(s) > maxCard {
		return "", false
	}
	return s, true
}

var cardSeparators = strings.NewReplacer(" ", "", "-", "", ":", "", ".", "")

// convert writes a number of digits anew.
func (f CardFormat) convert(s string) string {
	n, _ := new(big.Int).SetString(s, f.from) // it has only digits of that base
	if !f.reversed {
		return strings.ToUpper(n.Text(f.to))
	}
	width := (len(s) + 1) / 2
	if f.from == 10 {
		width = max(4, (n.BitLen()+7)/8) // the shortest ids of cards have 4 bytes
	}
	id := n.FillBytes(make([]byte, width))
	slices.Reverse(id)
	if f.to == 16 {
		return fmt.Sprintf("%X", id)
	}
	return n.SetBytes(id).String()
}
