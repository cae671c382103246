package signin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRounds(t *testing.T) {
	c := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	now := time.Unix(1_800_000_000, 0)
	request := func(value string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if value != "" {
			r.AddCookie(&http.Cookie{Name: "__Host-onesgate-rounds", Value: value})
		}
		return r
	}
	at := strconv.FormatInt(now.Unix(), 10)
	for value, want := range map[string]int{
		"": 0, "x": 0, "-1-" + at: 0, "4-" + at: 0, "99999999999999999999-" + at: 0, "2": 0,
		"1-" + at: 1, "3-" + at: 3,
		"3-" + strconv.FormatInt(now.Add(-roundsWindow).Unix(), 10): 0,
		"3-" + strconv.FormatInt(now.Add(time.Hour).Unix(), 10):     0, // a clock that went back locks nobody out
	} {
		if got := c.roundsLately(request(value), now); got != want {
			t.Errorf("%q: %d rounds, want %d", value, got, want)
		}
	}
	value := ""
	for n := range 5 {
		w := httptest.NewRecorder()
		c.countRound(w, request(value), now.Add(time.Duration(n)*time.Second))
		value = w.Result().Cookies()[0].Value
		if got := c.roundsLately(request(value), now.Add(30*time.Second)); got != min(n+1, maxRounds) {
			t.Errorf("after %d sign-ins: %d rounds", n+1, got)
		}
	}
	if got := c.roundsLately(request(value), now.Add(roundsWindow)); got != 0 {
		t.Errorf("a minute after the first: %d rounds", got)
	}
}

// Whoever wants to goes round once more.
func TestAnotherRound(t *testing.T) {
	f := newFlow(t, nil)
	f.jar["__Host-onesgate-rounds"] = "3-" + strconv.FormatInt(time.Now().Unix(), 10)
	w := f.browse(t, http.MethodGet, "/.ones/login/contoso", "Accept", "text/html")
	link := "/.ones/login/contoso?" + url.Values{paramAgain: {"yes"}}.Encode()
	if !strings.Contains(w.Body.String(), `data-kind="going_in_circles"`) || !strings.Contains(w.Body.String(), `"`+link+`"`) {
		t.Fatalf("the fourth round: %d %s", w.Code, w.Body)
	}
	w = f.browse(t, http.MethodGet, link, "Accept", "text/html")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(to, "https://login.example/") {
		t.Errorf("after that: %d to %q, want Microsoft", w.Code, to)
	}
}

// An answer that comes twice, by a double click, leads on whoever it has signed in.
func TestAnswerThatComesTwice(t *testing.T) {
	for name, signedIn := range map[string]bool{"signed in by the first": true, "not signed in": false} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			if signedIn {
				f.signIn(t, "/")
			}
			request := f.begin(t, "/rooms")
			w := f.browse(t, http.MethodGet, callbackURL("used", request.Get("state")), "Accept", "text/html")
			if on := w.Code == http.StatusSeeOther && w.Header().Get("Location") == "/rooms"; on != signedIn {
				t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
			}
			if page := strings.Contains(w.Body.String(), `data-kind="already_used"`); page == signedIn {
				t.Errorf("explained: %v\n%s", page, w.Body)
			}
		})
	}
}

func TestBrowserOf(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":              "Edge, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15":                      "Safari, macOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0":                                                                     "Firefox, Linux",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36":                      "Chrome, Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.0.0 Mobile/15E148 Safari/604.1": "Chrome, iPhone",
		"curl/8.14.1":               "curl",
		"":                          "",
		"\x1b[31m" + "evil\r\nname": "[31mevilname",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User-Agent", agent)
		if got := browserOf(r); got != want {
			t.Errorf("browserOf(%q) = %q, want %q", agent, got, want)
		}
	}
}
