package identity

import (
	"slices"
	"strings"
	"unicode"
)

// Rules say how an integration makes people out of claims.
type Rules struct {
	Integration   string
	DefaultGroups []string
	// Allow names those who may enter, by groups of the directory, each as
	// GroupName has it, or by "role:" and an app role; empty: everybody.
	Allow []string
	// AllowGuests lets in guests of the tenant, too.
	AllowGuests bool
	// MapGroups leads from a group of the directory, as GroupName has it, or
	// "role:" and an app role, to a group of ONES.
	MapGroups map[string]string
	// CardClaim names the claim of the card number; "pager" tries the names
	// under which the directory's pager attribute appears in a token.
	CardClaim string
	// CardFormat is what ONES gets of it.
	CardFormat CardFormat
}

// Person makes a person out of the claims of a verified ID token. tenant stands
// in where a provider sends no "tid". The claims "name", "email" and
// "preferred_username" are there only if the tenant has configured them: with
// the three permissions of the ONES manual they are absent.
func (r Rules) Person(tenant, subject string, claims map[string]any) Person {
	card, _ := r.Card(claims)
	p := Person{
		ID:            PersonID(tenant, subject),
		ObjectID:      Clean(text(claims["oid"])),
		TenantID:      tenant,
		Integration:   r.Integration,
		Name:          Clean(text(claims["name"])),
		Email:         Address(first(claims["email"])),
		DefaultGroups: r.DefaultGroups,
		Groups:        slices.Clone(r.DefaultGroups),
		Roles:         roles(claims),
		CardNumber:    card,
	}
	if p.Email == "" {
		p.Email = Address(first(claims["preferred_username"]))
	}
	for _, name := range memberships(claims) {
		if group, ok := r.MapGroups[name]; ok && !slices.Contains(p.Groups, group) {
			p.Groups = append(p.Groups, group)
		}
	}
	return p
}

// Card returns the card number that a token tells, in the format of ONES; "" if
// there is none. ok is false if what stands there is no number of that format.
func (r Rules) Card(claims map[string]any) (number string, ok bool) {
	if number = r.cardClaim(claims); number == "" {
		return "", true
	}
	return r.CardFormat.Normalize(number)
}

// cardClaim finds the claim with the card number. On-premises "pager" reaches a
// token as a directory extension: "extn.pager", or "extension_<app>_pager" where a
// claims mapping names it so.
func (r Rules) cardClaim(claims map[string]any) string {
	if r.CardClaim != "pager" {
		return text(claims[r.CardClaim])
	}
	names := []string{"extn.pager"}
	for name := range claims {
		if strings.HasPrefix(name, "extension_") && strings.HasSuffix(strings.ToLower(name), "_pager") {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	for _, name := range append(names, "pager") {
		if v := text(claims[name]); v != "" {
			return v
		}
	}
	return ""
}

// maxText bounds what a claim or a mailbox may say, in bytes.
const maxText = 256

// text reads a claim that is a string, or a list of strings whose first counts.
func text(claim any) string { return clean(first(claim)) }

// first is text as it came.
func first(claim any) string {
	if l := list(claim); len(l) > 0 {
		return l[0]
	}
	return ""
}

func list(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		var l []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				l = append(l, s)
			}
		}
		return l
	}
	return nil
}

// maxAddress is the longest address that mail can be sent to, in bytes (RFC 5321,
// section 4.5.3.1.3).
const maxAddress = 254

// Address returns an address that came from outside, without white space around
// it; "": it is none, or one that two readers could understand differently. Nothing
// is left out of it: a part of an address is another one.
func Address(s string) string {
	s = strings.TrimSpace(s)
	local, domain, _ := strings.Cut(s, "@")
	switch {
	case local == "" || domain == "" || strings.Contains(domain, "@"), len(s) > maxAddress, clean(s) != s,
		strings.ContainsFunc(s, unicode.IsSpace), strings.ContainsAny(s, `<>,;:"()[]\`):
		return ""
	}
	return s
}

// FoldCase is an address or a card number to be compared: without the case of ASCII
// letters. Others stay as they are: some of them become ASCII in lower case (the
// Kelvin sign a k), and one could be made that is taken for somebody else's.
func FoldCase(address string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, address)
}

// Clean drops control characters, outer white space and what is over 256 bytes
// from a text that came from outside.
func Clean(s string) string {
	s = clean(s)
	if len(s) > maxText {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:maxText], ""))
	}
	return s
}

// clean is Clean without a bound.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(s)
}
