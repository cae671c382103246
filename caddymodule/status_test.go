package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
)

// Every problem says what it means, whose it is, and what to do.
func TestProblemsOfAnIntegration(t *testing.T) {
	refused := func(code string, class entra.Class, numbers ...int) error {
		return fmt.Errorf("%w: %w", grant.ErrIntegrationDown, &entra.Error{Code: code, Class: class, Codes: numbers, Description: "of alice@contoso.com"})
	}
	for name, tt := range map[string]struct {
		cause error
		whose owner
		do    string // part of it
	}{
		"an expired secret":     {refused("invalid_client", entra.Operator, 7000222), operators, "has expired: make a new secret"},
		"a wrong secret":        {refused("invalid_client", entra.Operator, 7000215), operators, "correct its value (is it the secret's id"},
		"a refused certificate": {refused("invalid_client", entra.Operator, 700027), operators, "register its public part in Azure"},
		"an unknown app":        {refused("unauthorized_client", entra.Operator, 700016), operators, "compare client_id and tenant_id"},
		"a disabled app":        {refused("unauthorized_client", entra.Operator, 7000112), operators, "have it enabled"},
		"anything else of ours": {refused("invalid_request", entra.Operator), operators, "redirect URIs"},
		"a missing file":        {refused("", entra.Operator), operators, "put a good one in its place"},
		"no answer":             {&entra.Error{Err: errors.New("alice@contoso.com"), Class: entra.Transient}, microsofts, "service health"},
		"not configured":        {fmt.Errorf("%w: alice@contoso.com", grant.ErrIntegrationDown), operators, "the log"},
	} {
		t.Run(name, func(t *testing.T) {
			p := ofIntegration(tt.cause)
			if p.What == "" || p.Whose != tt.whose || !strings.Contains(p.Do, tt.do) || strings.Contains(fmt.Sprint(p), "alice") {
				t.Errorf("told as %+v", p)
			}
		})
	}
}

// An integration works while a credential does, unless its grants get no tokens.
func TestTroubleOfAnIntegration(t *testing.T) {
	first, second := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	early, late := errors.New("early"), errors.New("late")
	good := entra.CredentialState{}
	refused, other := entra.CredentialState{Refused: second, Refusal: late}, entra.CredentialState{Refused: first, Refusal: early}
	for name, tt := range map[string]struct {
		standing    grant.Standing
		credentials []entra.CredentialState
		silence     entra.Silence
		cause       error
		since       time.Time
	}{
		"nothing is known":     {credentials: []entra.CredentialState{good}},
		"one works":            {credentials: []entra.CredentialState{refused, good}},
		"none works":           {credentials: []entra.CredentialState{refused, other}, cause: early, since: second},
		"no answer":            {credentials: []entra.CredentialState{good}, silence: entra.Silence{Since: first, Cause: early}, cause: early, since: first},
		"no tokens for grants": {standing: grant.Standing{Problem: late, Since: first}, credentials: []entra.CredentialState{good}, cause: late, since: first},
	} {
		if since, cause := troubleOf(tt.standing, tt.credentials, tt.silence); !errors.Is(cause, tt.cause) || (cause == nil) != (tt.cause == nil) || !since.Equal(tt.since) {
			t.Errorf("%s: %v since %v, want %v since %v", name, cause, since, tt.cause, tt.since)
		}
	}
	if p := ofCredential(refused, []entra.CredentialState{refused}, false, first); p != nil {
		t.Errorf("told twice of what the integration suffers from: %v", p)
	}
}

// It isn't known whether an integration works until it has given a token.
func TestWorksOf(t *testing.T) {
	untried, worked, trouble := entra.CredentialState{}, entra.CredentialState{Worked: time.Now()}, errors.New("no answer")
	for name, tt := range map[string]struct {
		cause error
		all   []entra.CredentialState
		want  *bool
	}{
		"not asked":           {nil, []entra.CredentialState{untried}, nil},
		"one has worked":      {nil, []entra.CredentialState{untried, worked}, new(true)},
		"no answer":           {trouble, []entra.CredentialState{untried}, new(false)},
		"no answer, any more": {trouble, []entra.CredentialState{worked}, new(false)},
	} {
		if got := worksOf(tt.cause, tt.all); (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The second line of a secret is there to replace the first. What to do is told in
// the moment at which it goes wrong, and gives up no secret that is needed.
func TestReplacingACredential(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	is := func(n, days int, change ...func(*entra.CredentialState)) entra.CredentialState {
		c := entra.CredentialState{Name: fmt.Sprint("line ", n)}
		if days != 0 {
			c.Expires = now.AddDate(0, 0, days)
		}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	worked := func(c *entra.CredentialState) { c.Worked = now }
	refused := func(number int) func(*entra.CredentialState) {
		return func(c *entra.CredentialState) {
			c.Refused, c.Refusal = now, &entra.Error{Code: "invalid_client", Class: entra.Operator, Codes: []int{number}}
		}
	}
	type lines []entra.CredentialState
	const (
		nothing  = ""
		renew    = "make a new secret"
		correct  = "correct its value (is it the secret's id, instead of its value?) and reload; if it is an old one"
		register = "register its public part in Azure, under Certificates & secrets of the app registration; if it is an old one"
		takeOut  = "another one works, so take the line of this one out"
	)
	for name, tt := range map[string]struct {
		all  lines
		down bool
		do   []string // for each line
	}{
		"the new one is mistyped":                {all: lines{is(1, 400, refused(7000215)), is(2, 8, worked)}, do: []string{correct, "line 1 is there already and lasts longer, but Microsoft refuses it"}},
		"it is, without dates":                   {all: lines{is(1, 0, refused(7000215)), is(2, 0, worked)}, do: []string{correct, nothing}},
		"it is, and the old one lasts":           {all: lines{is(1, 400, refused(7000215)), is(2, 90, worked)}, do: []string{correct, nothing}},
		"it is, and the old one ended":           {all: lines{is(1, 400, refused(7000215)), is(2, -3, refused(7000222))}, down: true, do: []string{correct, "line 1 is there already and lasts longer, but Microsoft refuses it"}},
		"the old one was deleted":                {all: lines{is(1, 400, worked), is(2, 8, refused(7000215))}, do: []string{nothing, takeOut}},
		"the old one has expired":                {all: lines{is(1, 400, worked), is(2, 0, refused(7000222))}, do: []string{nothing, takeOut}},
		"both end, the older was deleted":        {all: lines{is(1, 40, worked), is(2, 8, refused(7000215))}, do: []string{renew, renew}},
		"nothing was asked yet":                  {all: lines{is(1, 400), is(2, 8)}, do: []string{nothing, "line 1 is there already and lasts longer: once it has worked, take the line of this one out"}},
		"nothing yet, the new one below":         {all: lines{is(1, 8), is(2, 400)}, do: []string{"line 2 is there already and lasts longer: write it above this one", nothing}},
		"the old one is in use, the new below":   {all: lines{is(1, 8, worked), is(2, 400)}, do: []string{"line 2 is there already and lasts longer: write it above this one", nothing}},
		"the new one has worked":                 {all: lines{is(1, 400, worked), is(2, 8)}, do: []string{nothing, takeOut}},
		"a certificate that is not registered":   {all: lines{is(1, 400, refused(700027)), is(2, 300, worked)}, do: []string{register, nothing}},
		"one that took another's place":          {all: lines{is(1, 300, worked), is(2, 200, refused(700027))}, do: []string{nothing, takeOut}},
		"the only one is mistyped":               {all: lines{is(1, 400, refused(7000215))}, down: true, do: []string{nothing}}, // the integration's problem says it
		"both are refused, for whatever reasons": {all: lines{is(1, 0, refused(7000222)), is(2, 0, refused(7000222))}, down: true, do: []string{renew, renew}},
	} {
		t.Run(name, func(t *testing.T) {
			for n, c := range tt.all {
				do := nothing
				if p := ofCredential(c, tt.all, !tt.down, now); p != nil {
					do = p.Do
				}
				if !strings.HasPrefix(do, tt.do[n]) || tt.do[n] == nothing && do != nothing {
					t.Errorf("of %s: %q, want %q", c.Name, do, tt.do[n])
				}
			}
		})
	}
}

// What is told of credentials goes by whether another one can take over.
func TestProblemsOfCredentials(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	in := func(n, days int) entra.CredentialState {
		return entra.CredentialState{Name: fmt.Sprint("client_secret ", n), Expires: now.AddDate(0, 0, days)}
	}
	fine, untried := in(9, 300), in(7, 300)
	fine.Worked = now
	refused := entra.CredentialState{Name: "client_secret 8", Refused: now, Refusal: &entra.Error{Code: "invalid_client"}}
	for name, tt := range map[string]struct {
		c    entra.CredentialState
		and  []entra.CredentialState
		want string // what; do
	}{
		"fine":                        {c: fine},
		"without a date":              {c: entra.CredentialState{Name: "client_secret 1"}},
		"61 days":                     {c: in(1, 61)},
		"60 days":                     {c: in(1, 60), want: "client_secret 1 expires on 2027-01-25, in 60 days; make a new secret"},
		"a day":                       {c: in(1, 1), want: "client_secret 1 expires on 2026-11-27, in 1 day; make a new secret"},
		"today":                       {c: in(1, 0), want: "client_secret 1 expires on 2026-11-26, today; make a new secret"},
		"tomorrow morning":            {c: entra.CredentialState{Name: "client_certificate 1", Expires: now.Add(20 * time.Hour)}, want: "client_certificate 1 expires on 2026-11-27, in less than a day; make a new secret"},
		"over":                        {c: in(1, -1), want: "client_secret 1 has expired, on 2026-11-25; make a new secret"},
		"over, another works":         {c: in(1, -1), and: []entra.CredentialState{fine}, want: "client_secret 1 has expired, on 2026-11-25; another one works"},
		"over, another was not tried": {c: in(1, -1), and: []entra.CredentialState{untried}, want: "client_secret 1 has expired, on 2026-11-25; client_secret 7 is there already and lasts longer: once it has worked, take the line"},
		"over, as the others":         {c: in(1, -1), and: []entra.CredentialState{in(2, 20), refused}, want: "client_secret 1 has expired, on 2026-11-25; make a new secret"},
		"refused":                     {c: refused, want: "Microsoft refuses client_secret 8 (invalid_client; it can be tried again later); make a new secret"},
		"refused, another works":      {c: refused, and: []entra.CredentialState{fine}, want: "Microsoft refuses client_secret 8 (invalid_client; it can be tried again later); another one works"},
		"a file": {
			c:    entra.CredentialState{Name: "federated_token_file 1", Problem: errors.New("no such file"), Refused: now, Refusal: errors.New("no such file")},
			want: "the file of federated_token_file 1 is of no use now: no such file; put a good one in its place",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if p := ofCredential(tt.c, append(tt.and, tt.c), true, now); p != nil {
				what, _, _ := strings.Cut(p.What, "; when none")
				if got = what + "; " + p.Do; p.Whose != operators {
					t.Errorf("it is %s", p.Whose)
				}
			}
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// The status counts people by the state of their connections, tells how the accounts
// of rooms stand, and what is wrong, in words.
func TestStatusOfPeopleAndRooms(t *testing.T) {
	st := newStage(t)
	s := settingsOf("https://ones.example.com")
	expires := time.Now().AddDate(0, 0, -3)
	s.integrations = []signin.Integration{{Name: "contoso", Entra: entra.NewClient(entra.Config{
		Credentials: []entra.Credential{{Secret: "top-secret-1", Expires: expires}, {Secret: "top-secret-2"}},
	}, unasked(), slog.New(slog.DiscardHandler))}}
	s.world.Rooms = map[string]booking.Room{}
	for _, name := range []string{"boardroom", "harbour", "library", "studio"} {
		s.world.Rooms[name] = booking.Room{Name: name, Title: name, Integration: "contoso"}
	}
	e := st.acquire(s)
	defer st.release(e, s)
	save := func(owner string, state grant.State) {
		t.Helper()
		if err := e.grants.Save(t.Context(), owner, "contoso", entra.Tokens{Refresh: "top-secret-refresh"}, state); err != nil {
			t.Fatal(err)
		}
	}
	for owner, state := range map[string]grant.State{
		"t.alice": grant.Connected, "t.bob": grant.Connected, "t.carol": grant.NeedsSignIn, "t.dave": grant.NeedsAdminConsent, "t.erin": grant.NoMailbox,
	} {
		save(owner, state)
	}
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace"} { // the last two are disconnected
		put(t, e.store, "person/t."+name, `{"integration":"contoso"}`)
	}
	put(t, e.store, "booking/1", `{"integration":"contoso","status":"accepted"}`)
	put(t, e.store, "booking/2", `{"integration":"contoso","status":"confirmed"}`)
	put(t, e.store, "person/t.struck", `{"struck":"operator"}`)
	put(t, e.store, "person/t.elsewhere", `{"integration":"gone"}`)
	put(t, e.store, "grant/t.elsewhere", `{"integration":"gone","state":"connected"}`)
	for room, state := range map[string]grant.State{"boardroom": grant.Connected, "harbour": grant.NeedsSignIn, "library": grant.NeedsAdminConsent} {
		if err := e.rooms.Connect(t.Context(), "contoso", room, rooms.Account{PersonID: "t.room"}, entra.Tokens{Refresh: "top-secret-refresh"}); err != nil {
			t.Fatal(err)
		}
		save(rooms.GrantOwner("contoso", room), state)
	}

	var answered json.RawMessage
	if err := adminServer(t, unchanged).ask(t.Context(), http.MethodGet, statusPath, &answered); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answered), "top-secret") {
		t.Errorf("the status tells a secret: %s", answered)
	}
	var got status
	if err := json.Unmarshal(answered, &got); err != nil {
		t.Fatal(err)
	}
	i := got.Integrations[0]
	if want := (peopleStatus{Connected: 2, NeedsSignIn: 3, Disconnected: 2, NeedsAdminConsent: 1, NoMailbox: 1}); i.People != want || i.Works != nil || strings.Contains(string(answered), `"works"`) {
		t.Errorf("people: %+v, works: %v", i.People, i.Works)
	}
	var told bytes.Buffer
	if err := got.print(&told, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, tail, _ := strings.Cut(told.String(), "integration")
	want := strings.ReplaceAll(`   contoso: not asked yet: Microsoft has given no token since the configuration was loaded
  credential  client_secret 1 (client_secret that expires on DATE), EXPIRED
  credential  client_secret 2
  people      2 connected, 3 to sign in again (2 of them disconnected), 1 to wait for an administrator, 1 without a mailbox
  bookings    1 waits
room          boardroom of contoso: connected
room          harbour of contoso: its account has to be connected again
room          library of contoso: its account waits for an administrator
room          studio of contoso: no account stands for it
PROBLEM       contoso: client_secret 1 has expired, on DATE
              whose: yours, who operate the gateway
              to do: make a new secret (or certificate) for the app registration in Azure, write it on a line above the old one, and reload; all is well again by itself then, and nobody has to sign in again
PROBLEM       contoso: 1 person waits for an administrator of the tenant: the permissions are not granted, or they may not use the app
              whose: the tenant's administrator's
              to do: grant them at https://ones.example.com/.ones/consent/contoso, or assign these people to the app under Enterprise applications in Azure
PROBLEM       contoso: Microsoft no longer honours the connection of the account that stands for harbour: nobody but the people who book sees its calendar
              whose: yours, who operate the gateway
              to do: have an admin connect it again at https://ones.example.com/.ones/rooms/harbour/connect
PROBLEM       contoso: the account that stands for library waits for an administrator of the tenant
              whose: the tenant's administrator's
              to do: grant the permissions at https://ones.example.com/.ones/consent/contoso
`, "DATE", dateOf(expires))
	if tail != want {
		t.Errorf("told:\n%s\nwant:\n%s", tail, want)
	}
}

// Grants that nobody's record belongs to make no negative number of people.
func TestPeopleAreNeverNegative(t *testing.T) {
	h := &headcount{grants: map[grantsOf]int{{"contoso", false, grant.Connected}: 2}, persons: map[string]int{"contoso": 1}}
	if got, want := h.people("contoso"), (peopleStatus{Connected: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A credential that ends today has not ended yet.
func TestCredentialsInWords(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for left, want := range map[int]string{8: "client_secret 1, 8 days left", 1: "client_secret 1, 1 day left", 0: "client_secret 1, ends today", -1: "client_secret 1, EXPIRED"} {
		i := integrationStatus{Works: new(true), Credentials: []credentialStatus{{
			Name: "client_secret 1", About: "client_secret", DaysLeft: &left, Expires: new(now.AddDate(0, 0, left)),
		}}}
		var told []string
		i.print(func(_, how string, args ...any) { told = append(told, fmt.Sprintf(how, args...)) }, now)
		if !slices.Contains(told, want) {
			t.Errorf("%d days left: told %q, want %q", left, told, want)
		}
	}
}
