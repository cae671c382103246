package signin

import (
	"crypto/rand"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// loginPage shows one button per integration.
func (s *Site) loginPage(w http.ResponseWriter, r *http.Request) {
	back := r.URL.Query().Get("return_to")
	last := s.cookies.value(r, s.cookies.last)
	var page pages.Login
	for _, i := range s.Integrations {
		page.Buttons = append(page.Buttons, pages.Button{
			Name: i.Name, Label: i.Label, URL: withReturn(pathLogin+"/"+i.Name, back), Last: i.Name == last,
		})
	}
	switch {
	case r.URL.Query().Get(paramWhy) == whyEnded:
		page.Notice = pages.ConnectionEnded
	case s.cookies.value(r, s.cookies.out) != "":
		page.Notice = pages.JustSignedOut
	}
	s.pages.Login(w, r, page)
}

// Parameters of the addresses that a sign-in begins at.
const (
	// paramWhy of the login page says why it is shown.
	paramWhy = "why"
	whyEnded = "ended"
	// paramPrompt and promptSelect make Microsoft ask which account to use.
	paramPrompt  = "prompt"
	promptSelect = "select_account"
	// paramAgain begins although the last sign-ins have led nowhere.
	paramAgain = "again"
)

// startLogin sends the browser to Microsoft.
func (s *Site) startLogin(w http.ResponseWriter, r *http.Request) {
	i, ok := s.integration(r.PathValue("integration"))
	if !ok {
		s.refuse(w, r, pages.NotFound, "not_found", "No integration of that name is configured.")
		return
	}
	// Pages of this site and of its siblings can load the address as an image or by a
	// script, many times at once: each would leave a cookie, and none knows of the others.
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		problem(w, http.StatusForbidden, "forbidden", "A sign-in begins where a browser goes to this address.", "")
		return
	}
	query := r.URL.Query()
	a := s.newAttempt(i, query.Get("return_to"))
	switch {
	case query.Has(paramAgain):
		s.cookies.clear(w, s.cookies.rounds)
	case s.cookies.roundsLately(r, s.Now()) >= maxRounds:
		s.goingInCircles(w, r, a)
		return
	}
	var asked entra.AuthRequest
	if query.Get(paramPrompt) == promptSelect { // another account, of which nothing is demanded
		asked.Prompt = promptSelect
	} else {
		asked.Claims = s.demanded(r, i)
	}
	if err := s.toMicrosoft(w, r, i, a, asked); err != nil {
		s.signInFailed(w, r, a, err)
	}
}

// newAttempt begins a sign-in that leads back to a path.
func (s *Site) newAttempt(i Integration, back string) attempt {
	return attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Integration: i.Name, ReturnTo: returnTo(back), Expires: s.Now().Add(attemptLife),
	}
}

// toMicrosoft sends the browser to Microsoft with an attempt (authorization code
// flow with PKCE, RFC 6749, section 4.1, and RFC 7636). asked is how Microsoft
// shall ask. If it can't, nothing has been answered yet.
func (s *Site) toMicrosoft(w http.ResponseWriter, r *http.Request, i Integration, a attempt, asked entra.AuthRequest) error {
	req := s.authRequest(a)
	req.Prompt, req.LoginHint, req.Claims = asked.Prompt, asked.LoginHint, asked.Claims
	to, err := i.Entra.AuthCodeURL(r.Context(), req)
	if err != nil {
		return err
	}
	if err := s.cookies.begin(w, r, s.Seal, a); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (s *Site) authRequest(a attempt) entra.AuthRequest {
	back := pathCallback
	if a.Room != "" {
		back = pathRoomCallback
	}
	return entra.AuthRequest{
		State: a.State, Nonce: a.Nonce, Verifier: a.Verifier, RedirectURI: s.url(back),
	}
}

// startURL is where an attempt like this one begins, with more parameters.
func (a attempt) startURL(params url.Values) string {
	if a.ReturnTo != "" && a.ReturnTo != "/" {
		params.Set("return_to", a.ReturnTo)
	}
	to := pathLogin + "/" + a.Integration
	if len(params) > 0 {
		to += "?" + params.Encode()
	}
	return to
}
