package signin

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
)

// returnToCase is a line of testdata/return_to.txt.
type returnToCase struct{ raw, want string }

func returnToCorpus(t testing.TB) []returnToCase {
	t.Helper()
	f, err := os.Open("testdata/return_to.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []returnToCase
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		raw, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		want, err := strconv.Unquote(strings.TrimSpace(line[len(quoted):]))
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		cases = append(cases, returnToCase{raw, want})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// X7: what a link asks for is made a path of this host, or refused.
func TestX7ReturnTo(t *testing.T) {
	cases := returnToCorpus(t)
	if len(cases) < 200 {
		t.Fatalf("%d cases; there were more", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.raw] {
			t.Errorf("%q is there twice", c.raw)
		}
		seen[c.raw] = true
		if got := returnTo(c.raw); got != c.want {
			t.Errorf("returnTo(%.80q) = %.80q, want %.80q", c.raw, got, c.want)
		}
		staysHere(t, c.raw)
	}
}

// staysHere fails if a browser that is sent where returnTo says would leave.
func staysHere(t *testing.T, raw string) {
	t.Helper()
	got := returnTo(raw)
	if again := returnTo(got); again != got {
		t.Fatalf("returnTo(%q) = %q, and of that %q", raw, got, again)
	}
	w := httptest.NewRecorder()
	http.Redirect(w, httptest.NewRequest(http.MethodGet, "/.ones/callback", nil), got, http.StatusSeeOther)
	base := url.URL{Scheme: "https", Host: "ones.example", Path: "/.ones/callback"}
	for _, to := range []string{got, w.Header().Get("Location")} {
		u, err := base.Parse(to)
		if err != nil || u.Scheme != base.Scheme || u.Host != base.Host || u.User != nil {
			t.Fatalf("returnTo(%q) leads to %q, which is %v, %v", raw, to, u, err)
		}
		if leaves(to) {
			t.Fatalf("returnTo(%q) leads to %q, where a browser leaves this host", raw, to)
		}
	}
}

// leaves says whether a browser takes s, met on a page of https, for anything
// but a path of that page's host: the WHATWG URL standard's basic parser, as far
// as that goes. "https:" without slashes would stay, but counts as leaving.
func leaves(s string) bool {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	if i := strings.IndexAny(s, ":/\\?#"); i > 0 && s[i] == ':' {
		return true // a scheme
	}
	return strings.HasPrefix(strings.ReplaceAll(s, `\`, "/"), "//")
}

// The check above must itself know what leads away.
func TestLeaves(t *testing.T) {
	for s, want := range map[string]bool{
		"//evil.example": true, `/\evil.example`: true, `\\evil.example`: true, "/\t/evil.example": true, " //evil.example": true,
		"https://evil.example": true, "java\nscript:alert(1)": true, "\x01javascript:alert(1)": true, "mailto:a@b": true,
		"/": false, "/rooms?u=https://evil.example": false, "/%5cevil.example": false, "/a:b": false, "/.//evil.example": false, "": false,
	} {
		if got := leaves(s); got != want {
			t.Errorf("leaves(%q) = %v, want %v", s, got, want)
		}
	}
}

// X7: whatever is asked for, a browser that is sent there stays on this host.
func FuzzReturnTo(f *testing.F) {
	for _, c := range returnToCorpus(f) {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) { staysHere(t, raw) })
}
