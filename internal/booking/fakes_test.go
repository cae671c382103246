package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// shaky is a store with faults. They are set by fail, which sees every commit
// before it happens; an error of after is returned after it has.
type shaky struct {
	*memstore.Store
	mu    sync.Mutex
	down  bool
	looks int // in vain
	pause time.Duration
	fail  func([]store.Write) error
	after func([]store.Write) error
	hold  func([]store.Write) <-chan struct{} // a commit waits for what it returns
}

func newShaky() *shaky { return &shaky{Store: memstore.New(time.Now)} }

func (s *shaky) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	s.mu.Lock()
	pause, down := s.pause, s.down
	if down {
		s.looks++
	}
	s.mu.Unlock()
	defer time.Sleep(pause)
	if down {
		return nil, errors.New("the store is away")
	}
	return s.Store.Scan(ctx, prefix, after, limit)
}

func (s *shaky) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	s.mu.Lock()
	if s.hold != nil {
		if held := s.hold(writes); held != nil {
			s.mu.Unlock()
			<-held
			s.mu.Lock()
		}
	}
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(writes); err != nil {
			return 0, err
		}
	}
	v, err := s.Store.Commit(ctx, writes...)
	if err == nil && s.after != nil {
		err = s.after(writes)
	}
	return v, err
}

func (s *shaky) setFail(f func([]store.Write) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

func (s *shaky) setHold(f func([]store.Write) <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = f
}

func (s *shaky) setAfter(f func([]store.Write) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

// setPause leaves time for others between what a Scan has seen and its return.
func (s *shaky) setPause(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = d
}

// setDown has every Scan fail, or none, and returns how many have.
func (s *shaky) setDown(down bool) (looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	return s.looks
}

// A fakeEvent is an event of fakeGraph.
type fakeEvent struct {
	ID, Owner, TransactionID string
	Cancelled                bool
	Comment                  string
	Body                     map[string]any
	Room                     string // address
	Response                 string // of the room
	AnsweredAt               time.Time
	Answered                 string    // the last response that was one
	Asked                    time.Time // of the last change
	People                   []string  // other attendees
	Patches                  int
	Online                   string // the body of an online meeting
	Start, End               time.Time
	Original                 time.Time // of an instance of a series: when it was to start
}

// fakeGraph answers as Graph does, in memory and without a network, so that it
// can stand in a bubble of virtual time. The bearer token names the mailbox.
type fakeGraph struct {
	mu     sync.Mutex
	events []*fakeEvent
	calls  []string
	// answer is the room's answer to an invitation, given when it is asked for.
	answer func(*fakeEvent) string
	// fault, if it returns true, has dealt with the request; it is called
	// before (and, for lost replies, after) the work is done.
	fault func(r *http.Request, done bool) (*http.Response, error, bool)
	// foreign are busy times that other people hold, by room address.
	foreign map[string][]period
	// subjects and private are told of all foreign blocks.
	subject   string
	organizer string
	private   bool
	// duplicate counts creations that met an event of the same transactionId.
	duplicates int
	// keepsAnswers is for how long the room's answer from before stands after a change.
	keepsAnswers time.Duration
	// instances are those of series that somebody has read or changed, by their ids.
	instances map[string]*fakeEvent
}

func newFakeGraph() *fakeGraph {
	return &fakeGraph{answer: func(*fakeEvent) string { return "accepted" }, foreign: map[string][]period{}, instances: map[string]*fakeEvent{}}
}

func (g *fakeGraph) setFault(f func(*http.Request, bool) (*http.Response, error, bool)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

func (g *fakeGraph) setAnswer(f func(*fakeEvent) string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = f
}

// RoundTrip implements http.RoundTripper.
func (g *fakeGraph) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	fault := g.fault
	g.mu.Unlock()
	if fault != nil {
		if res, err, dealt := fault(r, false); dealt {
			return res, err
		}
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	w := httptest.NewRecorder()
	g.serve(w, r)
	if fault != nil {
		if res, err, dealt := fault(r, true); dealt {
			return res, err
		}
	}
	res := w.Result()
	res.Request = r
	return res, nil
}

// refused is an answer with one of Graph's errors.
func refused(r *http.Request, status int, code string, header ...string) *http.Response {
	res := &http.Response{
		StatusCode: status, Request: r, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"error":{"code":%q,"message":"no"}}`, code))),
	}
	for i := 0; i+1 < len(header); i += 2 {
		res.Header.Set(header[i], header[i+1])
	}
	return res
}

func (g *fakeGraph) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	owner := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	id, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1.0/me/events/"), "/")
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1.0")
	g.calls = append(g.calls, call)
	switch {
	case call == "POST /me/events":
		g.create(w, r, owner)
	case strings.HasPrefix(owner, "room:") && call == "GET /me/calendarView", strings.HasPrefix(owner, "room:") && call == "GET /me/calendarView/delta":
		g.view(w, r, strings.TrimPrefix(owner, "room:contoso/")+"@contoso.com")
	case call == "GET /me/calendarView":
		var found []any
		for _, e := range g.events {
			if e.Owner == owner && !e.Cancelled {
				found = append(found, e.wire())
			}
		}
		write(w, 200, map[string]any{"value": found})
	case call == "GET /me/events":
		var found []any
		for _, e := range g.events {
			filter := r.URL.Query().Get("$filter")
			asRoom := strings.HasPrefix(owner, "room:") && strings.Contains(filter, "'ical-"+e.ID+"'")
			if !e.Cancelled && (asRoom || e.Owner == owner && strings.Contains(filter, e.property())) {
				found = append(found, e.wire())
			}
		}
		write(w, 200, map[string]any{"value": found})
	case r.Method == "POST" && rest == "decline":
		for _, e := range g.events {
			if e.ID == id {
				e.Response = "declined"
			}
		}
		write(w, 202, nil)
	case call == "POST /me/calendar/getSchedule":
		g.schedule(w, r)
	case r.Method == "GET" && rest == "instances":
		g.serveInstances(w, r, id, owner)
	case r.Method == "GET" && rest == "", r.Method == "POST" && rest == "cancel", r.Method == "PATCH" && rest == "":
		all := slices.Clone(g.events)
		if e := g.instances[id]; e != nil {
			all = append(all, e)
		}
		for _, e := range all {
			if e.ID != id || e.Owner != owner || e.Cancelled {
				continue
			}
			if rest == "cancel" {
				var in struct{ Comment string }
				_ = json.NewDecoder(r.Body).Decode(&in)
				e.Cancelled, e.Comment = true, in.Comment
				write(w, 202, nil)
				return
			}
			if r.Method == "PATCH" {
				if e.patch(r) {
					g.forget(e)
				}
				e.Asked = time.Now()
				if before := e.Answered; g.keepsAnswers > 0 {
					e.Response = before
				}
				write(w, 200, e.wire())
				return
			}
			if e.Response == "none" || g.keepsAnswers > 0 && !e.AnsweredAt.After(e.Asked) && time.Since(e.Asked) >= g.keepsAnswers {
				e.Response, e.AnsweredAt = g.answer(e), time.Now()
				e.Answered = e.Response
			}
			write(w, 200, e.wire())
			return
		}
		w.WriteHeader(404)
		_, _ = io.WriteString(w, `{"error":{"code":"ErrorItemNotFound"}}`)
	default:
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":{"code":"RequestBroker--ParseUri"}}`)
	}
}

func (g *fakeGraph) create(w http.ResponseWriter, r *http.Request, owner string) {
	var in struct {
		TransactionID string
		Start, End    fakeTime
		Attendees     []fakeAttendee
	}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &in); err != nil {
		w.WriteHeader(400)
		return
	}
	for _, e := range g.events {
		if e.TransactionID == in.TransactionID {
			if !e.Cancelled { // or looking for it has shown nothing
				g.duplicates++
			}
			write(w, 201, e.wire())
			return
		}
	}
	e := &fakeEvent{ID: fmt.Sprintf("event-%d=", len(g.events)+1), Owner: owner, TransactionID: in.TransactionID, Response: "none"}
	_ = json.Unmarshal(body, &e.Body)
	e.Start, e.End = in.Start.instant(), in.End.instant()
	e.invite(in.Attendees)
	g.events = append(g.events, e)
	write(w, 201, e.wire())
}

// patch changes the event as its organizer wants it. A room has to answer anew when the
// time is another, which it returns.
func (e *fakeEvent) patch(r *http.Request) (moved bool) {
	var in struct {
		Recurrence any
		Start, End *fakeTime
		Attendees  *[]fakeAttendee
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	_ = json.Unmarshal(body, &e.Body)
	e.Patches++
	if in.Start != nil {
		e.Start, e.End = in.Start.instant(), in.End.instant()
		e.Response = "none"
	}
	if in.Attendees != nil {
		before := e.Room
		if e.invite(*in.Attendees); e.Room != before {
			e.Response, moved = "none", true
		}
	}
	return moved || in.Start != nil || in.Recurrence != nil
}

// A fakeTime is one as a request has it.
type fakeTime struct{ DateTime, TimeZone string }

func (f fakeTime) instant() time.Time {
	zone := time.UTC
	if f.TimeZone == "China Standard Time" {
		zone = hongKong
	}
	t, _ := time.ParseInLocation("2006-01-02T15:04:05", f.DateTime, zone)
	return t.UTC()
}

// A fakeAttendee is one as a request has it.
type fakeAttendee struct {
	Type         string
	EmailAddress struct{ Address string }
}

func (e *fakeEvent) invite(list []fakeAttendee) {
	e.Room, e.People = "", nil
	for _, a := range list {
		if a.Type == "resource" {
			e.Room = a.EmailAddress.Address
		} else {
			e.People = append(e.People, a.EmailAddress.Address)
		}
	}
}

func (g *fakeGraph) schedule(w http.ResponseWriter, r *http.Request) {
	var in struct{ Schedules []string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	var out []any
	for _, address := range in.Schedules {
		items := []any{}
		add := func(p period, subject string, private bool) {
			items = append(items, map[string]any{
				"status": "busy", "subject": subject, "isPrivate": private, "start": wireTime(p.start), "end": wireTime(p.end),
			})
		}
		for _, p := range g.foreign[address] {
			add(p, g.subject, g.private)
		}
		for _, e := range g.events {
			if e.Room == address && e.Response == "accepted" && !e.Cancelled {
				subject, _ := e.Body["subject"].(string)
				add(period{e.Start, e.End}, subject, false)
			}
		}
		out = append(out, map[string]any{"scheduleId": address, "scheduleItems": items})
	}
	write(w, 200, map[string]any{"value": out})
}

// property is the booking's id that the event was created with.
func (e *fakeEvent) property() string {
	list, _ := e.Body["singleValueExtendedProperties"].([]any)
	p, _ := list[0].(map[string]any)
	value, _ := p["value"].(string)
	return value
}

// view is what a room's own calendar shows, or, as changes, all of it each time.
func (g *fakeGraph) view(w http.ResponseWriter, r *http.Request, address string) {
	items := []any{}
	add := func(id string, p period, subject, organizer string, private bool) {
		sensitivity := "normal"
		if private {
			sensitivity = "private"
		}
		items = append(items, map[string]any{
			"id": "room-" + id, "iCalUId": "ical-" + id, "type": "singleInstance", "subject": subject, "sensitivity": sensitivity, "showAs": "busy",
			"start": wireTime(p.start), "end": wireTime(p.end),
			"organizer": map[string]any{"emailAddress": map[string]any{"name": "Somebody", "address": organizer}},
		})
	}
	for i, p := range g.foreign[address] {
		add(fmt.Sprint("foreign-", i), p, g.subject, g.organizer, g.private)
	}
	for _, e := range g.events {
		if e.Room == address && e.Response == "accepted" && !e.Cancelled {
			subject, _ := e.Body["subject"].(string)
			add(e.ID, period{e.Start, e.End}, subject, "", false)
		}
	}
	answer := map[string]any{"value": items}
	if strings.HasSuffix(r.URL.Path, "/delta") {
		answer["@odata.deltaLink"] = "https://graph.example.com/v1.0/me/calendarView/delta?$deltatoken=1"
	}
	write(w, 200, answer)
}

func (e *fakeEvent) wire() map[string]any {
	at := "0001-01-01T00:00:00Z"
	if e.Response != "none" {
		at = e.AnsweredAt.UTC().Format(time.RFC3339)
	}
	attendees := []any{}
	if e.Room != "" {
		attendees = append(attendees, map[string]any{
			"type": "resource", "emailAddress": map[string]any{"address": e.Room},
			"status": map[string]any{"response": e.Response, "time": at},
		})
	}
	for _, p := range e.People {
		attendees = append(attendees, map[string]any{"type": "required", "emailAddress": map[string]any{"address": p}})
	}
	wire := map[string]any{
		"id": e.ID, "transactionId": e.TransactionID, "iCalUId": "ical-" + e.ID, "webLink": "https://outlook.example/" + e.ID,
		"start": wireTime(e.Start), "end": wireTime(e.End), "isCancelled": e.Cancelled,
		"attendees": attendees, "subject": e.Body["subject"], "isAllDay": e.Body["isAllDay"] == true, "sensitivity": e.Body["sensitivity"],
	}
	if e.Body["recurrence"] != nil {
		wire["type"], wire["recurrence"] = "seriesMaster", e.Body["recurrence"]
	}
	if !e.Original.IsZero() {
		wire["type"], wire["originalStart"] = "occurrence", e.Original.UTC().Format(time.RFC3339)
	}
	if e.Online != "" {
		wire["isOnlineMeeting"], wire["onlineMeeting"] = true, map[string]any{"joinUrl": "https://teams.example/join"}
		wire["body"] = map[string]any{"contentType": "html", "content": e.Online}
	}
	return wire
}

// setOnline has the events be online meetings, with a body.
func (g *fakeGraph) setOnline(html string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		e.Online = html
	}
}

func wireTime(t time.Time) map[string]any {
	return map[string]any{"dateTime": t.UTC().Format("2006-01-02T15:04:05.0000000"), "timeZone": "UTC"}
}

func write(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

// live are the events that are not cancelled.
func (g *fakeGraph) live() []*fakeEvent {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.events), func(e *fakeEvent) bool { return e.Cancelled })
}

// count counts the calls that begin so.
func (g *fakeGraph) count(prefix string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, c := range g.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}
