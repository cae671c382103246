package storetest

import (
	"os"
	"strconv"
	"testing"
)

// Rounds is how often a test does what it does: as often as an environment variable
// says, for a soak, else otherwise.
func Rounds(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number of rounds", variable, text)
	}
	return n
}
