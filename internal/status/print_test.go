package status

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A credential that ends today has not ended yet.
func TestCredentialsInWords(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for left, want := range map[int]string{8: "client_secret 1, 8 days left", 1: "client_secret 1, 1 day left", 0: "client_secret 1, ends today", -1: "client_secret 1, EXPIRED"} {
		i := Integration{Works: new(true), Credentials: []Credential{{
			Name: "client_secret 1", About: "client_secret", DaysLeft: &left, Expires: new(now.AddDate(0, 0, left)),
		}}}
		var told []string
		i.print(func(_, how string, args ...any) { told = append(told, fmt.Sprintf(how, args...)) }, now)
		if !slices.Contains(told, want) {
			t.Errorf("%d days left: told %q, want %q", left, told, want)
		}
	}
}
