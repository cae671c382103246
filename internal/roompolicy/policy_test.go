package roompolicy

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func boardroom() Room {
	return Room{
		Name: "boardroom", Address: "boardroom@contoso.com", MaxDuration: 4 * time.Hour, BookingWindow: 60 * 24 * time.Hour,
		Capacity: 12, TimeZone: "Asia/Hong_Kong", WindowsZone: "China Standard Time",
	}
}

func TestScript(t *testing.T) {
	bare := Room{Name: "o-brien", Address: "o'brien@contoso.com", MaxDuration: 90 * time.Second, BookingWindow: 2000 * 24 * time.Hour}
	for name, p := range map[string]Policy{
		"plain": {Integrations: []Integration{{Name: "contoso", Operator: "microsoft", Environment: "O365Default", Rooms: []Room{boardroom(), bare}}}},
		"rights": {
			Integrations: []Integration{
				{Name: "contoso", Operator: "21vianet", Environment: "O365China", Rooms: []Room{boardroom()}},
				{Name: "fabrikam", Operator: "custom", Rooms: []Room{bare}},
			},
			WhatIf: true, Account: "ones-rooms@contoso.com", Subjects: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := p.Write(&got); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".ps1")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got.String()); d != "" {
				t.Errorf("-want +got; go test -update writes it anew:\n%s", d)
			}
		})
	}
}

// With -WhatIf nothing is changed: each command that changes something has it.
func TestWhatIf(t *testing.T) {
	p := Policy{Integrations: []Integration{{Name: "contoso", Operator: "microsoft", Environment: "O365Default", Rooms: []Room{boardroom()}}}, Account: "a@contoso.com", Subjects: true}
	for _, p.WhatIf = range []bool{true, false} {
		var got bytes.Buffer
		if err := p.Write(&got); err != nil {
			t.Fatal(err)
		}
		changing := 0
		for line := range strings.Lines(got.String()) {
			command := strings.TrimSpace(line)
			if strings.HasPrefix(command, "Set-") || strings.HasPrefix(command, "Add-") {
				changing++
				if strings.HasSuffix(command, " -WhatIf") != p.WhatIf {
					t.Errorf("what if %v: %s", p.WhatIf, command)
				}
			}
		}
		if changing != 6 {
			t.Errorf("%d commands change something, want 6:\n%s", changing, &got)
		}
	}
}

// Exchange accepts all that the gateway accepts, as far as it can.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		longest, window time.Duration
		minutes, days   int
		beyond          bool
		words           [2]string
	}{
		{4 * time.Hour, 60 * 24 * time.Hour, 240, 60, false, [2]string{"4h", "60d"}},
		{90 * time.Second, 36 * time.Hour, 2, 2, false, [2]string{"1m30s", "36h"}},
		{24 * time.Hour, 1080 * 24 * time.Hour, 1440, 1080, false, [2]string{"1d", "1080d"}},
		{90 * time.Minute, 1081 * 24 * time.Hour, 90, 1080, true, [2]string{"1h30m", "1081d"}},
		{time.Second, time.Nanosecond, 1, 1, false, [2]string{"1s", "1ns"}},
		{45 * time.Minute, 10 * time.Hour, 45, 1, false, [2]string{"45m", "10h"}},
	} {
		r := Room{MaxDuration: tt.longest, BookingWindow: tt.window}
		if r.Minutes() != tt.minutes || r.Days() != tt.days || r.Beyond() != tt.beyond {
			t.Errorf("%s, %s: %d minutes, %d days, beyond %v", tt.longest, tt.window, r.Minutes(), r.Days(), r.Beyond())
		}
		if got := [2]string{words(tt.longest), words(tt.window)}; got != tt.words {
			t.Errorf("in words %q, want %q", got, tt.words)
		}
	}
}

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"":                             `''`,
		"boardroom@contoso.com":        `'boardroom@contoso.com'`,
		"o'brien":                      `'o''brien'`,
		"$(Remove-Mailbox x)`n\"":      "'$(Remove-Mailbox x)`n\"'",
		"a\u2019; Remove-Mailbox x; ‘": `('a' + [char]0x2019 + '; Remove-Mailbox x; ' + [char]0x2018)`,
		"\n":                           `('' + [char]0x000A)`,
		"會議室":                          `('' + [char]0x6703 + [char]0x8B70 + [char]0x5BA4)`,
		"a😀b":                          `('a' + [char]0xD83D + [char]0xDE00 + 'b')`,
	} {
		if got := quote(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

// Whatever stands in a Caddyfile stays a string: one line of ASCII which is that string
// again to a reader that follows PowerShell's rules for literals.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "o'brien", "‘’‚‛", "“”„\"", "$(x)", "`", "\r\n#", "會議室", "'", "''", "\x00\x7f\u0085\u2028", "+ [char]0x27 +", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "\uFFFD")
		}
		q := quote(s)
		for _, r := range q {
			if r < ' ' || r > '~' {
				t.Fatalf("%q has %q in it", q, r)
			}
		}
		got, rest := evaluate(t, q)
		if got != s || rest != "" {
			t.Errorf("%s is %q, and then %q; want %q", q, got, rest, s)
		}
	})
}

// evaluate reads what quote writes: a literal, or literals and characters in
// parentheses, and returns what comes after it.
func evaluate(t *testing.T, q string) (value, rest string) {
	t.Helper()
	literal := func(q string) (units []uint16, rest string) {
		for q = q[1:]; ; q = q[1:] {
			switch {
			case q == "":
				t.Fatal("a literal has no end")
			case strings.HasPrefix(q, "''"):
				q = q[1:]
			case q[0] == '\'':
				return units, q[1:]
			}
			units = append(units, uint16(q[0]))
		}
	}
	if !strings.HasPrefix(q, "(") {
		units, rest := literal(q)
		return string(utf16.Decode(units)), rest
	}
	var all []uint16
	for q = q[1:]; ; q = q[3:] {
		if hex, ok := strings.CutPrefix(q, "[char]0x"); ok {
			var unit uint16
			for _, digit := range hex[:4] {
				unit = unit<<4 | uint16(strings.IndexRune("0123456789ABCDEF", digit))
			}
			all, q = append(all, unit), hex[4:]
		} else {
			units, after := literal(q)
			all, q = append(all, units...), after
		}
		if after, closed := strings.CutPrefix(q, ")"); closed {
			return string(utf16.Decode(all)), after
		}
		if !strings.HasPrefix(q, " + ") {
			t.Fatalf("%q goes on neither with + nor with )", q)
		}
	}
}
