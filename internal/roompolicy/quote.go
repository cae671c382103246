package roompolicy

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// quote writes a string as an expression of PowerShell that is that string, whatever
// is in it. All of it is printable ASCII: Windows PowerShell 5.1 reads a script without
// a byte order mark in the machine's old code page, where a byte of some harmless letter
// is one of the quotation marks below. PowerShell takes those for ', too
// (https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules),
// so they are written as numbers like all else that isn't ASCII.
func quote(s string) string {
	var parts []string
	var literal strings.Builder
	end := func() {
		if literal.Len() > 0 {
			parts = append(parts, "'"+literal.String()+"'")
			literal.Reset()
		}
	}
	for _, r := range s {
		switch {
		case r == '\'':
			literal.WriteString("''")
		case ' ' <= r && r <= '~':
			literal.WriteRune(r)
		default:
			end()
			for _, unit := range utf16.Encode([]rune{r}) {
				parts = append(parts, fmt.Sprintf("[char]0x%04X", unit))
			}
		}
	}
	end()
	switch {
	case len(parts) == 0:
		return "''"
	case len(parts) == 1 && parts[0][0] == '\'':
		return parts[0]
	case parts[0][0] != '\'':
		parts = append([]string{"''"}, parts...) // what comes first says that it is a string
	}
	return "(" + strings.Join(parts, " + ") + ")"
}
