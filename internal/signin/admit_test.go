package signin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/store"
)

// records are all that the store holds.
func (st *stage) records(t *testing.T) map[string]store.Version {
	t.Helper()
	all := map[string]store.Version{}
	if err := st.store.Snapshot(context.Background(), func(r store.Record) error {
		all[r.Key] = r.Version
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestX8RefusedSignIn: nothing is kept of somebody who may not enter, and what
// they had before is over, everywhere.
func TestX8RefusedSignIn(t *testing.T) {
	for _, tt := range []struct {
		name    string
		subject string
		rules   identity.Rules
		claims  map[string]any
		want    identity.Reason
		ended   bool // alice's sessions
	}{
		{"somebody new", "mallory", identity.Rules{Allow: []string{"G"}}, nil, identity.NotInGroup, false},
		{"too many groups", "mallory", identity.Rules{Allow: []string{"G"}}, map[string]any{"hasgroups": true}, identity.GroupsNotTold, false},
		{"a guest", "mallory", identity.Rules{}, map[string]any{"acct": 1.0}, identity.Guest, false},
		{"who may not any more", "alice", identity.Rules{Allow: []string{"G"}}, nil, identity.NotInGroup, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := newStage(t, nil)
			var audit bytes.Buffer
			st.site.Audit = slog.New(slog.NewTextHandler(&audit, nil))
			mine, err := st.site.Sessions.Lookup(t.Context(), st.cookie)
			if err != nil {
				t.Fatal(err)
			}
			elsewhere, _, err := st.site.Sessions.Start(t.Context(), session.Opening{Person: mine.Person, Life: st.Life})
			if err != nil {
				t.Fatal(err)
			}
			before := st.records(t)
			i := st.site.Integrations[0]
			i.Rules = tt.rules
			p, _, refusal := st.site.admit(t.Context(), arrived{
				i, entra.Tokens{Access: "a", Refresh: "r"}, entra.Claims{TenantID: "tid", Subject: tt.subject, All: tt.claims},
			})
			if refusal == nil || refusal.Reason != tt.want {
				t.Fatalf("admit = %v, want a refusal: %s", refusal, tt.want)
			}
			r := httptest.NewRequest(http.MethodGet, "/.ones/callback", nil)
			r.Header.Set("Cookie", "__Host-onesgate="+st.cookie)
			w := httptest.NewRecorder()
			st.site.turnAway(w, r, attempt{Integration: i.Name, ReturnTo: "/rooms"}, p, refusal)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "prompt=select_account") {
				t.Errorf("the page: %d %s", w.Code, w.Body)
			}
			for key, version := range st.records(t) {
				if before[key] != version {
					t.Errorf("%s was written", key)
				}
			}
			for _, cookie := range []string{st.cookie, elsewhere} {
				if _, err := st.site.Sessions.Lookup(t.Context(), cookie); errors.Is(err, session.ErrNone) != tt.ended {
					t.Errorf("alice's session: %v; ended should be %v", err, tt.ended)
				}
			}
			if cleared := strings.Contains(strings.Join(w.Result().Header["Set-Cookie"], ""), "Max-Age=0"); cleared != tt.ended {
				t.Errorf("the cookie is deleted: %v, want %v", cleared, tt.ended)
			}
			if log := audit.String(); !strings.Contains(log, "sign-in refused") || !strings.Contains(log, "user=tid."+tt.subject) || !strings.Contains(log, "reason="+string(tt.want)) {
				t.Errorf("the audit log: %s", log)
			}
		})
	}
}

// TestX8GuestByMailbox: with the three permissions only the address of the mailbox
// may show a guest.
func TestX8GuestByMailbox(t *testing.T) {
	st := newStage(t, nil)
	for address, want := range map[string]identity.Reason{
		"bob@contoso.example": "", "bob_home.example#EXT#@contoso.example": identity.Guest, "a@b@contoso.example": "",
	} {
		microsoft := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"id": "c", "owner": map[string]string{"name": "Bob", "address": address}})
		}))
		i := st.site.Integrations[0]
		i.Graph = graph.NewClient(microsoft.URL, microsoft.Client(), time.Now)
		p, _, refusal := st.site.admit(t.Context(), arrived{i, entra.Tokens{Access: "a", Refresh: "r"}, entra.Claims{TenantID: "tid", Subject: "bob"}})
		microsoft.Close()
		switch {
		case want != "" && (refusal == nil || refusal.Reason != want):
			t.Errorf("%s: %v, want a refusal: %s", address, refusal, want)
		case want == "" && refusal != nil:
			t.Errorf("%s: %v", address, refusal)
		case want == "" && p.Mailbox != identity.Address(address): // X4: what is no address finds nobody
			t.Errorf("%s: the mailbox is %q", address, p.Mailbox)
		}
	}
}

// Each refusal has a page of its own.
func TestRefusalPages(t *testing.T) {
	for reason, want := range map[identity.Reason]pages.Kind{
		identity.NotInGroup: pages.NotAllowed, identity.Guest: pages.GuestNotAllowed, identity.GroupsNotTold: pages.GroupsNotTold,
	} {
		if got := refusalPage(reason); got != want || got.Status() != http.StatusForbidden {
			t.Errorf("%s: page %d with status %d, want %d", reason, got, got.Status(), want)
		}
	}
}

// X5: where the sessions can't be ended, that is what the person is told.
func TestRefusedSignInThatCannotEndTheSessions(t *testing.T) {
	st := newStage(t, nil)
	mine, err := st.site.Sessions.Lookup(t.Context(), st.cookie)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/.ones/callback", nil)
	r.Header.Set("Cookie", "__Host-onesgate="+st.cookie)
	st.store.fails.Store(true)
	w := httptest.NewRecorder()
	st.site.turnAway(w, r, attempt{Integration: "contoso"}, *mine.Person, &identity.Refusal{Reason: identity.NotInGroup})
	taken := slices.ContainsFunc(w.Result().Cookies(), func(c *http.Cookie) bool { return c.Name == "__Host-onesgate" })
	if w.Code != http.StatusServiceUnavailable || taken {
		t.Errorf("%d, cookies %v; want 503, and the cookie kept", w.Code, w.Result().Cookies())
	}
}

// The operator hears once that groups are missing, not at every sign-in.
func TestOmittedGroupsAreToldOnce(t *testing.T) {
	st := newStage(t, nil)
	var log bytes.Buffer
	st.site.Log = slog.New(slog.NewTextHandler(&log, nil))
	i := Integration{Name: "contoso", Rules: identity.Rules{MapGroups: map[string]string{"G": "g"}}}
	st.site.warnOfOmittedGroups(i, entra.Claims{})
	if log.Len() != 0 {
		t.Errorf("told of nothing: %s", &log)
	}
	omitted := entra.Claims{All: map[string]any{"hasgroups": true}}
	st.site.warnOfOmittedGroups(Integration{Name: "none mapped"}, omitted)
	for range 3 {
		st.site.warnOfOmittedGroups(i, omitted)
	}
	i.Name = "fabrikam"
	st.site.warnOfOmittedGroups(i, omitted)
	if got := strings.Count(log.String(), "\n"); got != 2 {
		t.Errorf("%d lines, want one for each integration:\n%s", got, &log)
	}
}
