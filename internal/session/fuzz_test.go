package session

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
)

// A cookie's value is what base64 makes of an id, and nothing that only decodes
// to the same: each session has one value.
func FuzzParseCookie(f *testing.F) {
	value, _ := newCookie()
	for _, s := range []string{"", value, value + "=", value[:42], value + "A", "A" + value, value[:42] + "\n", value[:42] + "/", " " + value[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, ok := parseCookie(value)
		id, err := base64.RawURLEncoding.DecodeString(value)
		one := err == nil && len(id) == idBytes && base64.RawURLEncoding.EncodeToString(id) == value
		if ok != one || ok && key != sha256.Sum256(id) {
			t.Fatalf("parseCookie(%q) = %v, %v", value, key, ok)
		}
	})
}
