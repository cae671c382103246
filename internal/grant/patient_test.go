package grant_test

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// A patient is an instance of the model, to which all that can happen does.
type patient struct {
	*instance
	model *model
	store *shaky
	heard store.Position
	// forgot is after which announcement a grant was forgotten from here, last the
	// token given out last. The model's mu guards both.
	forgot map[string]store.Position
	last   map[string]string
}

func (m *model) start(shared bool) *patient {
	p := &patient{
		model: m, store: &shaky{Store: m.watched}, heard: m.announced(), last: map[string]string{}, forgot: map[string]store.Position{},
	}
	p.instance = m.instance(p.store, p, shared)
	return p
}

// deliver has it hear what was announced, as a feed does; what is too old for that
// it has missed.
func (p *patient) deliver() {
	last := p.model.announced()
	if p.heard == last { // one would wait for more
		return
	}
	heard, err := p.model.store.Follow(p.model.t.Context(), p.heard, int(last-p.heard))
	p.heard = last
	switch {
	case errors.Is(err, store.ErrForgotten):
		p.Missed()
	case err != nil:
		p.model.fail("Follow = %v", err)
	}
	for _, a := range heard {
		switch a.Topic {
		case grant.Topic:
			p.Heard(a.Value)
		case grant.GoneTopic:
			p.HeardGone(a.Value)
		}
	}
}

// issue has Microsoft issue tokens: for a sign-in, or from a refresh token, to be
// received by an instance.
func (m *model) issue(who string, from *truth, by *patient) (access, refresh string) {
	access, refresh = m.microsoft.issue(who)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &truth{owner: who, issued: time.Now(), by: by}
	if from == nil {
		m.signIns[who]++
		t.signIn = m.signIns[who]
	} else {
		t.signIn = from.signIn
		from.ended = from.ended || m.rotates
	}
	m.tokens[refresh] = t
	return access, refresh
}

// RoundTrip is the line from an instance to Microsoft (http.RoundTripper).
func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return p.model.microsoft.RoundTrip(r)
	}
	if p.store.isKilled() {
		return nil, errKilled
	}
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	m, used := p.model, r.PostForm.Get("refresh_token")
	m.mu.Lock()
	mood, t := m.mood, m.tokens[used]
	m.mu.Unlock()
	if t == nil {
		m.fail("%q was never issued", used)
		return nil, errors.New("what is that?")
	}
	silence := func() (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	switch mood {
	case "", "lost":
	case "slow":
		time.Sleep(5 * time.Second)
	case "down":
		return reply(r, http.StatusServiceUnavailable, ""), nil
	case "silent":
		return silence()
	case refusedOperator:
		return reply(r, http.StatusUnauthorized, mood), nil
	default:
		return reply(r, http.StatusBadRequest, mood), nil
	}
	m.mu.Lock()
	alive := t.alive()
	if !alive {
		t.buried++
	}
	m.mu.Unlock()
	if !alive {
		return reply(r, http.StatusBadRequest, refusedDead), nil
	}
	if mood == "lost" {
		m.issue(t.owner, t, nil)
		return silence()
	}
	access, refresh := m.issue(t.owner, t, p)
	return reply(r, http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d,"access_token":%q,"refresh_token":%q}`,
		int(accessLife.Seconds()), access, refresh)), nil
}
