package booking

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

func TestConfirmed(t *testing.T) {
	story(t, func(h *house) {
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00", "attendees", []string{"bob@contoso.com"}, "body", "Agenda"))
		h.want(r, 201, "status", "confirmed", "room_response.status", "accepted", "organizer.id", alice.ID,
			"start", "2026-12-01T10:00:00+08:00", "time_zone", "Asia/Hong_Kong", "graph.event_id", "event-1=", "recurrence", "null")
		if got, want := r.header.Get("Location"), "bookings/"+r.text("id"); got != want {
			t.Errorf("Location: got %q, want %q", got, want)
		}
		if got, want := r.header.Get("ETag"), `"`+r.text("version")+`"`; got != want {
			t.Errorf("ETag: got %q, want %q", got, want)
		}
		e := h.graph.events[0]
		if e.Owner != alice.ID || e.Room != "boardroom@contoso.com" || !e.Start.Equal(opening.Add(time.Hour)) {
			t.Errorf("event: got owner %s, room %s, start %v; want Alice's with the room at 10:00", e.Owner, e.Room, e.Start)
		}
		sent := maps.Clone(e.Body)
		if sent["transactionId"] == "" {
			t.Error("the event has no transactionId")
		}
		delete(sent, "transactionId")
		got, err := json.Marshal(sent)
		want := `{"allowNewTimeProposals":false,` +
			`"attendees":[{"emailAddress":{"address":"boardroom@contoso.com","name":"Boardroom"},"type":"resource"},{"emailAddress":{"address":"bob@contoso.com"},"type":"required"}],` +
			`"body":{"content":"Agenda","contentType":"text"},` +
			`"end":{"dateTime":"2026-12-01T11:00:00","timeZone":"China Standard Time"},` +
			`"location":{"displayName":"Boardroom","locationEmailAddress":"boardroom@contoso.com"},"sensitivity":"normal",` +
			`"singleValueExtendedProperties":[{"id":"String {5b2f0c1e-7d64-4b0e-9c53-0a4e6f7d2a91} Name OnesBookingId","value":"` + r.text("id") + `"}],` +
			`"start":{"dateTime":"2026-12-01T10:00:00","timeZone":"China Standard Time"},"subject":"Quarterly review"}`
		if err != nil || string(got) != want {
			t.Errorf("the event that is sent:\ngot  %s %v\nwant %s", got, err, want)
		}
		again := h.call(alice, "GET", "/v1/bookings/"+r.text("id"), "")
		h.want(again, 200, "status", "confirmed", "version", r.text("version"))
	})
}

func TestRoomAnswersLate(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string {
			if time.Since(opening) < 20*time.Second {
				return "none"
			}
			return "accepted"
		})
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=10")
		h.want(r, 202, "status", "awaiting_room")
		if got := r.header.Get("Preference-Applied"); got != "wait=10" {
			t.Errorf("Preference-Applied: got %q, want wait=10", got)
		}
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
		if n := h.graph.count("GET /me/events/"); n > 7 {
			t.Errorf("looks at the event: got %d, want at most 7: the back-off doubles", n)
		}
	})
}

func TestRespondAsync(t *testing.T) {
	story(t, func(h *house) {
		answered := make(chan struct{}) // until then Microsoft is thinking
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/events") && !done {
				<-answered
			}
			return nil, nil, false
		})
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		h.want(r, 202, "status", "accepted")
		if got := r.header.Get("Preference-Applied"); got != "respond-async" {
			t.Errorf("Preference-Applied: got %q, want respond-async", got)
		}
		close(answered)
		h.settle(2 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
	})
}

func TestDeclined(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		r := h.book("10:00", "11:00")
		h.want(r, 409, "code", "room_declined", "booking.status", "declined", "booking.room_response.status", "declined")
		if len(h.graph.live()) != 0 || h.graph.events[0].Comment == "" {
			t.Errorf("event: got %+v, want it cancelled with a comment", h.graph.events[0])
		}
		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		h.want(h.book("10:00", "11:00"), 201) // the slot is free again

		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		h.want(h.book("10:00", "11:00", "room", "harbour"), 409, "code", "room_declined")
		if n := len(h.graph.live()); n != 2 {
			t.Errorf("live events: got %d, want 2: harbour keeps declined ones", n)
		}
	})
}

// A room that declines after five minutes: it is said why, the event is gone, and somebody
// else may have the time.
func TestDeclinesAfterFiveMinutes(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string {
			if time.Since(opening) < 5*time.Minute {
				return "none"
			}
			return "declined"
		})
		r := h.book("12:00", "13:00")
		h.want(r, 202, "status", "awaiting_room")
		h.settle(10 * time.Minute)
		r = h.call(alice, "GET", "/v1/bookings/"+r.text("id"), "")
		h.want(r, 200, "status", "declined", "room_response.status", "declined")
		if r.text("reason") == "null" || len(h.graph.live()) != 0 {
			t.Errorf("reason %s, %d events; want one and none", r.text("reason"), len(h.graph.live()))
		}
		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00")), 201)
	})
}

func TestDeclinedEventIsCancelledAfterACrash(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			return nil, errLost, strings.HasSuffix(r.URL.Path, "/cancel") && !done
		})
		h.want(h.book("10:00", "11:00"), 409, "code", "room_declined")
		if n := len(h.graph.live()); n != 1 {
			t.Fatalf("live events: got %d, want 1 so far", n)
		}
		h.graph.setFault(nil)
		h.restart()
		h.settle(time.Second)
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("live events: got %d, want none", n)
		}
	})
}

func TestOwnClash(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.book("10:00", "11:00"), 201)
		r := h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30"))
		h.want(r, 409, "code", "room_conflict")
		want := `[{"end":"2026-12-01T12:00:00+08:00","room":"boardroom","start":"2026-12-01T11:00:00+08:00"},` +
			`{"end":"2026-12-01T11:30:00+08:00","room":"harbour","start":"2026-12-01T10:30:00+08:00"},` +
			`{"end":"2026-12-01T11:30:00+08:00","room":"peak","start":"2026-12-01T10:30:00+08:00"}]`
		if got := r.text("alternatives"); got != want {
			t.Errorf("alternatives: got %s, want %s", got, want)
		}
		if got, want := r.text("clashes"), `[{"end":"2026-12-01T11:00:00+08:00","organizer":{"email":"alice@contoso.com","id":"t1.alice","name":"Alice Chan"},"start":"2026-12-01T10:00:00+08:00"}]`; got != want {
			t.Errorf("clashes: got %s, want %s", got, want)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("11:00", "12:00")), 201) // half-open: it only touches
	})
}

func TestPrivateClash(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00", "private", true)), 201)
		r := h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30"))
		h.want(r, 409, "code", "room_conflict")
		if got, want := r.text("clashes"), `[{"end":"2026-12-01T11:00:00+08:00","start":"2026-12-01T10:00:00+08:00"}]`; got != want {
			t.Errorf("clashes: got %s, want %s: who meets in private is nobody's business", got, want)
		}
	})
}

func TestForeignClash(t *testing.T) {
	story(t, func(h *house) {
		h.graph.foreign["boardroom@contoso.com"] = []period{{opening.Add(time.Hour), opening.Add(2 * time.Hour)}}
		h.graph.foreign["harbour@contoso.com"] = h.graph.foreign["boardroom@contoso.com"]
		r := h.book("10:30", "11:30")
		h.want(r, 409, "code", "room_conflict")
		want := `[{"end":"2026-12-01T12:00:00+08:00","room":"boardroom","start":"2026-12-01T11:00:00+08:00"},` +
			`{"end":"2026-12-01T11:30:00+08:00","room":"peak","start":"2026-12-01T10:30:00+08:00"}]`
		if got := r.text("alternatives"); got != want {
			t.Errorf("alternatives: got %s, want %s", got, want)
		}
		if n := len(h.graph.events); n != 0 {
			t.Errorf("events: got %d, want none", n)
		}
	})
}

func TestAllDayItemsAreOfTheRoomsZone(t *testing.T) {
	story(t, func(h *house) {
		midnight := time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
		h.graph.foreign["boardroom@contoso.com"] = []period{{midnight, midnight.AddDate(0, 0, 1)}}
		for start, want := range map[string]int{"2026-12-01T23:00:00+08:00": 201, "2026-12-02T01:00:00+08:00": 409, "2026-12-03T00:30:00+08:00": 201} {
			at, _ := time.Parse(time.RFC3339, start)
			h.want(h.book("", "", "start", start, "end", at.Add(30*time.Minute).Format(time.RFC3339)), want)
		}
	})
}

// Whatever happens to the first sending, there is one event in the end.
func TestExactlyOneEvent(t *testing.T) {
	tests := []struct {
		name  string
		fault func(*http.Request, bool) (*http.Response, error, bool)
		look  bool // an event of that kind has to be looked for before it is sent again
	}{
		{"reply lost after the commit", onCreate(times(1, lostReply)), true},
		{"replies lost again and again", onCreate(times(3, lostReply)), true},
		{"never sent", onCreate(times(2, notSent)), false},
		{"503", onCreate(times(2, answers(503, "ServiceUnavailable", "Retry-After", "3"))), true},
		{"500", onCreate(times(1, answers(500, "InternalServerError"))), true},
		{"500 after the commit", onCreate(times(1, func(r *http.Request, done bool) (*http.Response, error, bool) {
			return refused(r, 500, "InternalServerError"), nil, done
		})), true},
		{"504", onCreate(times(1, answers(504, "GatewayTimeout"))), true},
		{"429", onCreate(times(5, answers(429, "ApplicationThrottled"))), false},
		{"the search fails too", func() func(*http.Request, bool) (*http.Response, error, bool) {
			create, search := onCreate(times(1, lostReply)), times(2, answers(503, ""))
			return func(r *http.Request, done bool) (*http.Response, error, bool) {
				if strings.HasSuffix(r.URL.Path, "/calendarView") {
					return search(r, done)
				}
				return create(r, done)
			}
		}(), true},
		{"duplicate transaction", onCreate(times(1, func(r *http.Request, done bool) (*http.Response, error, bool) {
			return refused(r, 409, "ErrorDuplicateTransactionId"), nil, done
		})), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(h *house) {
				h.graph.setFault(tt.fault)
				r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
				h.want(r, 202)
				h.settle(10 * time.Minute)
				h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed", "reason", "null")
				if n := len(h.graph.events); n != 1 {
					t.Errorf("events: got %d, want 1", n)
				}
				if h.graph.duplicates != 0 {
					t.Errorf("creations of an event that was there: got %d, want none: it is looked for first", h.graph.duplicates)
				}
				if looked := h.graph.count("GET /me/calendarView") > 0; looked != tt.look {
					t.Errorf("looked before sending again: got %v, want %v", looked, tt.look)
				}
			})
		})
	}
}

func TestCrashBetweenAcceptAndSend(t *testing.T) {
	tests := []struct {
		name  string
		fault func(*http.Request, bool) (*http.Response, error, bool)
	}{
		{"before anything was sent", nil},
		{"after it was sent", onCreate(times(1, lostReply))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(h *house) {
				if tt.fault == nil {
					h.stop() // accepted while nobody runs, as if killed at once
				}
				h.graph.setFault(tt.fault)
				r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
				h.want(r, 202)
				h.restart()
				h.settle(time.Minute)
				h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
				if n := len(h.graph.events); n != 1 || h.graph.duplicates != 0 {
					t.Errorf("events: got %d and %d creations in vain, want 1 and 0", n, h.graph.duplicates)
				}
			})
		})
	}
}

// The result of a creation could not be written: the event is found again.
func TestResultLostInTheStore(t *testing.T) {
	story(t, func(h *house) {
		h.store.setFail(func(writes []store.Write) error {
			if writes[0].If != nil && *writes[0].If != store.Absent {
				return store.ErrFull
			}
			return nil
		})
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		h.want(r, 202)
		h.settle(45 * time.Second)
		if n := h.graph.count("POST /me/events"); n != 1 {
			t.Errorf("creations: got %d, want 1", n)
		}
		h.store.setFail(nil)
		h.settle(2 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
		if n := len(h.graph.events); n != 1 || h.graph.duplicates != 0 {
			t.Errorf("events: got %d and %d creations in vain, want 1 and 0", n, h.graph.duplicates)
		}
	})
}

func TestUnknownOutcomeOfTheAcceptance(t *testing.T) {
	story(t, func(h *house) {
		h.store.setAfter(func([]store.Write) error { return store.ErrUnknownOutcome })
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Idempotency-Key", "k1")
		h.want(r, 503, "code", "store_unavailable")
		h.store.setAfter(nil)
		h.restart()
		r = h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Idempotency-Key", "k1")
		h.want(r, 200)
		h.settle(time.Minute)
		if n := len(h.graph.live()); n != 1 {
			t.Errorf("events: got %d, want 1", n)
		}
	})
}

func TestReplay(t *testing.T) {
	story(t, func(h *house) {
		first := h.call("alice@contoso.com", "POST", "/v1/bookings", body("10:00", "11:00", "external_id", "ONES-1"), "Idempotency-Key", "k1")
		h.want(first, 201, "external_id", "ONES-1")
		same := body("10:00", "11:00", "external_id", "ONES-1")
		for name, again := range map[string]reply{
			"same key":            h.call("alice@contoso.com", "POST", "/v1/bookings", same, "Idempotency-Key", "k1"),
			"same external id":    h.call("alice@contoso.com", "POST", "/v1/bookings", same),
			"by another of names": h.call("card:1001", "POST", "/v1/bookings", same, "Idempotency-Key", "k1"),
		} {
			if again.status != 200 || again.header.Get("Idempotent-Replayed") != "true" || again.text("id") != first.text("id") {
				t.Errorf("%s: got %d, replayed %q, %v; want 200, true and the first booking", name, again.status, again.header.Get("Idempotent-Replayed"), again.body)
			}
		}
		rotated := h.call("alice@contoso.com", "POST", "/v1/bookings", same, "Idempotency-Key", "k1", "Authorization", "Bearer an-older-token-that-is-still-valid!!")
		h.want(rotated, 200, "id", first.text("id"))
		h.want(h.call("alice@contoso.com", "POST", "/v1/bookings", body("12:00", "13:00"), "Idempotency-Key", "k1"), 422, "code", "idempotency_mismatch")
		h.want(h.call("bob@contoso.com", "POST", "/v1/bookings", body("12:00", "13:00", "external_id", "ONES-1")), 409, "code", "ambiguous_user")
		h.want(h.call(bob.ID, "POST", "/v1/bookings", body("12:00", "13:00", "external_id", "ONES-1")), 422, "code", "idempotency_mismatch")
		h.want(h.call(bob.ID, "POST", "/v1/bookings", same), 422, "code", "idempotency_mismatch")
		h.want(h.call(bob.ID, "POST", "/v1/bookings", body("12:00", "13:00"), "Idempotency-Key", "k1"), 201) // another's key

		h.settle(3 * time.Hour) // the start has passed: still a replay
		h.want(h.call("alice@contoso.com", "POST", "/v1/bookings", same, "Idempotency-Key", "k1"), 200, "status", "confirmed")
		if n := len(h.graph.events); n != 2 {
			t.Errorf("events: got %d, want 2", n)
		}
	})
}

func TestGrantDies(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		resume bool
	}{
		{"sign-in", grant.ErrNeedsSignIn, true},
		{"sign-in, found by itself", grant.ErrNeedsSignIn, false},
		{"consent", grant.ErrNeedsAdminConsent, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(h *house) {
				// It dies between the look at the schedule and the creation.
				h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
					if strings.HasSuffix(r.URL.Path, "/getSchedule") && done {
						h.kill(alice, tt.err)
					}
					return nil, nil, false
				})
				r := h.book("10:00", "11:00")
				h.want(r, 202, "status", "needs_sign_in")
				if n := len(h.graph.events); n != 0 {
					t.Fatalf("events: got %d, want none yet", n)
				}
				h.settle(time.Minute)
				h.graph.setFault(nil)
				h.kill(alice, nil)
				if tt.resume {
					h.svc.Resume(alice.ID)
					h.settle(3 * time.Second)
				} else {
					h.settle(signInPoll + 3*time.Second)
				}
				h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
				if n := len(h.graph.events); n != 1 {
					t.Errorf("events: got %d, want 1", n)
				}
			})
		})
	}
}

// Who has signed in again is not told to do so once more because Microsoft can't be reached then.
func TestSignedInWhileNobodyAnswers(t *testing.T) {
	for name, fault := range map[string]func(*http.Request, bool) (*http.Response, error, bool){
		"not reached": notSent, "no answer": lostReply, "an error": answers(503, "ServiceUnavailable"),
	} {
		story(t, func(h *house) {
			h.stop()
			id := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async").text("id")
			h.kill(alice, grant.ErrNeedsSignIn)
			h.start()
			h.settle(claimLife)
			h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "needs_sign_in")
			h.graph.setFault(fault)
			h.kill(alice, nil)
			h.svc.Resume(alice.ID)
			h.settle(10 * time.Second)
			if r := h.read(id); r.Status != Accepted || r.Reason != reasonRetry {
				t.Errorf("%s: it is %s, %s", name, r.Status, r.Reason)
			}
		})
	}
}

func TestKnownDeadGrantJournalsNothing(t *testing.T) {
	for _, tt := range []struct {
		state  grant.State
		err    error // of the next token
		code   string
		mended bool
	}{
		{grant.NeedsSignIn, grant.ErrNeedsSignIn, "needs_sign_in", false},
		{grant.NeedsAdminConsent, grant.ErrNeedsAdminConsent, "needs_admin_consent", true},
		{grant.NoMailbox, nil, "forbidden", false},
	} {
		story(t, func(h *house) {
			h.kill(alice, tt.err)
			h.state[alice.ID] = tt.state
			r := h.book("10:00", "11:00")
			h.want(r, 403, "code", tt.code)
			if tt.code != "forbidden" {
				h.want(r, 403, "login_url", "https://ones.example.com/.ones/login/contoso")
			}
			h.want(h.call("", "GET", "/v1/bookings", ""), 200, "bookings", "[]")
			if tt.mended { // an administrator has consented: nobody has to sign in for that
				h.kill(alice, nil)
				h.state[alice.ID] = tt.state
				h.want(h.book("10:00", "11:00"), 201, "status", "confirmed")
			}
		})
	}
	story(t, func(h *house) { // found dead at the look
		h.kill(alice, grant.ErrNeedsSignIn)
		h.want(h.book("10:00", "11:00"), 403, "code", "needs_sign_in")
		h.kill(alice, grant.ErrIntegrationDown)
		h.want(h.book("10:00", "11:00"), 503, "code", "integration_down")
		h.want(h.call("", "GET", "/v1/bookings", ""), 200, "bookings", "[]")
	})
}

// A booking that was accepted before Microsoft refused the gateway itself waits for the
// operator, and says so.
func TestIntegrationDown(t *testing.T) {
	story(t, func(h *house) {
		var down atomic.Bool
		down.Store(true)
		h.graph.setFault(func(_ *http.Request, done bool) (*http.Response, error, bool) {
			return nil, errLost, down.Load() && !done
		})
		r := h.book("12:00", "13:00")
		h.kill(alice, grant.ErrIntegrationDown)
		down.Store(false)
		h.settle(10 * time.Minute)
		seen := h.call(alice, "GET", "/v1/bookings/"+r.text("id"), "")
		h.want(seen, 200, "status", "accepted")
		h.want(seen, 200, "reason", "Microsoft 365 refuses the gateway itself; its operator has to look at it, and the booking goes on by itself then.")
		h.kill(alice, nil)
		h.settle(time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "accepted")
		h.svc.ResumeAll() // it is known that the gateway is welcome again
		h.settle(10 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
	})
}

func TestGraphDown(t *testing.T) {
	story(t, func(h *house) {
		var down atomic.Bool
		down.Store(true)
		h.graph.setFault(func(_ *http.Request, done bool) (*http.Response, error, bool) {
			return nil, errLost, down.Load() && !done
		})
		r := h.book("12:00", "13:00")
		h.want(r, 202, "status", "accepted")
		h.want(h.call(alice, "GET", "/v1/rooms/boardroom/schedule", ""), 503, "code", "graph_unavailable")
		h.settle(20 * time.Minute)
		down.Store(false)
		h.settle(15 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
	})
}

func TestExpired(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(func(_ *http.Request, done bool) (*http.Response, error, bool) { return nil, errLost, !done })
		r := h.book("09:30", "10:30")
		h.want(r, 202, "status", "accepted")
		h.settle(31 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "expired")
		h.graph.setFault(nil)
		h.settle(time.Hour)
		if n := len(h.graph.events); n != 0 {
			t.Errorf("events: got %d, want none after the start", n)
		}
	})
}

func TestBookingThatBeginsNow(t *testing.T) {
	story(t, func(h *house) {
		h.settle(40 * time.Second)
		h.want(h.book("09:00", "09:30"), 201, "status", "confirmed")
	})
}

func TestFailed(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(onCreate(answers(403, "ErrorAccessDenied")))
		r := h.book("10:00", "11:00")
		h.want(r, 409, "code", "invalid_state", "booking.status", "failed")
		if !strings.Contains(r.text("booking.reason"), "permission") {
			t.Errorf("reason: got %q, want one that speaks of the permission", r.text("booking.reason"))
		}
		h.graph.setFault(nil)
		h.want(h.book("10:00", "11:00"), 201)
	})
}

func TestDeletedInOutlook(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=2")
		h.want(r, 202, "status", "awaiting_room")
		h.graph.mu.Lock()
		h.graph.events[0].Cancelled = true
		h.graph.mu.Unlock()
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
	})
}

func TestRoomNeverAnswers(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string { return "tentativelyAccepted" })
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=0")
		h.settle(3 * time.Hour)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "awaiting_room", "room_response.status", "tentative")
		n := len(h.graph.calls)
		h.settle(24 * time.Hour)
		if more := len(h.graph.calls) - n; more != 0 {
			t.Errorf("calls after the end: got %d, want none", more)
		}
	})
}

func TestCancel(t *testing.T) {
	story(t, func(h *house) {
		r := h.book("10:00", "11:00")
		path := "/v1/bookings/" + r.text("id")
		h.want(h.call(bob, "DELETE", path, ""), 404, "code", "not_found")
		h.want(h.call(bob.ID, "DELETE", path, ""), 403, "code", "not_organizer")
		h.want(h.call("", "DELETE", path, ""), 403, "code", "forbidden")
		h.want(h.call(alice, "DELETE", path, "", "If-Match", `"99"`), 412, "code", "version_conflict")
		h.want(h.call(alice, "DELETE", path, `{"comment":"ill"}`, "If-Match", r.header.Get("ETag")), 200, "status", "cancelled")
		if e := h.graph.events[0]; !e.Cancelled || e.Comment != "ill" {
			t.Errorf("event: got cancelled %v, comment %q; want it cancelled with the comment", e.Cancelled, e.Comment)
		}
		h.want(h.call(alice, "DELETE", path, ""), 200, "status", "cancelled") // it is what they wanted
		h.want(h.book("10:00", "11:00"), 201)                                 // the slot is free again
	})
}

func TestCancelBeforeTheEvent(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(onCreate(notSent))
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=0")
		h.settle(3 * time.Second)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
		h.graph.setFault(nil)
		h.settle(time.Hour)
		if n := len(h.graph.events); n != 0 {
			t.Errorf("events: got %d, want none", n)
		}
	})
}

func TestCancelWhileTheEventIsMade(t *testing.T) {
	story(t, func(h *house) {
		made, goOn := make(chan struct{}), make(chan struct{})
		h.graph.setFault(onCreate(func(_ *http.Request, done bool) (*http.Response, error, bool) {
			if done {
				close(made)
				<-goOn
			}
			return nil, nil, false
		}))
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		<-made
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+r.text("id")+"?comment=no", "", "Prefer", "respond-async"), 202)
		close(goOn)
		h.settle(time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 0 || len(h.graph.events) != 1 {
			t.Errorf("events: got %d live of %d, want 0 of 1", n, len(h.graph.events))
		}
	})
}

func TestCancelWhileGraphIsDown(t *testing.T) {
	story(t, func(h *house) {
		r := h.book("10:00", "11:00")
		h.graph.setFault(func(_ *http.Request, done bool) (*http.Response, error, bool) { return nil, errLost, !done })
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+r.text("id"), ""), 202, "status", "confirmed")
		h.restart()
		h.graph.setFault(nil)
		h.settle(5 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("live events: got %d, want none", n)
		}
	})
}

func TestOneSlotForAHundred(t *testing.T) {
	story(t, func(h *house) {
		// Every look at the schedule takes its time, so that many have found the
		// slot free before the first is accepted.
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if strings.HasSuffix(r.URL.Path, "/getSchedule") && done {
				time.Sleep(time.Second)
			}
			return nil, nil, false
		})
		var (
			all      sync.WaitGroup
			mu       sync.Mutex
			statuses = map[int]int{}
		)
		for i := range 100 {
			all.Go(func() {
				who := alice
				if i%2 == 1 {
					who = bob
				}
				r := h.call(who, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=30")
				mu.Lock()
				defer mu.Unlock()
				statuses[r.status]++
			})
		}
		all.Wait()
		if statuses[201] != 1 || statuses[409] != 99 {
			t.Errorf("statuses: got %v, want one 201 and 99 of 409", statuses)
		}
		if n := len(h.graph.events); n != 1 {
			t.Errorf("events: got %d, want 1", n)
		}
	})
}

func TestOneKeyForAHundred(t *testing.T) {
	story(t, func(h *house) {
		var (
			all sync.WaitGroup
			mu  sync.Mutex
			ids = map[string]int{}
		)
		for range 100 {
			all.Go(func() {
				r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Idempotency-Key", "k", "Prefer", "wait=30")
				id := r.text("id")
				mu.Lock()
				defer mu.Unlock()
				ids[id]++
			})
		}
		all.Wait()
		if len(ids) != 1 {
			t.Errorf("bookings: got %v, want all the same", ids)
		}
		if n := len(h.graph.events); n != 1 {
			t.Errorf("events: got %d, want 1", n)
		}
	})
}

func TestNothingPrivateIsLogged(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		h.book("10:00", "11:00", "subject", "TOPSECRET", "body", "TOPSECRET", "private", true)
		h.graph.setFault(onCreate(times(1, lostReply)))
		h.book("12:00", "13:00", "subject", "TOPSECRET")
		log := h.log.text()
		for _, word := range []string{"TOPSECRET", "Bearer", serviceToken} {
			if strings.Contains(log, word) {
				t.Errorf("the log holds %q", word)
			}
		}
		for _, word := range []string{`"action":"create"`, `"action":"outcome"`, `"outcome":"declined"`, `"by":"session"`, `"room":"boardroom"`} {
			if !strings.Contains(log, word) {
				t.Errorf("the audit log lacks %s", word)
			}
		}
	})
}

// People who have signed in are not forgotten while the journal can't be read, and
// it is not asked all the time.
func TestSignedInWhileTheJournalIsAway(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(onCreate(answers(401, "InvalidAuthenticationToken")))
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=5"), 202, "status", "needs_sign_in")
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00"), "Prefer", "wait=5"), 202, "status", "needs_sign_in")
		h.graph.setFault(nil)
		before := h.store.setDown(true)
		h.svc.Resume(alice.ID)
		h.svc.Resume(bob.ID)
		h.settle(time.Second)
		// The look at what is due is one of them, each holdOff.
		if n := h.store.setDown(false) - before; n > 4 {
			t.Errorf("%d looks within a second", n)
		}
		h.settle(holdOff + 10*time.Second)
		if n := len(h.graph.live()); n != 2 {
			t.Errorf("the bookings of %d people were carried on, want 2", n)
		}
	})
}

func TestStoreUnavailable(t *testing.T) {
	story(t, func(h *house) {
		h.store.setFail(func([]store.Write) error { return fmt.Errorf("commit: %w", store.ErrUnavailable) })
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"))
		h.want(r, 503, "code", "store_unavailable")
		if got := r.header.Get("Retry-After"); got != "5" {
			t.Errorf("Retry-After: %q, want 5", got)
		}
		h.store.setFail(nil)
	})
}
