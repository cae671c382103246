package session

import (
	"encoding/base64"
	"testing"
)

// X11: a session's id is 256 random bits.
func TestX11SessionIDsAreRandom(t *testing.T) {
	const n = 1000
	var ones [idBytes * 8]int
	seen := map[string]bool{}
	for range n {
		cookie, _ := newCookie()
		id, err := base64.RawURLEncoding.DecodeString(cookie)
		if err != nil || len(id) != 32 || seen[cookie] {
			t.Fatalf("%q: %v, or there before", cookie, err)
		}
		seen[cookie] = true
		for i := range ones {
			ones[i] += int(id[i/8] >> (i % 8) & 1)
		}
	}
	for i, got := range ones { // 8 standard deviations: once in 10^15
		if got < n/2-127 || got > n/2+127 {
			t.Errorf("bit %d is set in %d of %d ids", i, got, n)
		}
	}
}
