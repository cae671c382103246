package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/people"
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

// revocation says which sessions are to end: one, by its id or the beginning of that
// in a log, or all of one person, named as in sessionQuery.
type revocation struct {
	Session string `json:"session,omitempty"`
	User    string `json:"user,omitempty"`
}

// revoked is what a revocation has done.
type revoked struct {
	Ended int `json:"ended"`
}

// sessionQuery says whose sessions are meant: a person's, by user id, mail address or
// card:NUMBER, or everybody's.
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

// usersCalled returns the ids of the people whom a word means: a user id, "card:NUMBER"
// or the address of a mailbox, which several may have. An id is taken as it is:
// somebody may have sessions who is not in the directory any more. Whoever is in
// neither is unknown, and an error.
func (e *engine) usersCalled(ctx context.Context, who string) ([]string, error) {
	who = strings.TrimSpace(who)
	var found []people.Entry
	var err error
	if number, card := strings.CutPrefix(who, "card:"); card {
		found, err = e.people.ByCard(ctx, number)
	} else {
		var known bool
		if known, err = e.knows(ctx, who); known {
			return []string{who}, nil
		}
		if err == nil && strings.Contains(who, "@") {
			found, err = e.people.ByEmail(ctx, who)
		}
	}
	switch {
	case err != nil:
		return nil, storeUnavailable(err)
	case len(found) == 0:
		return nil, errUnknownUser
	}
	ids := make([]string, len(found))
	for i, p := range found {
		ids[i] = p.ID
	}
	return ids, nil
}

// knows says whether there is somebody with that id, in the directory or signed in.
func (e *engine) knows(ctx context.Context, id string) (bool, error) {
	_, err := e.people.Get(ctx, id)
	if !errors.Is(err, people.ErrUnknown) {
		return err == nil, err
	}
	alive, err := e.sessions.Of(ctx, id)
	return len(alive) > 0, err
}

// shortID is how much of a session's id is in logs.
const shortID = 12

// sessionCalled returns the session with that id, or the only one whose id begins so
// if it is as long as in logs.
func (e *engine) sessionCalled(ctx context.Context, id string) (*session.Session, error) {
	id = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(id), "…"))
	s, err := e.sessions.ByID(ctx, id)
	if errors.Is(err, session.ErrNone) && len(id) >= shortID {
		err = e.sessions.All(ctx, func(one *session.Session) error {
			switch {
			case !strings.HasPrefix(one.ID, id):
				return nil
			case s != nil:
				return errShared
			}
			s = one
			return nil
		})
		if err == nil && s == nil {
			err = session.ErrNone
		}
	}
	switch {
	case errors.Is(err, session.ErrNone):
		return nil, refuse(http.StatusNotFound, "there is no session with that id; \"onesgate ones sessions list\" shows which there are")
	case errors.Is(err, errShared):
		return nil, errShared
	case err != nil:
		return nil, storeUnavailable(err)
	}
	return s, nil
}

var errShared = refuse(http.StatusConflict, "more than one session has an id that begins so; write the whole id, as \"onesgate ones sessions list\" shows it")

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
	var ended, user string
	if asked.Session != "" {
		s, err := e.sessionCalled(r.Context(), asked.Session)
		if err != nil {
			return err
		}
		if err := e.sessions.End(r.Context(), s); err != nil {
			return storeUnavailable(err)
		}
		done.Ended, ended, user = 1, s.ID[:shortID], s.Person.ID
	} else {
		ids, err := e.usersCalled(r.Context(), asked.User)
		if err != nil {
			return err
		}
		if len(ids) > 1 {
			return refuse(http.StatusConflict, "%w: %s", people.ErrAmbiguous, strings.Join(ids, ", "))
		}
		user = ids[0]
		if done.Ended, err = e.sessions.EndAll(r.Context(), user, nil); err != nil {
			return storeUnavailable(err)
		}
	}
	slog.New(&liveHandler{engine: e, name: "audit"}).InfoContext(r.Context(), "sessions ended by the operator",
		"by", offboard.ByOperator, "session", ended, "user", user, "ended", done.Ended)
	return answer(w, done)
}
