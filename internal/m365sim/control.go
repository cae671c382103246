package m365sim

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// journal is what has been received. It names paths without their queries, so
// that it holds no credential.
type journal struct {
	Counters map[string]int `json:"counters"` // by route
	Calls    []recordedCall `json:"calls"`    // the last ones, oldest first
}

type recordedCall struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"`
}

// keptCalls is how many calls the journal lists.
const keptCalls = 100

// maxFaults may be on at the same time.
const maxFaults = 100

// maxPath bounds what of a path is kept, in bytes.
const maxPath = 256

// record notes a call. Looking at the simulator itself doesn't count.
func (s *Server) record(c *call, status int) {
	if c.URL.Path == "/" || strings.HasPrefix(c.URL.Path, "/_sim") {
		return
	}
	s.seen.Counters[c.Pattern]++
	path := c.URL.EscapedPath()
	path = path[:min(len(path), maxPath)]
	s.seen.Calls = append(s.seen.Calls, recordedCall{c.now, c.Method, path, status})
	if extra := len(s.seen.Calls) - keptCalls; extra > 0 {
		s.seen.Calls = slices.Delete(s.seen.Calls, 0, extra)
	}
	s.log.Debug("answered", "method", c.Method, "path", path, "status", status)
}

func (s *Server) controlRoutes() {
	s.login.HandleFunc("GET /_sim", s.handler(s.serveStatus))
	s.login.HandleFunc("GET /_sim/events", s.handler(s.serveEvents))
	s.login.HandleFunc("POST /_sim/faults", s.handler(s.command(s.addFault)))
	s.login.HandleFunc("DELETE /_sim/faults", s.handler(s.clearFaults))
	s.login.HandleFunc("POST /_sim/revoke", s.handler(s.command(s.revoke)))
	s.login.HandleFunc("POST /_sim/secrets", s.handler(s.command(s.replaceSecret)))
}

// command serves a request with a JSON body, from no other site's page.
func (s *Server) command(serve func(*call) reply) func(*call) reply {
	return func(c *call) reply {
		media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
		if media != "application/json" {
			return textReply(http.StatusUnsupportedMediaType, "send JSON, with Content-Type: application/json")
		}
		if err := s.crossSite.Check(c.Request); err != nil {
			return textReply(http.StatusForbidden, err.Error())
		}
		return serve(c)
	}
}

// Version of the simulator's behaviour, as GET /_sim tells it.
const Version = "1"

// serveStatus is GET /_sim.
func (s *Server) serveStatus(*call) reply {
	status := struct {
		Version string   `json:"version"`
		Tenants []string `json:"tenants"`
		People  int      `json:"people"`
		Rooms   int      `json:"rooms"`
		Faults  []*Fault `json:"faults"`
		journal
	}{Version: Version, Faults: slices.Clone(s.faults), journal: s.seen}
	for _, t := range s.cfg.Tenants {
		status.Tenants = append(status.Tenants, t.ID)
		status.People += len(t.People)
		status.Rooms += len(t.Rooms)
	}
	if status.Faults == nil {
		status.Faults = []*Fault{}
	}
	if status.Calls == nil {
		status.Calls = []recordedCall{}
	}
	return jsonReply(http.StatusOK, status)
}

// serveEvents is GET /_sim/events?mailbox=ADDRESS: all that stands in a
// calendar, as Graph shows it, without a token.
func (s *Server) serveEvents(c *call) reply {
	value := []any{}
	if box := s.state.Calendars[strings.ToLower(c.URL.Query().Get("mailbox"))]; box != nil {
		for _, e := range box.Events {
			value = append(value, s.render(e, preferences{}))
		}
	}
	return jsonReply(http.StatusOK, map[string]any{"value": value})
}

// addFault is POST /_sim/faults with a Fault.
func (s *Server) addFault(c *call) reply {
	var f Fault
	if err := decodeStrictly(c.body, &f); err != nil {
		return textReply(http.StatusBadRequest, "the fault can't be read: "+err.Error())
	}
	if err := f.validate(); err != nil {
		return textReply(http.StatusBadRequest, err.Error())
	}
	if len(s.faults) == maxFaults {
		return textReply(http.StatusTooManyRequests, "too many faults are on; clear them with DELETE /_sim/faults")
	}
	s.faults = append(s.faults, &f)
	return jsonReply(http.StatusCreated, f)
}

func (s *Server) clearFaults(c *call) reply {
	if err := s.crossSite.Check(c.Request); err != nil {
		return textReply(http.StatusForbidden, err.Error())
	}
	s.faults = nil
	return reply{status: http.StatusNoContent}
}

// revoke is POST /_sim/revoke with {"mail"}: what an administrator's "revoke
// sessions" does to somebody's grants.
func (s *Server) revoke(c *call) reply {
	var who struct {
		Mail string `json:"mail"`
	}
	if err := decodeStrictly(c.body, &who); err != nil || who.Mail == "" {
		return textReply(http.StatusBadRequest, `send {"mail": "…"}`)
	}
	revoked := 0
	for _, grants := range []map[string]*grant{s.state.Refresh, s.state.Access, s.state.Codes} {
		for _, g := range grants {
			if strings.EqualFold(g.Mail, who.Mail) && !g.Revoked {
				g.Revoked = true
				revoked++
			}
		}
	}
	for id, current := range s.state.Sessions {
		if strings.EqualFold(current.Mail, who.Mail) {
			delete(s.state.Sessions, id)
		}
	}
	return jsonReply(http.StatusOK, map[string]int{"revoked": revoked})
}

// replaceSecret is POST /_sim/secrets with {"client_id", "value"}: the app has
// that secret alone from now on.
func (s *Server) replaceSecret(c *call) reply {
	var given struct {
		ClientID string `json:"client_id"`
		Value    string `json:"value"`
	}
	if err := json.Unmarshal(c.body, &given); err != nil || given.Value == "" {
		return textReply(http.StatusBadRequest, `send {"client_id": "…", "value": "…"}`)
	}
	for i := range s.cfg.Tenants {
		if a := s.cfg.Tenants[i].app(given.ClientID); a != nil {
			s.state.Secrets[a.ClientID] = []Secret{{Value: given.Value}}
			return reply{status: http.StatusNoContent}
		}
	}
	return textReply(http.StatusNotFound, "no app has that client_id")
}
