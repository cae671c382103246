package signin

import (
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
)

// me says who is signed in and how their connection stands. Never a token.
func (s *Site) me(w http.ResponseWriter, r *http.Request) {
	current, ok := s.current(w, r)
	if !ok {
		return
	}
	if current == nil {
		problem(w, http.StatusUnauthorized, "sign_in_required", "Nobody is signed in.", s.url(pathLogin))
		return
	}
	body := struct {
		*identity.Person
		Connection string    `json:"connection"`
		LoginURL   string    `json:"login_url,omitempty"`
		SignedInAt time.Time `json:"signed_in_at"`
		ExpiresAt  time.Time `json:"expires_at"`
	}{Person: current.Person, Connection: s.connection(r.Context(), current), SignedInAt: current.Created, ExpiresAt: current.Expires}
	if !grant.State(body.Connection).Works() {
		body.LoginURL = s.url(pathLogin + "/" + current.Person.Integration)
	}
	answer(w, body)
}

// listIntegrations is for a sign-in button on ONES' own login page.
func (s *Site) listIntegrations(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		Name     string `json:"name"`
		Label    string `json:"label"`
		LoginURL string `json:"login_url"`
	}
	list := make([]entry, 0, len(s.Integrations))
	for _, i := range s.Integrations {
		label := i.Label
		if label == "" { // it has no language but one
			label = "Sign in with Microsoft 365"
			if len(s.Integrations) > 1 {
				label += " (" + i.Name + ")"
			}
		}
		list = append(list, entry{i.Name, label, s.url(pathLogin + "/" + i.Name)})
	}
	answer(w, map[string]any{"integrations": list})
}

// keys are the public keys of the signed assertion. They may be kept for a while:
// a new one is published long before it is used.
func (g *Gate) keys(w http.ResponseWriter, _ *http.Request) {
	answerFor(w, "max-age=300, public", g.Signer.Keys())
}

func (s *Site) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.Ready(); err != nil {
		problem(w, http.StatusServiceUnavailable, "not_ready", "The gateway is stopping, or its store can't be reached.", "")
		return
	}
	answer(w, map[string]string{"status": "ready"})
}
