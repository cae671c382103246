package identity

import (
	"math/big"
	"strings"
	"testing"
)

func TestCardFormats(t *testing.T) {
	tests := []struct {
		format, number, want string // "": it is none
	}{
		{"", "E-47 11", "E-47 11"},
		{"as_is", "04:a1:b2", "04:a1:b2"},
		{"as_is", "", ""},
		{"as_is", strings.Repeat("1", 65), ""},
		{"decimal", "0004711001", "0004711001"},
		{"decimal", "123-45678", "12345678"},
		{"decimal", "000.471.1001", "0004711001"},
		{"decimal", "47A", ""},
		{"decimal", "-", ""},
		{"decimal", "٤٧", ""},
		{"decimal digits 1", "0004711001", "4711001"},
		{"decimal digits 10", "4711001", "0004711001"},
		{"decimal digits 10", "000004711001", "0004711001"},
		{"decimal digits 4", "12345", "12345"},
		{"decimal digits 8", "000", "00000000"},
		{"hex", "04:a1:b2:c3", "04A1B2C3"},
		{"hex", "0x04a1b2c3", "04A1B2C3"},
		{"hex", "4 A1-B2.C3", "4A1B2C3"},
		{"hex", "0x", ""},
		{"hex", "04G1", ""},
		{"hex digits 14", "4A1B2C3", "00000004A1B2C3"},
		{"hex to decimal", "04A1B2C3", "77705923"},
		{"hex to decimal", "FFFFFFFF", "4294967295"},
		{"hex to decimal digits 10", "04A1B2C3", "0077705923"},
		{"decimal to hex", "77705923", "4A1B2C3"},
		{"decimal to hex digits 8", "0077705923", "04A1B2C3"},
		{"hex reversed", "04A1B2C3", "C3B2A104"},
		{"hex reversed", "A1B2C304", "04C3B2A1"},
		{"hex reversed", "4A1B2C3", "C3B2A104"},
		{"hex to decimal reversed", "C3B2A104", "77705923"},
		{"decimal reversed", "77705923", "3283263748"},
		{"decimal reversed digits 10", "3283263748", "0077705923"},
		{"decimal to hex reversed", "1", "01000000"},
		{"hex to decimal", strings.Repeat("F", 64), ""},
	}
	for _, tt := range tests {
		t.Run(tt.format+" "+tt.number, func(t *testing.T) {
			f, err := ParseCardFormat(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := f.Normalize(tt.number)
			if ok != (tt.want != "") || got != tt.want {
				t.Errorf("%q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

func TestCardFormatErrors(t *testing.T) {
	for format, want := range map[string]string{
		"octal":                      `card_format "octal" is not known; write as_is, decimal or hex`,
		"as_is digits 4":             "card_format as_is can't be digits: say decimal or hex first",
		"hex to":                     `card_format to "": write hex to decimal, or decimal to hex`,
		"hex to hex":                 `card_format to "hex"`,
		"hex to decimal to hex":      `can't have "to" there`,
		"hex digits 8 to decimal":    `can't have "to" there`,
		"hex reversed reversed":      `can't have "reversed" there`,
		"hex digits":                 "digits needs a number from 1 to 64",
		"hex digits 0":               "digits needs a number from 1 to 64",
		"hex digits 65":              "digits needs a number from 1 to 64",
		"decimal digits 8 digits 10": `can't have "digits" there`,
		"decimal padded":             `can't have "padded" there`,
	} {
		if _, err := ParseCardFormat(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with: %s", format, err, want)
		}
	}
}

// FuzzCardFormat: what comes out has the form that was asked for; where none was
// changed it stays as it is, and a conversion and its opposite are the same number.
func FuzzCardFormat(f *testing.F) {
	for _, number := range []string{"0004711001", "04:a1:b2:c3", "0x0X00", "E-47", "", strings.Repeat("9", 70), "İ", "\xff"} {
		for _, format := range []string{"as_is", "decimal", "hex digits 8", "hex to decimal reversed digits 10", "decimal to hex", "decimal to hex reversed"} {
			f.Add(format, number)
		}
	}
	f.Fuzz(func(t *testing.T, format, number string) {
		cf, err := ParseCardFormat(format)
		if err != nil {
			return
		}
		got, ok := cf.Normalize(number)
		if !ok {
			return
		}
		if got == "" || len(got) > maxCard {
			t.Fatalf("%q is no card number", got)
		}
		if cf.from == 0 {
			if got != number {
				t.Fatalf("%q is not as it was", got)
			}
			return
		}
		if strings.Trim(got, "0123456789ABCDEF"[:cf.to]) != "" || len(got) < cf.digits {
			t.Fatalf("%q has another form", got)
		}
		if cf.from == cf.to && !cf.reversed {
			if again, ok := cf.Normalize(got); !ok || again != got {
				t.Fatalf("%q becomes %q when it is done again", got, again)
			}
		}
		if !cf.reversed {
			back, ok := CardFormat{from: cf.to, to: cf.from, digits: 1}.Normalize(got)
			before, _ := CardFormat{from: cf.from, to: cf.from, digits: 1}.Normalize(number)
			a, _ := new(big.Int).SetString(back, cf.from)
			b, _ := new(big.Int).SetString(before, cf.from)
			if ok && a.Cmp(b) != 0 {
				t.Fatalf("%q leads back to %s, not %s", got, a, b)
			}
		}
	})
}
