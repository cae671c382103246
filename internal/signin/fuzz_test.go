package signin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/onesgate/onesgate/internal/seal"
)

// X2: what is public under the plain reading of a path is public under every
// other one that a server behind us might have: decoded again, parameters cut
// off, backslashes for slashes, control characters skipped, dots resolved.
func FuzzPublic(f *testing.F) {
	for _, target := range []string{
		"/display/1", "/display/", "/robots.txt", "/display/../admin", "/display/%2e%2e/admin", "/display/..%2fadmin", "/display/%252e%252e/admin",
		"/display/..;/admin", "/display/x;y/../admin", "/display\\..\\admin", "/display/.%0a./admin", "/display//admin", "/display/%23/../admin",
		"/display/caf%C3%A9", "/display/%c0%ae%c0%ae/admin", "/%64isplay/1", "/display/x%3f/../../admin", "/display/.", "/display/..",
	} {
		f.Add(target)
	}
	p, err := ParsePublic([]string{"/display/*", "/robots.txt"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !p.Match(u) {
			return
		}
		sent, err := url.ParseRequestURI(u.RequestURI()) // what a proxy sends on
		if err != nil || !p.Match(sent) {
			t.Fatalf("%q is public, but not as it is sent on: %q", target, u.RequestURI())
		}
		for _, reading := range readings(u.Path) {
			if reading != "/robots.txt" && !strings.HasPrefix(reading, "/display/") && reading != "/display" {
				t.Fatalf("%q is public, but may be read as %q", target, reading)
			}
		}
	})
}

// readings are the paths that servers have been seen to make of one that they
// have decoded.
func readings(decoded string) []string {
	all := []string{decoded}
	for range 2 {
		if decoded, err := url.PathUnescape(all[len(all)-1]); err == nil {
			all = append(all, decoded)
		}
	}
	for _, read := range []func(string) string{
		func(s string) string { return strings.ReplaceAll(s, `\`, "/") },
		func(s string) string { s, _, _ = strings.Cut(s, "?"); return s },
		func(s string) string { s, _, _ = strings.Cut(s, "#"); return s },
		func(s string) string { s, _, _ = strings.Cut(s, "\x00"); return s },
		func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsControl(r) {
					return -1
				}
				return r
			}, s)
		},
		func(s string) string {
			segments := strings.Split(s, "/")
			for i := range segments {
				segments[i], _, _ = strings.Cut(segments[i], ";")
			}
			return strings.Join(segments, "/")
		},
		path.Clean,
	} {
		for _, s := range slices.Clone(all) {
			all = append(all, read(s))
		}
	}
	return all
}

// Whatever cookies come: ours never reach ONES, the others do as they are, and
// only the one session cookie that is ours signs anybody in. SESSION in the
// header is a live session's value; a line break begins another line.
func FuzzGateCookies(f *testing.F) {
	for _, header := range []string{
		"", "a=1", "__Host-onesgate=SESSION", "a=1; __Host-onesgate=SESSION; b=2", "__Host-onesgate=SESSION; __Host-onesgate=SESSION",
		"__Host-onesgate=SESSION\n__Host-onesgate=x", "__Host-onesgate =SESSION", " __Host-onesgate= SESSION ", "__host-onesgate=SESSION",
		"__Host-onesgate=\"SESSION\"", "__Host-onesgate-login-x-y=z; b=\"2;3\"", "onesgate=SESSION", "a=__Host-onesgate=SESSION", "__Host-onesgate",
		"__Host-onesgate=SESSIONx; c", "=__Host-onesgate=SESSION", ";;; __Host-onesgate=SESSION;", "__Host-onesgate\t=SESSION", "a=1, __Host-onesgate=SESSION",
		"__Host-onesgate\u00a0=SESSION", "\u2003__Host-onesgate=SESSION",
	} {
		f.Add(header)
	}
	st := newStage(f, func(c *GateConfig) { c.Optional = true })
	f.Fuzz(func(t *testing.T, header string) {
		lines := strings.Split(strings.ReplaceAll(header, "SESSION", st.cookie), "\n")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = lines
		var others, ours []string
		for _, line := range lines {
			for pair := range strings.SplitSeq(line, ";") {
				name, value, _ := strings.Cut(pair, "=")
				if strings.Trim(name, " \t") == "__Host-onesgate" {
					ours = append(ours, strings.Trim(value, " \t"))
				}
				name = strings.TrimSpace(name)
				if pair = strings.TrimSpace(pair); pair != "" && name != "__Host-onesgate" && !strings.HasPrefix(name, "__Host-onesgate-") {
					others = append(others, pair)
				}
			}
		}
		signedIn := len(ours) == 1 && ours[0] == st.cookie

		st.reach = nil
		if err := st.Serve(httptest.NewRecorder(), r, r.URL, st.next); err != nil || len(st.reach) != 1 {
			t.Fatalf("%q: %v, reached %d", header, err, len(st.reach))
		}
		h := st.reach[0].Header
		if got := h.Get("X-Ones-User-Id"); (got == "tid.alice") != signedIn || got != "" && !signedIn {
			t.Fatalf("%q signs in %q, want somebody: %v", header, got, signedIn)
		}
		for _, c := range st.reach[0].Cookies() {
			if c.Name == "__Host-onesgate" || strings.HasPrefix(c.Name, "__Host-onesgate-") {
				t.Fatalf("%q: %s reached ONES", header, c.Name)
			}
		}
		var kept []string
		for _, line := range h["Cookie"] {
			for pair := range strings.SplitSeq(line, ";") {
				if pair = strings.TrimSpace(pair); pair != "" {
					kept = append(kept, pair)
				}
			}
		}
		if !slices.Equal(kept, others) {
			t.Fatalf("%q: ONES gets %q, want %q", header, kept, others)
		}
	})
}

// Only an attempt's own cookie, untouched and under its own name, brings it back.
// NAME and VALUE in the header are those of a real one.
func FuzzAttemptCookie(f *testing.F) {
	for _, header := range []string{
		"", "NAME=VALUE", "a=b; NAME=VALUE", "NAMEx=VALUE", "xNAME=VALUE", "NAME=VALUEx", "NAME=xVALUE", "NAME=", "NAME", "NAME=VALUE; NAME=VALUE",
		"NAME=x; NAME=VALUE", "__Host-onesgate-login-0-MARK=VALUE", "__Host-onesgate-login--MARK=VALUE", "NAME=\"VALUE\"", "NAME=VALUE=", "NAME=!!!!", "NAME= VALUE",
	} {
		f.Add(header)
	}
	keys, err := seal.New()
	if err != nil {
		f.Fatal(err)
	}
	c := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	now := time.Now()
	want := attempt{State: "state", Nonce: "nonce", Verifier: "verifier", Integration: "contoso", ReturnTo: "/rooms", Expires: now.Add(attemptLife)}
	name := c.attemptName(now, want.State)
	value, err := want.seal(keys, name)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, CallbackPath, nil)
		r.Header["Cookie"] = []string{strings.NewReplacer("NAME", name, "VALUE", value, "MARK", stateMark(want.State)).Replace(header)}
		w := httptest.NewRecorder()
		got, err := c.finish(w, r, keys, want.State, now)
		genuine := slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool { return c.Name == name && c.Value == value })
		if (err == nil) != genuine || genuine && (got.Nonce != want.Nonce || got.ReturnTo != want.ReturnTo) {
			t.Fatalf("%q: %+v, %v; want it: %v", header, got, err, genuine)
		}
		if err := c.begin(w, r, keys, want); err != nil {
			t.Fatal(err)
		}
		for _, set := range w.Result().Cookies() {
			if !strings.HasPrefix(set.Name, c.attempt) || !set.Secure || !set.HttpOnly || set.Path != "/" {
				t.Fatalf("%q made us set %v", header, set)
			}
		}
	})
}

// Whatever query and cookies an answer comes with: it is answered with a page or
// a way on this host, and nothing is asked of Microsoft unless state and code are
// there once and the state is of an attempt of this browser. STATE and CODE are
// those of a real one, whose cookies the browser has if it is told to.
func FuzzCallback(f *testing.F) {
	for _, query := range []string{
		"", "state=STATE&code=CODE", "state=STATE&code=x", "state=x&code=CODE", "state=STATE", "code=CODE", "state=STATE&state=STATE&code=CODE",
		"state=STATE&code=CODE&code=CODE", "state=STATE&error=access_denied", "state=STATE&error=access_denied&code=CODE", "error=server_error",
		"state=STATE&error=a&error=b", "state=STATE&error=&code=CODE", "state=STATE&code=CODE&return_to=//evil.example", "state=STATE;code=CODE",
		"state=STATE&code=CODE&iss=https://evil.example", "state=STATE&code=CODE&iss=" + flowIssuer, "state=%53TATE&code=CODE", "%zz", "state=STATE&code=CODE&%zz", "state=STATE&code=CODE#x",
		"state=STATE&error=x&error_description=AADSTS65001:%20%3Cscript%3E&error_subcode=%0d%0aX:y", "STATE=STATE&CODE=CODE", "state[]=STATE&code[]=CODE",
		"state=STATE&code=CODE&session_state=x", "state=STATE&code=CODE&admin_consent=True", "admin_consent=True&tenant=x&error=%3Cscript%3E", "state=STATE%00&code=CODE",
	} {
		f.Add(query, true)
		f.Add(query, false)
	}
	fl := newFlow(f, nil)
	f.Fuzz(func(t *testing.T, query string, ours bool) {
		clear(fl.jar)
		request := fl.begin(t, "/rooms")
		if !ours {
			clear(fl.jar)
		}
		code := fl.authorize(request)
		query = strings.NewReplacer("STATE", request.Get("state"), "CODE", code).Replace(query)
		r := httptest.NewRequest(http.MethodGet, CallbackPath, nil)
		r.URL.RawQuery = query
		for name, value := range fl.jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		fl.reach, fl.forms = nil, nil
		w := httptest.NewRecorder()
		if err := fl.Serve(w, r, r.URL, fl.next); err != nil || len(fl.reach) != 0 {
			t.Fatalf("%q: %v, reached ONES %d times", query, err, len(fl.reach))
		}
		q := r.URL.Query()
		belongs := ours && len(q["state"]) == 1 && q.Get("state") == request.Get("state")
		asks := belongs && len(q["code"]) == 1 && q.Get("code") != "" && !q.Has("error") && !q.Has("admin_consent") &&
			(!q.Has("iss") || slices.Equal(q["iss"], []string{flowIssuer}))
		if len(fl.forms) > 0 != asks {
			t.Fatalf("%q: %d calls of the token endpoint, want one: %v", query, len(fl.forms), asks)
		}
		in := false
		for _, c := range w.Result().Cookies() {
			in = in || c.Name == "__Host-onesgate" && c.MaxAge >= 0
		}
		if in != (asks && q.Get("code") == code) {
			t.Fatalf("%q: signed in: %v (%d %s)", query, in, w.Code, w.Body)
		}
		to := w.Header().Get("Location")
		if in && (w.Code != http.StatusSeeOther || to != "/rooms") || !in && (w.Code < 400 && !q.Has("admin_consent") || to != "") {
			t.Fatalf("%q: %d to %q", query, w.Code, to)
		}
		if strings.Contains(w.Body.String(), "<script") {
			t.Fatalf("%q: %s", query, w.Body)
		}
	})
}
