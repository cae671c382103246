package m365sim

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/login"
	"github.com/onesgate/onesgate/internal/m365sim/msgraph"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// guarded serves a change, from no other site's page, with a body in JSON if it
// has one.
func (s *Server) guarded(serve func(*front.Call) front.Reply) func(*front.Call) front.Reply {
	return func(c *front.Call) front.Reply {
		media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
		if c.Method == http.MethodPost && media != "application/json" {
			return front.Text(http.StatusUnsupportedMediaType, "send JSON, with Content-Type: application/json")
		}
		if err := s.crossSite.Check(c.Request); err != nil {
			return front.Text(http.StatusForbidden, err.Error())
		}
		return serve(c)
	}
}

// A command changes the world from outside, as its body says. What it returns
// is answered as JSON; nil: 204.
type command[T any] func(c *front.Call, given T) (any, error)

// serve reads a command's body. Its errors are the caller's.
func (do command[T]) serve(c *front.Call) front.Reply {
	var given T
	if err := front.DecodeStrictly(c.Body, &given); err != nil {
		return front.Text(http.StatusBadRequest, "the body can't be read: "+err.Error())
	}
	result, err := do(c, given)
	switch {
	case err != nil:
		return front.Text(http.StatusBadRequest, err.Error())
	case result == nil:
		return front.Reply{Status: http.StatusNoContent}
	}
	return front.JSON(http.StatusOK, result)
}

// commands are what POST /_sim/NAME does.
func (s *Server) commands() map[string]func(*front.Call) front.Reply {
	return map[string]func(*front.Call) front.Reply{
		"clock":     command[clockCommand](s.moveClock).serve,
		"revoke":    command[revokeCommand](s.revoke).serve,
		"people":    command[personCommand](s.happen).serve,
		"secrets":   command[secretCommand](s.changeSecret).serve,
		"keys":      command[keyCommand](s.rollKeys).serve,
		"consent":   command[consentCommand](s.consent).serve,
		"rooms":     command[roomCommand](s.answerRoom).serve,
		"move":      command[moveCommand](s.moveEvent).serve,
		"sync":      command[struct{}](s.forgetSync).serve,
		"lifecycle": command[lifecycleCommand](s.lifecycle).serve,
	}
}

// aadsts is a code of the identity platform.
var aadsts = regexp.MustCompile(`^(AADSTS)?[0-9]{1,9}$`)

// addFault is POST /_sim/faults with a front.Fault.
func (s *Server) addFault(c *front.Call) front.Reply {
	var f front.Fault
	if err := front.DecodeStrictly(c.Body, &f); err != nil {
		return front.Text(http.StatusBadRequest, "the fault can't be read: "+err.Error())
	}
	_, path, _ := strings.Cut(f.Match, " ")
	known := s.login.KnownCode
	switch {
	case msgraph.Serves(path):
		known = msgraph.KnownCode
	case f.Code != "" && !aadsts.MatchString(f.Code):
		return front.Text(http.StatusBadRequest, fmt.Sprintf("code: %q: outside of Graph's paths a code is a number such as AADSTS50076", f.Code))
	}
	if err := f.Validate(known); err != nil {
		return front.Text(http.StatusBadRequest, err.Error())
	}
	if !s.door.AddFault(f) {
		return front.Text(http.StatusTooManyRequests, "too many faults are on; clear them with DELETE /_sim/faults")
	}
	return front.JSON(http.StatusCreated, f)
}

func (s *Server) clearFaults(*front.Call) front.Reply {
	s.door.ClearFaults()
	return front.Reply{Status: http.StatusNoContent}
}

func (s *Server) clearCalls(*front.Call) front.Reply {
	s.door.ClearLog()
	return front.Reply{Status: http.StatusNoContent}
}

// A clockCommand moves the simulator's clock, also back.
type clockCommand struct {
	Advance world.Duration `json:"advance"`
}

func (s *Server) moveClock(c *front.Call, given clockCommand) (any, error) {
	off := s.door.Shift(time.Duration(given.Advance))
	s.shifts.Put(shiftKey, off)
	now := c.Now.Add(time.Duration(given.Advance))
	s.exchange.Settle(now)
	return map[string]any{"now": now, "shift": world.Duration(off)}, nil
}

// A revokeCommand is what an administrator's "revoke sessions" does.
type revokeCommand struct {
	Mail string `json:"mail"`
}

func (s *Server) revoke(c *front.Call, given revokeCommand) (any, error) {
	if !s.knows(given.Mail) {
		return nil, fmt.Errorf("nobody has the address %q", given.Mail)
	}
	_, err := s.graph.Lifecycle(given.Mail, "subscriptionRemoved", c.Now)
	return map[string]int{"revoked": s.login.Revoke(given.Mail, c.Now)}, err
}

func (s *Server) knows(mail string) bool {
	return slices.ContainsFunc(s.world.Tenants, func(t world.Tenant) bool { return t.Person(mail) != nil })
}

// A personCommand is something that happens to somebody: an event of
// login.Happen, a condition that holds until it is lifted, or a claims challenge.
type personCommand struct {
	Mail      string  `json:"mail"`
	Event     string  `json:"event,omitempty"`
	Condition *string `json:"condition,omitempty"` // an AADSTS code; "" lifts it
	Claims    string  `json:"claims,omitempty"`
}

func (s *Server) happen(c *front.Call, given personCommand) (any, error) {
	if given.Event == "" && given.Condition == nil && given.Claims == "" {
		return nil, errors.New("nothing happens; give an event, a condition or claims")
	}
	if given.Event != "" {
		if err := s.login.Happen(given.Mail, given.Event, c.Now); err != nil {
			return nil, err
		}
	}
	if given.Condition != nil {
		if err := s.login.SetCondition(given.Mail, *given.Condition); err != nil {
			return nil, err
		}
	}
	if given.Claims != "" {
		return nil, s.login.Challenge(given.Mail, given.Claims, c.Now)
	}
	return nil, nil
}

// A secretCommand gives an app one secret instead of all others, or lets one
// expire.
type secretCommand struct {
	ClientID string `json:"client_id"`
	Value    string `json:"value,omitempty"`
	Expire   string `json:"expire,omitempty"` // the id or the value of a secret
}

func (s *Server) changeSecret(c *front.Call, given secretCommand) (any, error) {
	if given.Expire != "" && given.Value != "" {
		return nil, errors.New("give a value or what expires, not both")
	}
	if given.Expire != "" {
		return nil, s.login.ExpireSecret(given.ClientID, given.Expire, c.Now)
	}
	return nil, s.login.ReplaceSecrets(given.ClientID, []world.Secret{{Value: given.Value}})
}

// A keyCommand rolls the signing keys: "add" publishes a next one, "use" signs
// with the newest, "emergency" replaces all at once.
type keyCommand struct {
	Mode string `json:"mode"`
}

func (s *Server) rollKeys(c *front.Call, given keyCommand) (any, error) {
	return nil, s.login.RollKeys(given.Mode, c.Now)
}

// A consentCommand is what an administrator of a tenant grants an app; no
// scopes take all back.
type consentCommand struct {
	Tenant   string   `json:"tenant"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes"`
}

func (s *Server) consent(_ *front.Call, given consentCommand) (any, error) {
	return nil, s.login.SetConsent(given.Tenant, given.ClientID, given.Scopes)
}

// A roomCommand is a delegate's answer for a room, or a change of mind about what was
// accepted: "accepted", "declined" or "tentativelyAccepted". Or, without an event, it is
// how the room answers from now on.
type roomCommand struct {
	Room   string `json:"room"`
	Event  string `json:"event"` // the event's id or iCalUId, in any mailbox
	Answer string `json:"answer"`
	Reason string `json:"reason,omitempty"`

	AnswerDelay *world.Duration `json:"answer_delay,omitempty"`
	Declines    *bool           `json:"declines,omitempty"` // everything, whatever its rules are
}

func (s *Server) answerRoom(c *front.Call, given roomCommand) (any, error) {
	address := s.roomAddress(given.Room)
	if given.AnswerDelay == nil && given.Declines == nil {
		return nil, s.exchange.Decide(address, given.Event, given.Answer, given.Reason, c.Now)
	}
	if given.Event != "" || given.Answer != "" || given.Reason != "" {
		return nil, errors.New("give an event and its answer, or how the room answers from now on, not both")
	}
	box, err := s.exchange.Switch(address, given.AnswerDelay, given.Declines)
	if err != nil {
		return nil, err
	}
	return map[string]any{"room": box.Room().ID, "address": box.Room().Address, "answer_delay": box.AnswerDelay(), "declines": box.Declines()}, nil
}

// roomAddress is the address of a room that is named by it or by its id.
func (s *Server) roomAddress(name string) string {
	for _, t := range s.world.Tenants {
		for _, r := range t.Rooms {
			if r.ID == name {
				return r.Address
			}
		}
	}
	return name
}

// A moveCommand gives an event another ordinary id, as moving it does.
type moveCommand struct {
	Mailbox string `json:"mailbox"`
	ID      string `json:"id"`
}

func (s *Server) moveEvent(c *front.Call, given moveCommand) (any, error) {
	box := s.exchange.Mailbox(given.Mailbox)
	if box == nil {
		return nil, exchange.ErrNotFound
	}
	it, err := box.Find(given.ID)
	if err != nil {
		return nil, err
	}
	s.exchange.Move(it, c.Now)
	return map[string]string{"id": it.ID(false)}, nil
}

// forgetSync makes all tokens of change tracking void.
func (s *Server) forgetSync(*front.Call, struct{}) (any, error) {
	s.graph.ForgetSync()
	return nil, nil
}

// A lifecycleCommand sends a lifecycle event to a mailbox's subscriptions.
type lifecycleCommand struct {
	Mailbox string `json:"mailbox"`
	Event   string `json:"event"`
}

func (s *Server) lifecycle(c *front.Call, given lifecycleCommand) (any, error) {
	if s.exchange.Mailbox(given.Mailbox) == nil {
		return nil, fmt.Errorf("nobody has the mailbox %q", given.Mailbox)
	}
	n, err := s.graph.Lifecycle(given.Mailbox, given.Event, c.Now)
	return map[string]int{"subscriptions": n}, err
}

// serveStatus is GET /_sim: the world in numbers, what goes wrong, and what was
// received.
func (s *Server) serveStatus(c *front.Call) front.Reply {
	status := struct {
		Version string         `json:"version"`
		Now     time.Time      `json:"now"`
		Shift   world.Duration `json:"shift"`
		Tenants []string       `json:"tenants"`
		People  int            `json:"people"`
		Rooms   int            `json:"rooms"`
		Events  int            `json:"events"`
		Faults  []front.Fault  `json:"faults"`
		front.Log
	}{
		Version: Version, Now: c.Now, Shift: world.Duration(s.door.Shift(0)), Events: s.exchange.Len(), Faults: s.door.Faults(),
		Log: s.door.Log(),
	}
	for _, t := range s.world.Tenants {
		status.Tenants = append(status.Tenants, t.ID)
		status.People += len(t.People)
		status.Rooms += len(t.Rooms)
	}
	return front.JSON(http.StatusOK, status)
}

// serveEvents is GET /_sim/events?mailbox=ADDRESS: all that stands in a
// calendar, as Graph shows it, without a token.
func (s *Server) serveEvents(c *front.Call) front.Reply {
	mailbox := c.URL.Query().Get("mailbox")
	if s.exchange.Mailbox(mailbox) == nil {
		return front.Text(http.StatusNotFound, fmt.Sprintf("nobody has the mailbox %q; name one as in /_sim/events?mailbox=alice@contoso.example", mailbox))
	}
	return front.JSON(http.StatusOK, map[string]any{"value": s.graph.Show(c, mailbox)})
}

// serveGrants is GET /_sim/grants?mail=ADDRESS: what was granted to apps, by
// everybody or one person; no credentials.
func (s *Server) serveGrants(c *front.Call) front.Reply {
	mail := c.URL.Query().Get("mail")
	value := []login.GrantSummary{}
	for _, g := range s.login.Grants() {
		if mail == "" || strings.EqualFold(mail, g.Person) {
			value = append(value, g)
		}
	}
	return front.JSON(http.StatusOK, map[string]any{"value": value})
}
