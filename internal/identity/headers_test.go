package identity

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestStripDeletesEveryAlias(t *testing.T) {
	for _, name := range []string{
		"X-Ones-User-Id", "x-ones-user-id", "X_Ones_User_Id", "X.Ones.User.Email", "X-ONES-ANYTHING", "x_ones-new",
	} {
		h := http.Header{name: {"evil"}, "Accept": {"*/*"}}
		if Strip(h) {
			t.Errorf("Strip(%q) reports an Ones-Act-As", name)
		}
		if len(h) != 1 || h.Get("Accept") == "" {
			t.Errorf("Strip(%q) left %v", name, h)
		}
	}
	for _, name := range []string{"Ones-Act-As", "ones_act_as", "ONES.ACT.AS"} {
		h := http.Header{name: {"bob"}}
		if !Strip(h) || len(h) != 0 {
			t.Errorf("Strip(%q): not reported or not deleted: %v", name, h)
		}
	}
	for _, name := range []string{"X-Onesie", "X-One", "Ones-Act-Asx", "X-Other-Ones-User-Id", ""} {
		h := http.Header{name: {"kept"}}
		if Strip(h); len(h) != 1 {
			t.Errorf("Strip deleted %q, which is not ours", name)
		}
	}
}

func TestStripGuardsConnection(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"ours alone", []string{"X-Ones-User-Id"}, nil},
		{"ours among others", []string{"keep-alive, x-ones-user-email , Upgrade"}, []string{"keep-alive, Upgrade"}},
		{"an alias", []string{"X_Ones_User_Id, close"}, []string{"close"}},
		{"two lines", []string{"close", "Ones-Act-As"}, []string{"close"}},
		{"nothing of ours", []string{"Upgrade"}, []string{"Upgrade"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Connection": tt.lines}
			Strip(h)
			if got := h["Connection"]; !slices.Equal(got, tt.want) {
				t.Errorf("Connection = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"Alice Chan":          "Alice Chan",
		"陳":                   "%E9%99%B3",
		"100%, sure":          "100%25%2C sure",
		"line\r\nX-Evil: yes": "line%0D%0AX-Evil: yes",
		"":                    "",
	} {
		if got := escape(in); got != want {
			t.Errorf("escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzStrip(f *testing.F) {
	f.Add("X-Ones-User-Id", "close, X-Ones-User-Id")
	f.Add("X_oNeS.x", "Upgrade,,Ones.Act-As")
	f.Fuzz(func(t *testing.T, name, connection string) {
		h := http.Header{name: {"v"}}
		if name != "Connection" {
			h["Connection"] = []string{connection}
		}
		Strip(h)
		folded := func(s string) string {
			return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(strings.Trim(s, " \t")))
		}
		ours := func(s string) bool {
			return strings.HasPrefix(folded(s), "x-ones-") || folded(s) == "ones-act-as"
		}
		for k := range h {
			if strings.HasPrefix(folded(k), "x-ones-") && k == strings.Trim(k, " \t") {
				t.Errorf("%q is still there", k)
			}
		}
		for _, line := range h["Connection"] {
			for token := range strings.SplitSeq(line, ",") {
				if strings.TrimFunc(token, func(r rune) bool { return r == ' ' || r == '\t' }) == token && ours(token) {
					t.Errorf("Connection still names %q", token)
				}
			}
		}
	})
}
