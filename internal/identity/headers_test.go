package identity

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestStripDeletesEveryAlias(t *testing.T) {
	for _, name := range []string{
		"X-Ones-User-Id", "x-ones-user-id", "X_Ones_User_Id", "X.Ones.User.Email", "X Ones User Id", "x-ones-", "X-ONES-ANYTHING", "x_ones-new",
		"X!Ones*User+Id", "X~Ones|User-Id", "X^Ones`User-Id",
	} {
		h := http.Header{name: {"evil"}, "Accept": {"*/*"}}
		if Strip(h) != nil {
			t.Errorf("Strip(%q) reports an Ones-Act-As", name)
		}
		if len(h) != 1 || h.Get("Accept") == "" {
			t.Errorf("Strip(%q) left %v", name, h)
		}
	}
	for _, name := range []string{"Ones-Act-As", "ones_act_as", "ONES.ACT.AS", "Ones#Act'As"} {
		h := http.Header{name: {"bob", "eve"}}
		if got := Strip(h); !slices.Equal(got, []string{"bob", "eve"}) || len(h) != 0 {
			t.Errorf("Strip(%q) returns %q and leaves %v", name, got, h)
		}
	}
	for _, name := range []string{"X-Onesie", "X-One", "Ones-Act-Asx", "X-Other-Ones-User-Id", "X0Ones9User-Id", ""} {
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

// Whom a request names is known before and after the gate, and twice stays twice.
func TestActAs(t *testing.T) {
	for name, tt := range map[string]struct {
		header http.Header
		want   []string
	}{
		"nobody":     {http.Header{"Accept": {"*/*"}, "X-Ones-User-Id": {"evil"}}, nil},
		"somebody":   {http.Header{"Ones-Act-As": {"bob"}}, []string{"bob"}},
		"nothing":    {http.Header{"Ones-Act-As": {""}}, []string{""}},
		"two":        {http.Header{"Ones-Act-As": {"bob", "eve"}}, []string{"bob", "eve"}},
		"one, twice": {http.Header{"Ones-Act-As": {"bob", "bob"}}, []string{"bob", "bob"}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = tt.header
		if got := ActAs(r); !slices.Equal(got, tt.want) {
			t.Errorf("%s: straight here: %q, want %q", name, got, tt.want)
		}
		stripped := r.WithContext(WithActAs(r.Context(), Strip(r.Header)))
		if got := ActAs(stripped); !slices.Equal(got, tt.want) {
			t.Errorf("%s: through the gate: %q, want %q", name, got, tt.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(WithActAs(r.Context(), []string{"bob"}))
	r.Header.Set(HeaderActAs, "eve") // something between the gate and us
	if got := ActAs(r); !slices.Equal(got, []string{"bob", "eve"}) {
		t.Errorf("named on both ways: %q", got)
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

// FuzzStrip: no header of ours survives under any name that somebody could take for
// it, nor a word of Connection that would have it deleted later; others stay as
// they are.
func FuzzStrip(f *testing.F) {
	f.Add("X-Ones-User-Id", "Accept", "close, X-Ones-User-Id")
	f.Add("X_oNeS.x", "Ones-Act As", "Upgrade,,Ones.Act-As")
	f.Add("Connection", "X-Onesie", "")
	f.Add("a", "b", "\nOnes ACt As")
	f.Add("x.ones", "\xffX-Ones-", " \tX-Ones-A\t,keep-alive")
	const small, capital, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	fold := func(name string) string {
		b := []byte(name)
		for i, c := range b {
			if at := strings.IndexByte(capital, c); at >= 0 {
				b[i] = small[at]
			} else if strings.IndexByte(small+digits, c) < 0 {
				b[i] = '-'
			}
		}
		return string(b)
	}
	ours := func(name string) bool {
		name = fold(name)
		return strings.HasPrefix(name, "x-ones-") || name == "ones-act-as"
	}
	f.Fuzz(func(t *testing.T, one, two, connection string) {
		h := http.Header{"Connection": {connection, "close"}}
		for _, name := range []string{one, two, http.CanonicalHeaderKey(one), http.CanonicalHeaderKey(two)} {
			if name != "Connection" {
				h[name] = []string{"v", "w"}
			}
		}
		before := h.Clone()
		acts := Strip(h)
		for name, values := range before {
			got, there := h[name]
			switch {
			case ours(name) && there:
				t.Errorf("%q is still there", name)
			case !ours(name) && name != "Connection" && !slices.Equal(got, values):
				t.Errorf("%q was %q and is %q", name, values, got)
			}
		}
		var acted []string
		for name, values := range before {
			if fold(name) == "ones-act-as" {
				acted = append(acted, values...)
			}
		}
		if !slices.Equal(slices.Sorted(slices.Values(acts)), slices.Sorted(slices.Values(acted))) {
			t.Errorf("Strip returns %q of Ones-Act-As, want %q", acts, acted)
		}
		var kept, left []string
		for _, line := range before["Connection"] {
			for token := range strings.SplitSeq(line, ",") {
				if token = strings.Trim(token, " \t\r\n"); token != "" && !ours(token) {
					kept = append(kept, token)
				}
			}
		}
		for _, line := range h["Connection"] {
			for token := range strings.SplitSeq(line, ",") {
				if token = strings.Trim(token, " \t\r\n"); token != "" {
					left = append(left, token)
				}
			}
		}
		if !slices.Equal(kept, left) {
			t.Errorf("Connection %q names %q, want %q", before["Connection"], left, kept)
		}
	})
}
