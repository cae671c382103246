package identity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRoles(t *testing.T) {
	var many []any
	for i := range 40 {
		many = append(many, fmt.Sprint("role", i))
	}
	for name, tt := range map[string]struct {
		claim any
		want  []string
	}{
		"none":         {nil, nil},
		"two":          {[]any{"Ones.Admin", "Booker"}, []string{"Ones.Admin", "Booker"}},
		"one, as text": {"Ones.Admin", []string{"Ones.Admin"}},
		// What is cut off could become another role's name.
		"too long, empty, or with more than text": {[]any{strings.Repeat("x", 129), "", "Ones.Admin\n", " Booker", 7, "ok"}, []string{"ok"}},
	} {
		if got := (Rules{}).Person("tid", "sub", map[string]any{"roles": tt.claim}).Roles; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := (Rules{}).Person("tid", "sub", map[string]any{"roles": many}).Roles; len(got) != maxRoles {
		t.Errorf("%d roles are kept, want %d", len(got), maxRoles)
	}
}
