package integration_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// A mishap is a fault of Microsoft's during one of the calls that a booking takes.
type mishap struct {
	words string // of the fault, for the table
	fault map[string]any
	wait  int // for how many seconds the caller waits: 1, unless it is over by itself sooner
}

// A trial is what the faults happen to.
type trial struct {
	title, match string
	contains     string
	// before comes before the fault, and during with it; both get the number of the slot.
	before  func(w *world, p **process, slot int) (id string)
	during  func(w *world, slot int, id, wait string) answer
	mishaps []mishap
}

func bookSlot(w *world, slot int, _, wait string) answer {
	return w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1+slot/8, 9+slot%8), "Ones-Act-As", alice, "Prefer", wait)
}

func bookedSlot(w *world, _ **process, slot int) string {
	a := bookSlot(w, slot, "", "wait=30")
	if a.StatusCode != http.StatusCreated {
		w.t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	return a.json(w.t)["id"].(string)
}

// ills are faults that may happen to any call.
func ills(wait map[string]int) []mishap {
	all := []mishap{
		{words: "`delay` of 2 s", fault: map[string]any{"delay": "2s"}, wait: 10},
		{words: "`status` 429, `retry_after` 1", fault: map[string]any{"status": 429, "retry_after": "1"}},
		{words: "`status` 429, no `retry_after`", fault: map[string]any{"status": 429}},
		{words: "`status` 500", fault: map[string]any{"status": 500}},
		{words: "`status` 503, `retry_after` 1", fault: map[string]any{"status": 503, "retry_after": "1"}},
		{words: "`html`, `status` 502", fault: map[string]any{"html": true, "status": 502}},
		{words: "`lost_request`", fault: map[string]any{"lost_request": true}},
		{words: "`lost_reply`", fault: map[string]any{"lost_reply": true}},
		{words: "`truncate` after 20 bytes", fault: map[string]any{"truncate": 20}},
	}
	for i := range all {
		all[i].wait = cmp.Or(wait[strings.Fields(all[i].words)[0]], wait[""], all[i].wait)
	}
	return all
}

func coded(status int, code string) mishap {
	return mishap{words: fmt.Sprintf("`status` %d, `code` %s", status, code), fault: map[string]any{"status": status, "code": code}}
}

const cancelling = "cancelling"

// patiently has the caller wait until the fault has been met.
func patiently(m mishap) mishap {
	m.wait = 3
	return m
}

func aadsts(code string) mishap {
	return mishap{words: "`code` AADSTS" + code, fault: map[string]any{"code": "AADSTS" + code}}
}

var trials = []trial{
	{
		title: "renewing the person's token", match: "POST /*/oauth2/v2.0/token", contains: "grant_type=refresh_token", during: bookSlot,
		before: func(w *world, p **process, _ int) string {
			newVisitor(w.t, w.home).signIn(alice) // what was lost with the mishap before
			*p = w.ended(*p, func() {})
			return ""
		},
		mishaps: []mishap{
			{words: "`status` 503", fault: map[string]any{"status": 503}},
			{words: "`lost_request`", fault: map[string]any{"lost_request": true}},
			aadsts("50196"), aadsts("65001"), aadsts("50076"), aadsts("50173"), aadsts("7000222"),
		},
	},
	{
		title: "looking whether the room is free", match: "POST /v1.0/me/calendar/getSchedule", during: bookSlot,
		mishaps: append(ills(map[string]int{"": 30}), mishap{words: "`status` 403, `code` ErrorAccessDenied", fault: map[string]any{"code": "ErrorAccessDenied", "status": 403}, wait: 30}),
	},
	{
		title: "making the event", match: "POST /v1.0/me/events", during: bookSlot,
		mishaps: append(
			ills(map[string]int{"`lost_reply`": 20, "`truncate`": 20}),
			mishap{words: "`status` 401", fault: map[string]any{"status": 401}},
			mishap{words: "`status` 401, `claims`", fault: map[string]any{"status": 401, "claims": `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`}},
			coded(403, "ErrorAccessDenied"), coded(404, "MailboxNotEnabledForRESTAPI"), coded(507, "ErrorQuotaExceeded"),
			coded(400, "ErrorInvalidRequest"), coded(409, "ErrorDuplicateTransactionId"),
		),
	},
	{
		title: "asking what the room has answered", match: "GET /v1.0/me/events/*", during: bookSlot,
		mishaps: append(ills(map[string]int{"`delay`": 10, "": 2}), patiently(coded(404, "ErrorItemNotFound")), patiently(coded(403, "ErrorAccessDenied"))),
	},
	{
		title: cancelling, match: "POST /v1.0/me/events/*/cancel", before: bookedSlot,
		during: func(w *world, _ int, id, wait string) answer {
			return w.serve(http.MethodDelete, "/v1/bookings/"+id, nil, "Ones-Act-As", alice, "Prefer", wait)
		},
		mishaps: append(ills(nil), coded(404, "ErrorItemNotFound"), coded(403, "ErrorAccessDenied")),
	},
	{
		title: "changing the event", match: "PATCH /v1.0/me/events/*", before: bookedSlot,
		during: func(w *world, _ int, id, wait string) answer {
			return w.serve(http.MethodPatch, "/v1/bookings/"+id, map[string]any{"subject": "Budget"}, "Ones-Act-As", alice, "Prefer", wait)
		},
		mishaps: append(ills(map[string]int{"`lost_reply`": 20, "`truncate`": 20}), coded(412, "ErrorIrresolvableConflict"), coded(403, "ErrorAccessDenied")),
	},
}

// try has a mishap happen, and returns what is seen of it: the answer, and what becomes of
// the booking when all is well again.
func (tr trial) try(w *world, p **process, slot int, m mishap) (seen, end string) {
	var id string
	if tr.before != nil {
		id = tr.before(w, p, slot)
	}
	fault := map[string]any{"match": tr.match, "contains": tr.contains}
	for k, v := range m.fault {
		fault[k] = v
	}
	w.sim(http.MethodPost, "/_sim/faults", fault)
	a := tr.during(w, slot, id, fmt.Sprint("wait=", max(m.wait, 1)))
	w.sim(http.MethodDelete, "/_sim/faults", nil)
	answered := a.json(w.t)
	seen = fmt.Sprintf("`%d`", a.StatusCode)
	if code, ok := answered["code"].(string); ok {
		seen = fmt.Sprintf("`%d` `%s`", a.StatusCode, code)
		answered, _ = answered["booking"].(map[string]any)
	}
	if answered == nil {
		return seen, "nothing was accepted"
	}
	seen += ", " + state(answered)
	id = answered["id"].(string)
	if answered["status"] == "needs_sign_in" {
		newVisitor(w.t, w.home).signIn(alice)
		end = "after a sign-in "
	}
	b := w.until(id, func(b map[string]any) bool {
		switch b["status"] {
		case "failed", "cancelled":
			return true
		case "confirmed":
			return b["pending_change"] == nil && tr.title != cancelling
		}
		return false
	})
	return seen, end + state(b)
}

// state is a booking's status, and that of its change.
func state(b map[string]any) string {
	s := "`" + b["status"].(string) + "`"
	if b["pending_change"] != nil {
		s += " with `pending_change`"
	}
	if c, _ := b["last_change"].(map[string]any); c != nil {
		s += ", change `" + c["status"].(string) + "`"
	}
	return s
}

// The table of faults in docs/ones-developers.md is what happens.
const (
	faultsFile        = "../docs/ones-developers.md"
	faultsBegin       = "<!-- faults -->\n"
	faultsEnd         = "<!-- /faults -->\n"
	writeFaultsToDocs = "ONESGATE_WRITE_FAULTS" // has the test write the table
)

func TestFaults(t *testing.T) {
	t.Parallel()
	tables := make([]strings.Builder, len(trials))
	t.Run("trials", func(t *testing.T) {
		for i, tr := range trials {
			t.Run(tr.title, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, func(c *m365.Config) { c.Throttling.Requests = 100_000 })
				w.write(nil)
				p := w.gateway()
				newVisitor(t, w.home).signIn(alice)
				fmt.Fprintf(&tables[i], "**While %s** (`%s`):\n\n| fault | answer, and the booking | in the end |\n|---|---|---|\n", tr.title, tr.match)
				for slot, m := range tr.mishaps {
					began := time.Now()
					seen, end := tr.try(w, &p, slot, m)
					t.Logf("%s: %s, %s, %v", m.words, seen, end, time.Since(began).Round(time.Millisecond))
					fmt.Fprintf(&tables[i], "| %s | %s | %s |\n", m.words, seen, end)
				}
			})
		}
	})
	var all []string
	for i := range tables {
		all = append(all, tables[i].String())
	}
	table := strings.Join(all, "\n")
	text, err := os.ReadFile(faultsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), faultsBegin)
	was, after, ended := strings.Cut(rest, faultsEnd)
	if !ok || !ended {
		t.Fatalf("%s has no table of faults", faultsFile)
	}
	if os.Getenv(writeFaultsToDocs) != "" {
		if err := os.WriteFile(faultsFile, []byte(before+faultsBegin+table+faultsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if was != table {
		t.Errorf("the table of faults in %s is not what happens, which is (%s=1 has it written):\n%s", faultsFile, writeFaultsToDocs, table)
	}
}
