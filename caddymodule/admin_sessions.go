package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/session"
)

// maxListed bounds how many sessions one answer lists.
const maxListed = 5000

// sessionList tells who is signed in.
type sessionList struct {
	Sessions []sessionEntry `json:"sessions"`
	// More: there are others, which didn't fit.
	More bool `json:"more,omitempty"`
}

// sessionEntry is a session, as operators see it.
type sessionEntry struct {
	ID          string    `json:"id"`
	User        string    `json:"user"`
	Name        string    `json:"name,omitempty"`
	Email       string    `json:"email,omitempty"`
	Integration string    `json:"integration"`
	Browser     string    `json:"browser,omitempty"`
	Created     time.Time `json:"created"`
	Used        time.Time `json:"used"`
	Expires     time.Time `json:"expires"`
}

func newSessionEntry(s *session.Session) sessionEntry {
	return sessionEntry{
		ID: s.ID, User: s.Person.ID, Name: s.Person.Name, Email: s.Person.Email, Integration: s.Person.Integration,
		Browser: s.Browser, Created: s.Created.UTC(), Used: s.Used().UTC().Truncate(time.Second), Expires: s.Expires.UTC(),
	}
}

// revocation says which sessions are to end: one, or all of a person.
type revocation struct {
	Session string `json:"session,omitempty"`
	User    string `json:"user,omitempty"`
}

// revoked is what a revocation has done.
type revoked struct {
	Ended int `json:"ended"`
}

// sessionQuery says whose sessions are meant: a person's, by user id or mail address,
// or everybody's.
type sessionQuery struct {
	User string `json:"user,omitempty"`
}

// serveSessions lists all sessions, or those of the person that the body names.
func serveSessions(w http.ResponseWriter, r *http.Request, e *engine) error {
	list := sessionList{Sessions: []sessionEntry{}}
	var asked sessionQuery
	if err := question(w, r, &asked); err != nil {
		return err
	}
	if asked.User != "" {
		ids, err := e.usersCalled(r.Context(), asked.User)
		if err != nil {
			return err
		}
		for _, id := range ids {
			found, err := e.sessions.Of(r.Context(), id)
			if err != nil {
				return storeUnavailable(err)
			}
			for _, s := range found {
				list.Sessions = append(list.Sessions, newSessionEntry(s))
			}
		}
		return answer(w, list)
	}
	enough := errors.New("enough")
	err := e.sessions.All(r.Context(), func(s *session.Session) error {
		if list.More = len(list.Sessions) == maxListed; list.More {
			return enough
		}
		list.Sessions = append(list.Sessions, newSessionEntry(s))
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return storeUnavailable(err)
	}
	return answer(w, list)
}

// usersCalled returns the ids of the people with that id or address. An id is
// taken as it is: somebody may have sessions who is not in the directory any more.
func (e *engine) usersCalled(ctx context.Context, user string) ([]string, error) {
	if !strings.Contains(user, "@") {
		return []string{user}, nil
	}
	found, err := e.people.ByEmail(ctx, user)
	if err != nil {
		return nil, storeUnavailable(err)
	}
	ids := []string{user} // the issuer of operator custom may use such ids
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	return ids, nil
}

// serveRevoke ends sessions. Those of the other gateways end within a second.
func serveRevoke(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked revocation
	if err := question(w, r, &asked); err != nil {
		return err
	}
	if (asked.Session == "") == (asked.User == "") {
		return refuse(http.StatusBadRequest, "name a session or a user, whose sessions all end")
	}
	var done revoked
	if asked.Session != "" {
		s, err := e.sessions.ByID(r.Context(), asked.Session)
		switch {
		case errors.Is(err, session.ErrNone):
			return refuse(http.StatusNotFound, "there is no session with that id; \"onesgate ones sessions list\" shows which there are")
		case err != nil:
			return storeUnavailable(err)
		}
		if err := e.sessions.End(r.Context(), s); err != nil {
			return storeUnavailable(err)
		}
		done.Ended = 1
	} else {
		ids, err := e.usersCalled(r.Context(), asked.User)
		if err != nil {
			return err
		}
		for _, id := range ids {
			n, err := e.sessions.EndAll(r.Context(), id, nil)
			done.Ended += n
			if err != nil {
				return storeUnavailable(err)
			}
		}
	}
	slog.New(&liveHandler{engine: e, name: "audit"}).Info("sessions ended by the operator",
		"session", asked.Session[:min(len(asked.Session), 12)], "user", asked.User, "ended", done.Ended)
	return answer(w, done)
}
