package pgstore

import (
	"errors"
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://ones:secret@db.example/gateway":                       "postgres://db.example:5432/gateway",
		"postgres://ones:secret@a.example:1,b.example:2/gateway":          "postgres://a.example:1,b.example:2/gateway",
		"postgres://other:secret@db.example:5432/gateway?sslmode=disable": "postgres://db.example:5432/gateway",
	} {
		if got, err := (Options{URL: url}).Name(); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", url, got, err, want)
		}
	}
	if _, err := (Options{URL: "postgres://ones:secret@db example/"}).Name(); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a broken URL: %v", err)
	}
}
