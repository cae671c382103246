package grant_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
	"pgregory.net/rapid"
)

// TestModel drives one grant through sign-ins, outages, refusals and
// restarts in any order. Whatever happens, the newest refresh token is the one in
// the store until Microsoft calls it dead, and only an access token that is good
// is given out.
func TestModel(t *testing.T) {
	w := newWorld(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &model{w: w, k: w.keeper(), owner: fmt.Sprintf("tenant.%d", runs), issued: map[string]time.Time{}}
		defer func() { m.k.Close() }()
		w.configure("contoso") // no breaker from the run before
		w.idp.set(m.answer)
		rt.Repeat(map[string]func(*rapid.T){
			"sign in":       m.signIn,
			"token":         m.token,
			"refused token": m.refusedToken,
			"restart":       func(*rapid.T) { m.k.Close(); m.k = w.keeper() },
			"microsoft": func(rt *rapid.T) {
				m.mood = rapid.SampledFrom([]string{"", "", "", "down", refusedLoop, refusedDead, refusedPerson, refusedAdmin, refusedOperator}).Draw(rt, "mood")
			},
			// Never into the minutes in which a token is renewed in the background.
			"time passes": func(*rapid.T) { w.advance(15 * time.Minute) },
			"":            m.check,
		})
	})
}

type model struct {
	w     *world
	k     *grant.Keeper
	owner string
	mood  string // of Microsoft: "": fine, "down", or how it refuses

	refresh string               // the newest refresh token
	grant   bool                 // there is one
	issued  map[string]time.Time // access tokens of this owner, and when they expire
	last    string               // the one given out last
	n       int
}

func (m *model) next() (access, refresh string) {
	m.n++
	access, m.refresh = fmt.Sprintf("access-%s-%d", m.owner, m.n), fmt.Sprintf("refresh-%s-%d", m.owner, m.n)
	m.issued[access] = m.w.now().Add(time.Hour)
	return access, m.refresh
}

// answer is Microsoft. It is called while a Token of the test waits for it.
func (m *model) answer(w http.ResponseWriter, token string) bool {
	switch {
	case m.mood == "down":
		w.WriteHeader(http.StatusServiceUnavailable)
	case m.mood != "":
		if m.mood == refusedDead {
			m.refresh = ""
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, m.mood)
	case token != m.refresh:
		w.WriteHeader(http.StatusTeapot) // an old one: check will find out why
	default:
		access, refresh := m.next()
		_, _ = fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":%q,"refresh_token":%q}`, access, refresh)
	}
	return true
}

func (m *model) signIn(rt *rapid.T) {
	access, refresh := m.next()
	state := rapid.SampledFrom([]grant.State{grant.Connected, grant.NoMailbox}).Draw(rt, "state")
	err := m.k.Save(rt.Context(), m.owner, "contoso", entra.Tokens{Access: access, Refresh: refresh, Expires: m.issued[access]}, state)
	if err != nil {
		rt.Fatal(err)
	}
	m.grant = true
	m.wantState(rt, state)
}

func (m *model) token(rt *rapid.T)        { m.ask(rt, "") }
func (m *model) refusedToken(rt *rapid.T) { m.ask(rt, m.last) }

func (m *model) ask(rt *rapid.T, stale string) {
	token, err := m.k.Token(rt.Context(), m.owner, grant.Ask{Stale: stale})
	if err == nil {
		m.last = token
		switch expires, known := m.issued[token]; {
		case !known:
			rt.Errorf("Token = %q, which nobody has issued to %s", token, m.owner)
		case !expires.After(m.w.now()):
			rt.Errorf("Token = %q, which has expired", token)
		case token == stale:
			rt.Errorf("Token = %q, which has just been refused", token)
		case !m.grant:
			rt.Errorf("Token = %q without a grant", token)
		}
		return
	}
	switch {
	case errors.Is(err, grant.ErrNeedsSignIn):
		m.wantState(rt, grant.NeedsSignIn)
	case errors.Is(err, grant.ErrNeedsAdminConsent):
		m.wantState(rt, grant.NeedsAdminConsent)
	case errors.Is(err, grant.ErrIntegrationDown), errors.Is(err, grant.ErrUnavailable):
		m.wantState(rt, grant.Unavailable)
	default:
		rt.Errorf("Token = %v", err)
	}
	if !m.grant && !errors.Is(err, grant.ErrNeedsSignIn) {
		rt.Errorf("Token without a grant = %v, want ErrNeedsSignIn", err)
	}
}

func (m *model) wantState(rt *rapid.T, want grant.State) {
	c, err := m.k.Connection(rt.Context(), m.owner)
	if err != nil {
		rt.Fatal(err)
	}
	if got := c.State(); got != want {
		rt.Errorf("state = %s, want %s", got, want)
	}
}

func (m *model) check(rt *rapid.T) {
	if !m.grant {
		if _, err := m.w.store.Get(rt.Context(), "grant/"+m.owner); !errors.Is(err, store.ErrNotFound) {
			rt.Errorf("the record of no grant: %v, want ErrNotFound", err)
		}
		return
	}
	state, refresh, _ := m.w.stored(m.owner)
	if refresh != m.refresh {
		rt.Errorf("stored is %q, want %q", refresh, m.refresh)
	}
	if !slices.Contains([]string{"connected", "no_mailbox", "needs_sign_in", "needs_admin_consent"}, state) || refresh == "" && state != "needs_sign_in" {
		rt.Errorf("stored state is %s with refresh token %q", state, refresh)
	}
}
