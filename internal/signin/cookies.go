package signin

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
)

const (
	// attemptLife is how long somebody may take at Microsoft's pages.
	attemptLife = 15 * time.Minute
	// maxAttempts is how many sign-ins one browser may have under way (tabs).
	maxAttempts = 5
	// lastLife is how long a browser remembers how somebody signed in: as long as
	// browsers keep anything.
	lastLife = 400 * 24 * time.Hour
	// outLife is for how long after a sign-out nobody is signed in by themselves.
	outLife = 5 * time.Minute
	// maxCookie bounds what we seal into a cookie and decode from one, in bytes.
	maxCookie = 3500
)

// cookies names, writes, reads and hides our cookies. On https they carry the
// prefix __Host-, which binds them to this host and to TLS (RFC 6265bis, 4.1.3.2).
// The names of all others begin with that of the session's and a dash.
type cookies struct {
	secure  bool
	session string
	attempt string // prefix of the names of the attempts' cookies
	last    string // the integration that somebody signed in with last
	rounds  string // how often somebody has signed in lately
	out     string // somebody has just signed out
	checked string // the session whose grant was checked without a word lately
	// challenge is what Microsoft demands of the next sign-in, sealed.
	challenge string
}

func newCookies(public *url.URL) cookies {
	c := cookies{secure: public.Scheme == "https", session: "onesgate"}
	if c.secure {
		c.session = "__Host-onesgate"
	}
	c.attempt, c.last, c.rounds = c.session+"-login-", c.session+"-last", c.session+"-rounds"
	c.out, c.checked, c.challenge = c.session+"-out", c.session+"-checked", c.session+"-challenge"
	return c
}

func (c cookies) set(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: cmp.Or(int(maxAge.Seconds()), -1),
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (c cookies) clear(w http.ResponseWriter, name string) { c.set(w, name, "", 0) }

// sessionValue returns the value of the session's cookie, as value does.
func (c cookies) sessionValue(r *http.Request) string { return c.value(r, c.session) }

// value returns the value of a cookie, "" without one. With two of the name, one
// of them is not ours: neither is believed. It is on every request's way, so it
// makes no http.Cookie; what stands in a value is for its reader to judge.
func (c cookies) value(r *http.Request, name string) string {
	found, sole := 0, ""
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			key, value, _ := strings.Cut(pair, "=")
			if textproto.TrimString(key) == name {
				found++
				sole = textproto.TrimString(value)
			}
		}
	}
	if found != 1 {
		return ""
	}
	return sole
}

// any says whether a browser has sent any cookie of ours.
func (c cookies) any(r *http.Request) bool {
	return slices.ContainsFunc(r.Cookies(), func(cookie *http.Cookie) bool { return c.ours(cookie.Name) })
}

func (c cookies) ours(name string) bool {
	return name == c.session || strings.HasPrefix(name, c.session+"-")
}

// signedOut ends what a browser holds of a session, and has the next page ask
// before it signs in again.
func (c cookies) signedOut(w http.ResponseWriter) {
	c.clear(w, c.session)
	c.clear(w, c.rounds)
	c.set(w, c.out, "1", outLife)
}

// hide takes our cookies out of what goes to ONES.
func (c cookies) hide(h http.Header) {
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "onesgate") }) {
		return
	}
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			name = strings.TrimSpace(name)
			if pair != "" && !c.ours(name) {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}

// An attempt is one sign-in under way. It lives in a sealed cookie of its own,
// so that tabs don't disturb each other and strangers can't fill the store.
type attempt struct {
	State       string `json:"state"`
	Nonce       string `json:"nonce"`
	Verifier    string `json:"verifier"`
	Integration string `json:"integration"`
	ReturnTo    string `json:"return_to"`
	// Recheck is the ID of the session whose grant is checked; "": a sign-in.
	Recheck string `json:"recheck,omitempty"`
	// Room is what an account is to be connected with, by the admin whose session
	// has the ID Admin; "": none.
	Room    string    `json:"room,omitempty"`
	Admin   string    `json:"admin,omitempty"`
	Expires time.Time `json:"expires"`
}

var errCookie = errors.New("the cookie is longer than any of ours")

var errNoAttempt = errors.New("no sign-in under way belongs to this answer")

// attemptName is the cookie of an attempt: when it began, so that the oldest
// can be told, and which state it belongs to.
func (c cookies) attemptName(began time.Time, state string) string {
	return c.attempt + strconv.FormatInt(began.Unix(), 36) + "-" + stateMark(state)
}

func stateMark(state string) string {
	sum := sha256.Sum256([]byte(state))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// begin remembers an attempt in the browser, and forgets the oldest of too many.
func (c cookies) begin(w http.ResponseWriter, r *http.Request, keys *seal.Keyset, a attempt) error {
	name := c.attemptName(a.Expires.Add(-attemptLife), a.State)
	value, err := a.seal(keys, name)
	if err == nil && len(value) > maxCookie {
		a.ReturnTo = "/" // what was asked for doesn't fit: the front page it is
		value, err = a.seal(keys, name)
	}
	if err != nil {
		return err
	}
	var names []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, c.attempt) {
			names = append(names, cookie.Name)
		}
	}
	slices.Sort(names)
	for len(names) >= maxAttempts {
		c.clear(w, names[0])
		names = names[1:]
	}
	c.set(w, name, value, attemptLife)
	return nil
}

// seal is the value of an attempt's cookie.
func (a attempt) seal(keys *seal.Keyset, name string) (string, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	return sealCookie(keys, "login", name, plain)
}

// sealCookie is the value of a cookie that only we can read. It serves under its
// name only, and as nothing else.
func sealCookie(keys *seal.Keyset, kind, name string, plain []byte) (value string, err error) {
	sealed, err := keys.Seal(plain, kind, name)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openCookie undoes sealCookie.
func openCookie(keys *seal.Keyset, kind, name, value string) (plain []byte, err error) {
	if len(value) > maxCookie {
		return nil, errCookie
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil, err
	}
	return keys.Open(sealed, kind, name)
}

// finish returns the attempt that a state belongs to, and takes its cookie away.
func (c cookies) finish(w http.ResponseWriter, r *http.Request, keys *seal.Keyset, state string, now time.Time) (attempt, error) {
	mark := "-" + stateMark(state)
	for _, cookie := range r.Cookies() {
		if !strings.HasPrefix(cookie.Name, c.attempt) || !strings.HasSuffix(cookie.Name, mark) {
			continue
		}
		c.clear(w, cookie.Name)
		plain, err := openCookie(keys, "login", cookie.Name, cookie.Value)
		if err != nil {
			continue
		}
		var a attempt
		if json.Unmarshal(plain, &a) == nil && a.State == state && now.Before(a.Expires) {
			return a, nil
		}
	}
	return attempt{}, errNoAttempt
}
