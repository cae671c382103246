package status

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
)

// Every problem says what it means, whose it is, and what to do.
func TestProblemsOfAnIntegration(t *testing.T) {
	refused := func(code string, class entra.Class, numbers ...int) error {
		return fmt.Errorf("%w: %w", grant.ErrIntegrationDown, &entra.Error{Code: code, Class: class, Codes: numbers, Description: "of alice@contoso.com"})
	}
	for name, tt := range map[string]struct {
		cause error
		whose Owner
		do    string // part of it
	}{
		"an expired secret":     {refused("invalid_client", entra.Operator, 7000222), Operator, "has expired: make a new secret"},
		"a wrong secret":        {refused("invalid_client", entra.Operator, 7000215), Operator, "correct its value (is it the secret's id"},
		"a refused certificate": {refused("invalid_client", entra.Operator, 700027), Operator, "register its public part in Azure"},
		"an unknown app":        {refused("unauthorized_client", entra.Operator, 700016), Operator, "compare client_id and tenant_id"},
		"a disabled app":        {refused("unauthorized_client", entra.Operator, 7000112), Operator, "have it enabled"},
		"anything else of ours": {refused("invalid_request", entra.Operator), Operator, "redirect URIs"},
		"a missing file":        {refused("", entra.Operator), Operator, "put a good one in its place"},
		"no answer":             {&entra.Error{Err: errors.New("alice@contoso.com"), Class: entra.Transient}, Microsoft, "service health"},
		"not configured":        {fmt.Errorf("%w: alice@contoso.com", grant.ErrIntegrationDown), Operator, "the log"},
	} {
		t.Run(name, func(t *testing.T) {
			p := OfIntegration(tt.cause)
			if p.What == "" || p.Whose != tt.whose || !strings.Contains(p.Do, tt.do) || strings.Contains(fmt.Sprint(p), "alice") {
				t.Errorf("told as %+v", p)
			}
		})
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
		correct  = "correct its value (is it the secret's id, instead of its value?) and restart the service if you changed onesgate.env, which a running one does not read again; else onesgate reload --force; if it is an old one"
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
				if p := OfCredential(c, tt.all, !tt.down, now); p != nil {
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
			if p := OfCredential(tt.c, append(tt.and, tt.c), true, now); p != nil {
				what, _, _ := strings.Cut(p.What, "; when none")
				if got = what + "; " + p.Do; p.Whose != Operator {
					t.Errorf("it is %s", p.Whose)
				}
			}
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}
