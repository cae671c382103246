package roomview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opening is when each story starts.
var opening = time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)

// A house is views of one room, in a bubble of virtual time.
type house struct {
	t     *testing.T
	graph *fakeGraph
	views *Views
	log   bytes.Buffer

	mu      sync.Mutex
	rooms   map[string]Room
	account Account
	err     error // of the account
	token   error

	run func() // once
}

func story(t *testing.T, f func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(opening))
		h := newHouse(t)
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		h.run = sync.OnceFunc(func() { work.Go(func() { h.views.Run(ctx) }) })
		f(h)
		stop()
		work.Wait()
	})
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, graph: &fakeGraph{}}
	client := graph.NewClient("https://graph.example.com", &http.Client{Transport: h.graph}, time.Now)
	h.rooms = map[string]Room{"boardroom": {Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.com", Graph: client}}
	h.connect("room", true)
	h.views = New(Config{
		Rooms: func() map[string]Room {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.rooms
		},
		Account: func(_ context.Context, r Room) (Account, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			account := h.account
			account.Mailbox = func(background bool) graph.Mailbox {
				mb := h.account.Mailbox(background)
				mb.Key += " of " + r.Name
				return mb
			}
			return account, h.err
		},
		Log: slog.New(slog.NewJSONHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now,
	})
	return h
}

// connect connects the room with an account of that name; own says that it is the
// room's.
func (h *house) connect(name string, own bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = nil
	h.account = Account{ID: name, Own: own, Mailbox: func(background bool) graph.Mailbox {
		return graph.Mailbox{Key: name, Background: background, Token: func(context.Context, graph.Refused) (string, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return name, h.token
		}}
	}}
}

func (h *house) disconnect(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *house) failToken(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.token = err
}

func (h *house) configure(rooms map[string]Room) {
	h.mu.Lock()
	h.rooms = rooms
	h.mu.Unlock()
	h.views.Configured()
	synctest.Wait()
}

// settle lets time pass; the first call begins the story.
func (h *house) settle(d time.Duration) {
	h.run()
	time.Sleep(d)
	synctest.Wait()
}

// sees fails the test unless the room shows these blocks on the day of opening, each
// as "HOUR STATUS SUBJECT".
func (h *house) sees(want ...string) {
	h.t.Helper()
	day := opening.Truncate(24 * time.Hour)
	blocks, _, ok := h.views.Busy("boardroom", day, day.AddDate(0, 0, 1))
	got := []string{}
	for _, b := range blocks {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s", b.Start.Hour(), b.Status, b.Subject)))
	}
	if !ok || !slices.Equal(got, want) {
		h.t.Errorf("after %s: sees %q, %t; want %q", time.Since(opening), got, ok, want)
	}
}

func (h *house) seesNothing() {
	h.t.Helper()
	if blocks, _, ok := h.views.Busy("boardroom", opening, opening.Add(time.Hour)); ok {
		h.t.Errorf("after %s: sees %v", time.Since(opening), blocks)
	}
}

// asked fails the test unless these calls came since the last time.
func (h *house) asked(want ...string) {
	h.t.Helper()
	if got := h.graph.asked(); !slices.Equal(got, want) {
		h.t.Errorf("after %s: asked %q, want %q", time.Since(opening), got, want)
	}
}

const (
	own    = "/me/calendarView/delta"
	shared = "/users/boardroom@contoso.com/calendarView/delta"
)

func TestFollowsChanges(t *testing.T) {
	story(t, func(h *house) {
		h.graph.tell(meeting("a", 9), meeting("b", 11, "showAs", "tentative"), meeting("c", 13))
		h.settle(time.Second)
		h.sees("9 busy About a", "11 tentative About b", "13 busy About c")
		h.asked("room first " + own)
		h.graph.tell(removed("a"), meeting("b", 12), meeting("d", 15, "showAs", "oof"))
		h.settle(fastPace + 2*time.Second)
		h.sees("12 busy About b", "13 busy About c", "15 oof About d")
		h.asked("room round " + own)
	})
}

func TestPages(t *testing.T) {
	story(t, func(h *house) {
		h.graph.page = 2
		h.settle(time.Second)
		h.sees()
		h.asked("room first " + own)
		h.graph.tell(meeting("a", 9), meeting("b", 10), meeting("b", 12), removed("a"), meeting("c", 14))
		h.settle(fastPace + 2*time.Second)
		h.sees("12 busy About b", "14 busy About c")
		h.asked("room round "+own, "room page "+own, "room page "+own)
	})
}

func TestWhatTakesNoTime(t *testing.T) {
	story(t, func(h *house) {
		h.graph.tell(
			meeting("a", 9, "showAs", "free"), meeting("b", 10, "showAs", "workingElsewhere"), meeting("c", 11, "isCancelled", true),
			meeting("d", 12, "responseStatus", map[string]any{"response": "declined"}), meeting("e", 13, "showAs", "something new"),
			meeting("f", 14, "showAs", nil))
		h.settle(time.Second)
		h.sees("13 unknown About e", "14 busy About f")
		h.graph.tell(meeting("e", 13, "showAs", "free"), meeting("a", 9))
		h.settle(fastPace + 2*time.Second)
		h.sees("9 busy About a", "14 busy About f")
	})
}

// What is private is not shown, and not even kept.
func TestPrivate(t *testing.T) {
	story(t, func(h *house) {
		h.graph.tell(
			meeting("a", 9, "sensitivity", "private", "subject", "Secret"), meeting("b", 10, "sensitivity", "confidential", "subject", "Secret"),
			meeting("c", 11, "sensitivity", "a new kind", "subject", "Secret"), meeting("d", 12, "sensitivity", "personal", "subject", "Open"),
			meeting("m", 13, "type", "seriesMaster", "sensitivity", "private", "subject", "Secret"), occurrence("m1", "m", 13))
		h.settle(time.Second)
		h.sees("9 busy", "10 busy", "11 busy", "12 busy Open", "13 busy")
		blocks, _, _ := h.views.Busy("boardroom", opening, opening.AddDate(0, 0, 1))
		for _, b := range blocks {
			if (b.Organizer.Address == "") != (b.Subject == "") {
				t.Errorf("the organizer of %+v", b)
			}
		}
		if strings.Contains(h.log.String(), "Secret") {
			t.Error("a private subject is logged")
		}
		// Read shows no more.
		read, _, err := h.views.Read(h.t.Context(), "boardroom", opening, opening.AddDate(0, 0, 1))
		for _, b := range read {
			if strings.Contains(b.Subject, "Secret") || b.Subject == "" && b.Organizer.Address != "" {
				t.Errorf("read: %+v", b)
			}
		}
		if err != nil || len(read) != 5 {
			t.Errorf("read: %v, %v", read, err)
		}
	})
}

func TestSeries(t *testing.T) {
	story(t, func(h *house) {
		h.graph.tell(meeting("m", 9, "type", "seriesMaster", "showAs", "tentative"), occurrence("m1", "m", 9), occurrence("m2", "m", 11),
			meeting("m3", 14, "type", "exception", "seriesMasterId", "m", "subject", "Moved"), occurrence("x1", "untold", 16))
		h.settle(time.Second)
		h.sees("9 tentative About m", "11 tentative About m", "14 busy Moved", "16 busy")
		blocks, _, _ := h.views.Busy("boardroom", opening, opening.AddDate(0, 0, 1))
		if blocks[0].ICalUID != "" || blocks[2].ICalUID != "uid-m3" {
			t.Errorf("iCalUIds: %+v", blocks)
		}
		h.asked("room first " + own)

		// Which occurrences a changed series still has is not told: all is read anew.
		h.graph.tell(meeting("m", 9, "type", "seriesMaster", "subject", "Renamed"), removed("m2"))
		h.settle(fastPace + 2*time.Second)
		h.sees("9 busy Renamed", "14 busy Moved", "16 busy")
		h.asked("room round "+own, "room first "+own)

		// Nor which go with it.
		h.graph.tell(removed("m"))
		h.settle(fastPace + 2*time.Second)
		h.sees("16 busy")
		h.asked("room round "+own, "room first "+own)
	})
}

// A room that somebody looks at is read often, another one seldom, and one that was
// not looked at for a while is read as soon as it is.
func TestPace(t *testing.T) {
	story(t, func(h *house) {
		h.settle(21 * time.Minute)
		if n := len(h.graph.asked()); n < 4 || n > 6 {
			t.Errorf("%d rounds in 21 idle minutes", n)
		}
		h.settle(2 * time.Minute) // a turn may have just been
		h.graph.asked()
		h.views.Wake("boardroom")
		synctest.Wait()
		h.asked("room round " + own)
		h.settle(4 * time.Minute)
		if n := len(h.graph.asked()); n < 13 || n > 19 {
			t.Errorf("%d rounds in 4 minutes after somebody has looked", n)
		}
		h.settle(10 * time.Minute)
		if n := len(h.graph.asked()); n > 8 {
			t.Errorf("%d rounds in 10 minutes after nobody looks any more", n)
		}
	})
}

// What is too old is not shown, nor what lies outside of the window.
func TestBounds(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.sees()
		blocks, asOf, ok := h.views.Busy("boardroom", opening.AddDate(0, 0, -1), opening.AddDate(0, 0, 90))
		if !ok || len(blocks) != 0 || !asOf.Equal(opening) {
			t.Errorf("from yesterday to 90 days ahead: %v, %s, %t", blocks, asOf, ok)
		}
		for _, w := range []window{{opening.AddDate(0, 0, -10), opening}, {opening, opening.AddDate(0, 0, 100)}} {
			if _, _, ok := h.views.Busy("boardroom", w.from, w.to); ok {
				t.Errorf("a picture of %v", w)
			}
		}
		if _, _, ok := h.views.Busy("cellar", opening, opening); ok {
			t.Error("a picture of a room that isn't configured")
		}
		h.graph.setRefuse(func(*http.Request) (int, string, string) { return 503, "ServiceUnavailable", "" })
		h.settle(staleAfter)
		h.seesNothing()
		if at, ok := h.views.AsOf("boardroom"); !ok || opening.Add(time.Minute).Before(at) {
			t.Errorf("last seen %s, %t", at, ok)
		}
	})
}

// The window moves on with the days, and what it shows stays there meanwhile.
func TestWindowMoves(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.graph.asked()
		h.settle(30 * 24 * time.Hour)
		firsts := 0
		for _, call := range h.graph.asked() {
			if strings.HasPrefix(call, "room first") {
				firsts++
			}
		}
		if firsts < 29 || firsts > 30 {
			t.Errorf("%d first rounds in 30 days", firsts)
		}
		h.views.Wake("boardroom")
		synctest.Wait()
		if _, _, ok := h.views.Busy("boardroom", time.Now().AddDate(0, 0, -1), time.Now().AddDate(0, 0, 89)); !ok {
			t.Error("no picture of the days ahead")
		}
	})
}

func TestResync(t *testing.T) {
	story(t, func(h *house) {
		h.graph.tell(meeting("a", 9))
		h.settle(time.Second)
		h.sees("9 busy About a")
		h.graph.asked()
		h.graph.mu.Lock()
		h.graph.log, h.graph.forgets = nil, true
		h.graph.mu.Unlock()
		h.graph.tell(meeting("b", 10))
		h.settle(fastPace + 2*time.Second)
		h.sees("10 busy About b")
		h.asked("room round "+own, "room first "+own)
		if h.log.Len() > 0 {
			t.Errorf("logged: %s", h.log.String())
		}
	})
}

// Graph is left alone for as long as it asks for, however many look.
func TestPatience(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.graph.asked()
		h.graph.setRefuse(func(*http.Request) (int, string, string) { return 429, "ApplicationThrottled", "600" })
		h.sees()
		h.settle(fastPace + 2*time.Second)
		h.asked("room round " + own)
		for range 590 {
			h.views.Wake("boardroom")
			h.settle(time.Second)
		}
		h.asked()
		h.graph.setRefuse(nil)
		h.settle(3 * time.Minute)
		if calls := h.graph.asked(); len(calls) == 0 || calls[0] != "room round "+own {
			t.Errorf("afterwards: %q", calls)
		}
		if got := h.log.String(); strings.Count(got, "could not be read") != 1 || strings.Count(got, "can be read again") != 1 {
			t.Errorf("logged: %s", got)
		}
	})
}

// Where Graph is ill and says nothing of when, it is asked ever less often.
func TestBackOff(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.graph.asked()
		h.graph.setRefuse(func(*http.Request) (int, string, string) { return 500, "InternalServerError", "" })
		for range 60 {
			h.views.Wake("boardroom")
			h.settle(time.Minute)
		}
		if n := len(h.graph.asked()); n < 10 || n > 20 {
			t.Errorf("%d rounds in an hour", n)
		}
	})
}

func TestAccountLosesItsRights(t *testing.T) {
	story(t, func(h *house) {
		h.connect("service", false)
		h.graph.tell(meeting("a", 9))
		h.settle(time.Second)
		h.sees("9 busy About a")
		h.asked("service first " + shared)
		h.graph.setRefuse(func(*http.Request) (int, string, string) { return 403, "ErrorAccessDenied", "" })
		h.settle(fastPace + 2*time.Second)
		h.seesNothing()
		if _, ok := h.views.AsOf("boardroom"); ok {
			t.Error("there is a picture")
		}
		_, _, err := h.views.Read(h.t.Context(), "boardroom", opening, opening.Add(time.Hour))
		var refused *graph.Error
		if !errors.As(err, &refused) || refused.Status != 403 {
			t.Errorf("Read: %v", err)
		}
		h.graph.asked()
		h.graph.setRefuse(nil)
		h.settle(time.Minute)
		h.sees("9 busy About a")
		if got := h.graph.asked(); len(got) == 0 || got[0] != "service first "+shared {
			t.Errorf("afterwards: %q", got)
		}
	})
}

// Another account shows only what it sees itself, and none shows nothing.
func TestAccounts(t *testing.T) {
	story(t, func(h *house) {
		h.disconnect(ErrNotConnected)
		h.graph.tell(meeting("a", 9))
		h.settle(time.Hour)
		h.seesNothing()
		h.asked()
		if _, _, err := h.views.Read(h.t.Context(), "boardroom", opening, opening.Add(time.Hour)); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Read: %v", err)
		}
		h.connect("first", true)
		h.views.Forget("contoso", "boardroom")
		synctest.Wait()
		h.sees("9 busy About a")
		h.asked("first first " + own)

		h.connect("second", false)
		h.views.Forget("contoso", "boardroom")
		h.seesNothing()
		synctest.Wait()
		h.sees("9 busy About a")
		h.asked("second first " + shared)

		h.views.Forget("fabrikam", "boardroom") // another one's
		h.sees("9 busy About a")
		h.disconnect(ErrNotConnected)
		h.settle(fastPace + 2*time.Second) // also if nothing was said of it
		h.seesNothing()
		if h.log.Len() > 0 {
			t.Errorf("logged: %s", h.log.String())
		}
	})
}

// What was read with an account that is taken away meanwhile is not shown.
func TestForgottenWhileReading(t *testing.T) {
	story(t, func(h *house) {
		h.graph.tell(meeting("a", 9))
		slow := make(chan struct{})
		h.graph.setRefuse(func(*http.Request) (int, string, string) { <-slow; return 0, "", "" })
		h.settle(time.Second)
		h.disconnect(ErrNotConnected)
		h.views.ForgetAll()
		close(slow)
		synctest.Wait()
		h.seesNothing()
		h.asked("room first " + own)
	})
}

func TestTokenFails(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.sees()
		h.graph.asked()
		h.failToken(errors.New("the sign-in service is away"))
		h.settle(30 * time.Second)
		h.sees() // it is not that old
		h.settle(time.Minute)
		h.seesNothing()
		h.failToken(nil)
		h.settle(5 * time.Minute)
		h.sees()
		if got := h.graph.asked(); len(got) == 0 || got[0] != "room round "+own {
			t.Errorf("afterwards: %q", got)
		}
	})
}

// A calendar with more events than are kept is not shown this way.
func TestTooManyEvents(t *testing.T) {
	story(t, func(h *house) {
		for i := range maxEvents + 1 {
			h.graph.tell(meeting(fmt.Sprint(i), i%23))
		}
		h.settle(10 * time.Minute)
		h.seesNothing()
		h.asked("room first " + own)
		h.graph.mu.Lock()
		h.graph.log = h.graph.log[:maxEvents]
		h.graph.mu.Unlock()
		h.settle(90 * time.Minute)
		h.views.Wake("boardroom")
		synctest.Wait()
		if blocks, _, ok := h.views.Busy("boardroom", opening.AddDate(0, 0, -1), opening.AddDate(0, 0, 1)); !ok || len(blocks) != maxEvents {
			t.Errorf("afterwards: %d blocks, %t", len(blocks), ok)
		}
		var more []map[string]any
		for i := range 10 {
			more = append(more, meeting("more"+fmt.Sprint(i), 9))
		}
		h.graph.tell(more...)
		h.settle(fastPace + 2*time.Second)
		h.seesNothing()
	})
}

func TestReload(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.graph.asked()
		h.sees()
		room := h.rooms["boardroom"]
		room.Ahead = 24 * time.Hour
		h.configure(map[string]Room{"boardroom": room})
		h.sees()
		h.asked()
		h.connect("service", false)
		room.Address = "other@contoso.com"
		h.configure(map[string]Room{"boardroom": room})
		h.sees()
		h.asked("service first /users/other@contoso.com/calendarView/delta")
		if _, _, ok := h.views.Busy("boardroom", opening, opening.AddDate(0, 0, 30)); ok {
			t.Error("the picture reaches further than one may book")
		}
		h.configure(nil)
		h.seesNothing()
		h.settle(time.Hour)
		h.asked()
		if _, _, err := h.views.Read(h.t.Context(), "boardroom", opening, opening.Add(time.Hour)); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Read: %v", err)
		}
	})
}

// However many rooms begin at once, Graph is asked by a few of them at a time.
func TestManyRooms(t *testing.T) {
	story(t, func(h *house) {
		h.settle(time.Second)
		h.graph.asked()
		var mu sync.Mutex
		now, most := 0, 0
		client := graph.NewClient("https://graph.example.com", &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(200 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return h.graph.RoundTrip(r)
		})}, time.Now)
		rooms := map[string]Room{}
		for i := range 100 {
			name := fmt.Sprintf("room%d", i)
			rooms[name] = Room{Name: name, Integration: "contoso", Address: name + "@contoso.com", Graph: client}
		}
		h.configure(rooms)
		h.settle(3 * time.Second)
		if n := len(h.graph.asked()); n != 100 || most != roundsAtOnce {
			t.Errorf("%d rooms were read, %d at once", n, most)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// All-day events are dates, which the room's zone makes times of.
func TestAllDay(t *testing.T) {
	story(t, func(h *house) {
		day := meeting("a", 0, "isAllDay", true, "end", map[string]any{"dateTime": "2026-12-02T00:00:00.0000000", "timeZone": "UTC"})
		h.graph.tell(day)
		h.settle(time.Second)
		// Midnight to midnight of 2 December at UTC-12 touches 1 December of UTC by nothing,
		// but who asks has to see it.
		from := time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
		blocks, _, ok := h.views.Busy("boardroom", from, from.Add(12*time.Hour))
		if !ok || len(blocks) != 1 || !blocks[0].AllDay {
			t.Errorf("Busy: %v, %t", blocks, ok)
		}
		read, _, err := h.views.Read(h.t.Context(), "boardroom", from, from.Add(12*time.Hour))
		if err != nil || len(read) != 1 || !read[0].AllDay {
			t.Errorf("Read: %v, %v", read, err)
		}
		if blocks, _, _ := h.views.Busy("boardroom", from.AddDate(0, 0, 1), from.AddDate(0, 0, 2)); len(blocks) != 0 {
			t.Errorf("a day later: %v", blocks)
		}
	})
}

// Meetings are known by their names in every mailbox, as long as there is a picture.
func TestMeetings(t *testing.T) {
	story(t, func(h *house) {
		if got := h.views.Meetings("boardroom"); got != nil {
			t.Errorf("before there is a picture: %v", got)
		}
		h.graph.tell(meeting("a", 9, "iCalUId", "UID-A"), meeting("b", 10, "iCalUId", "UID-B", "sensitivity", "private"), meeting("c", 11, "iCalUId", nil))
		h.settle(time.Second)
		got := h.views.Meetings("boardroom")
		if len(got) != 2 || got["UID-A"].Subject != "About a" || got["UID-B"].Start.Hour() != 10 || got["UID-B"].Subject != "" {
			t.Errorf("meetings: %v", got)
		}
		if got := h.views.Meetings("cellar"); got != nil {
			t.Errorf("of a room that isn't configured: %v", got)
		}
	})
}
