package signin

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/onesgate/onesgate/internal/signin/pages"
)

// A sign-in that succeeds and leads back to where one has to sign in goes round in
// circles, without anybody touching a key: the session's cookie is lost, say, or
// ONES sends people back although it is told who they are. Completed sign-ins are
// counted in a cookie, and the next one that begins after too many is explained.
const (
	maxRounds    = 3
	roundsWindow = time.Minute
)

// roundsLately is how many sign-ins this browser has completed in the last minute.
func (c cookies) roundsLately(r *http.Request, now time.Time) int {
	n, _ := c.readRounds(r, now)
	return n
}

func (c cookies) readRounds(r *http.Request, now time.Time) (n int, began time.Time) {
	var at int64
	if _, err := fmt.Sscanf(c.value(r, c.rounds), "%d-%d", &n, &at); err != nil || n < 0 || n > maxRounds {
		return 0, now
	}
	if began = time.Unix(at, 0); began.After(now) || now.Sub(began) >= roundsWindow {
		return 0, now
	}
	return n, began
}

// countRound counts a completed sign-in.
func (c cookies) countRound(w http.ResponseWriter, r *http.Request, now time.Time) {
	n, began := c.readRounds(r, now)
	c.set(w, c.rounds, fmt.Sprintf("%d-%d", min(n+1, maxRounds), began.Unix()), roundsWindow)
}

// goingInCircles stops the next round, until somebody wants it.
func (s *Site) goingInCircles(w http.ResponseWriter, r *http.Request, a attempt) {
	s.Log.WarnContext(r.Context(), "a browser keeps signing in: its cookies get lost, or ONES sends signed-in people back",
		"integration", a.Integration, "return_to", a.ReturnTo)
	s.pages.Message(w, r, pages.Message{
		Kind: pages.GoingInCircles,
		Actions: []pages.Action{
			{Label: pages.ActionTryAgain, URL: a.startURL(url.Values{paramAgain: {"yes"}})},
			{Label: pages.ActionOtherAccount, URL: a.startURL(url.Values{paramAgain: {"yes"}, paramPrompt: {promptSelect}})},
		},
	})
}
