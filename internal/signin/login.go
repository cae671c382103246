package signin

import (
	"crypto/rand"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// loginPage shows one button per integration.
func (s *Site) loginPage(w http.ResponseWriter, r *http.Request) {
	back := r.URL.Query().Get("return_to")
	var page pages.Login
	for _, i := range s.Integrations {
		page.Buttons = append(page.Buttons, pages.Button{
			Name: i.Name, Label: i.Label, URL: withReturn(pathLogin+"/"+i.Name, back),
		})
	}
	s.pages.Login(w, r, page)
}

// startLogin sends the browser to Microsoft (authorization code flow with PKCE,
// RFC 6749, section 4.1, and RFC 7636).
func (s *Site) startLogin(w http.ResponseWriter, r *http.Request) {
	i, ok := s.integration(r.PathValue("integration"))
	if !ok {
		s.refuse(w, r, pages.NotFound, "not_found", "No integration of that name is configured.")
		return
	}
	query := r.URL.Query()
	a := attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Integration: i.Name, ReturnTo: returnTo(query.Get("return_to")), Expires: s.Now().Add(attemptLife),
	}
	req := s.authRequest(a)
	if query.Get("prompt") == promptSelect {
		req.Prompt = promptSelect
	}
	to, err := i.Entra.AuthCodeURL(r.Context(), req)
	if err != nil {
		s.signInFailed(w, r, a, err)
		return
	}
	if err := s.cookies.begin(w, r, s.Seal, a); err != nil {
		s.signInFailed(w, r, a, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// promptSelect makes Microsoft ask which account to use.
const promptSelect = "select_account"

func (s *Site) authRequest(a attempt) entra.AuthRequest {
	return entra.AuthRequest{
		State: a.State, Nonce: a.Nonce, Verifier: a.Verifier, RedirectURI: s.url(pathCallback),
	}
}
