package entra_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

const day = 24 * time.Hour

// stateOf is how a client's only credential stands.
func stateOf(t *testing.T, c *entra.Client) entra.CredentialState {
	t.Helper()
	all := c.Credentials()
	if len(all) != 1 {
		t.Fatalf("%d credentials, want one", len(all))
	}
	return all[0]
}

// Each threshold is told once, the last that was passed only, whatever the clock does.
func TestWarnings(t *testing.T) {
	p, midnight := newIDP(t), noon.Truncate(day)
	type look struct {
		left time.Duration // until the day of its date begins, as the clock has it
		due  bool
	}
	for name, looks := range map[string][]look{
		"day by day": {
			{61 * day, false},
			{60 * day, true},
			{59 * day, false},
			{31 * day, false},
			{30 * day, true},
			{15 * day, false},
			{14 * day, true},
			{8 * day, false},
			{7 * day, true},
			{2 * day, false},
			{day, true},
			{0, false},
			{-day + time.Second, false},
			{-day, true},
			{-2 * day, false},
			{-400 * day, false},
		},
		"begun late":                      {{20 * day, true}, {19 * day, false}, {14 * day, true}},
		"begun after the end":             {{-day, true}, {-2 * day, false}},
		"away for weeks":                  {{60 * day, true}, {5 * day, true}, {4 * day, false}, {day, true}},
		"back and forth over a threshold": {{30*day + time.Hour, true}, {30*day - time.Hour, true}, {30*day + time.Hour, false}, {30*day - time.Hour, false}},
		"back by two hours, never further up before": {
			{30*day - time.Hour, true}, {30*day + time.Hour, false}, {30*day - time.Hour, false},
		},
		"far ahead, and set right": {
			{50 * day, true}, {-300 * day, true}, {50 * day, false}, {30 * day, true}, {-day, true}, {-2 * day, false},
		},
		"far ahead at first, and set right": {{-300 * day, true}, {50 * day, true}, {49 * day, false}, {0, true}, {-day, true}},
		"far behind, and set right":         {{50 * day, true}, {500 * day, false}, {50 * day, false}, {29 * day, true}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := p.app(t, &clock{at: noon}, entra.Credential{Secret: secret, Expires: midnight})
			var w entra.Warnings
			for n, l := range looks {
				if due := w.Due(midnight.Add(-l.left), "contoso", stateOf(t, c)); due != l.due {
					t.Errorf("look %d, %v before the day: due %t, want %t", n, l.left, due, l.due)
				}
			}
		})
	}
}

// A credential is known again in another configuration and at another place; another
// one, another date, another integration and a new certificate are told of for
// themselves.
func TestWarningsByCredential(t *testing.T) {
	p := newIDP(t)
	certificate, _ := certify(t, t.TempDir(), firstKey(), noon.Add(5*day))
	soon := noon.Add(10 * day)
	old, other := entra.Credential{Secret: "old", Expires: soon}, entra.Credential{Secret: "other", Expires: soon}
	var w entra.Warnings
	due := func(integration string, credentials ...entra.Credential) string {
		t.Helper()
		c, _ := p.app(t, &clock{at: noon}, credentials...)
		var names []string
		for _, s := range c.Credentials() {
			if w.Due(noon, integration, s) {
				names = append(names, s.Name)
			}
		}
		return strings.Join(names, ", ")
	}
	for _, tt := range []struct{ name, got, want string }{
		{"at the start", due("contoso", old, certificate), "client_secret 1, client_certificate 2"},
		{"after a reload", due("contoso", old, certificate), ""},
		{"a new one above it", due("contoso", entra.Credential{Secret: "new", Expires: noon.Add(700 * day)}, old, certificate), ""},
		{"another of the same day", due("contoso", old, other), "client_secret 2"},
		{"no date", due("contoso", entra.Credential{Secret: "undated"}), ""},
		{"another date", due("contoso", entra.Credential{Secret: "old", Expires: soon.Add(day)}), "client_secret 1"},
		{"another integration", due("fabrikam", old), "client_secret 1"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: told of %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	c, _ := p.app(t, &clock{at: noon}, certificate)
	overwrite := func(ends time.Time) {
		t.Helper()
		replaced, _ := certify(t, t.TempDir(), secondKey(), ends)
		for from, to := range map[string]string{replaced.Certificate: certificate.Certificate, replaced.Key: certificate.Key} {
			content, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			write(t, to, string(content))
		}
	}
	overwrite(noon.Add(90 * day))
	if s := stateOf(t, c); w.Due(noon, "contoso", s) || s.DaysLeft(noon) != 90 {
		t.Errorf("a replaced certificate is warned of, with %d days left", s.DaysLeft(noon))
	}
	overwrite(noon.Add(3 * day))
	if !w.Due(noon, "contoso", stateOf(t, c)) {
		t.Error("a certificate that took another one's place is not warned of")
	}
}

func TestDaysLeft(t *testing.T) {
	for left, want := range map[time.Duration]int{60 * day: 60, 60*day - time.Second: 59, time.Hour: 0, 0: 0, -time.Hour: -1, -day: -1, -36 * time.Hour: -2} {
		if got := (entra.CredentialState{Expires: noon.Add(left)}).DaysLeft(noon); got != want {
			t.Errorf("%v before the end: %d days, want %d", left, got, want)
		}
	}
}

// A secret is good until the end of the day that is written next to it.
func TestDaysLeftOfASecret(t *testing.T) {
	p := newIDP(t)
	date := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	c, _ := p.app(t, &clock{at: noon}, entra.Credential{Secret: secret, Expires: date})
	for _, tt := range []struct {
		since time.Duration
		want  int
	}{
		{-8 * day, 8}, {-time.Second, 1}, {0, 0}, {9 * time.Hour, 0}, {day - time.Second, 0}, {day, -1}, {2 * day, -2},
	} {
		s := stateOf(t, c)
		if got := s.DaysLeft(date.Add(tt.since)); got != tt.want {
			t.Errorf("%v after its day has begun: %d days, want %d", tt.since, got, tt.want)
		}
		if told := s.Expires.Format(time.DateOnly); told != "2026-11-26" {
			t.Errorf("its date is told as %s", told)
		}
	}
}

// How credentials stand tells of refusals, of files that are of no use, and no secret.
func TestCredentialStates(t *testing.T) {
	p := newIDP(t)
	dir := t.TempDir()
	certificate, _ := certify(t, dir, firstKey(), noon.Add(90*day))
	gone := entra.Credential{TokenFile: dir + "/gone"}
	var refused []entra.CredentialState
	cfg := p.config()
	cfg.Credentials = []entra.Credential{{Secret: "top-secret-1", Expires: noon.Add(day)}, gone, certificate}
	cfg.Refused = func(s entra.CredentialState) { refused = append(refused, s) }
	now := &clock{at: noon}
	c := entra.NewClient(cfg, p.provider(t, now), quiet)
	states := func() (all [3]entra.CredentialState) {
		t.Helper()
		if n := copy(all[:], c.Credentials()); n != len(all) {
			t.Fatalf("%d credentials", n)
		}
		return all
	}
	s := states()
	for i, want := range []entra.CredentialState{
		{Name: "client_secret 1", About: "client_secret that expires on " + noon.Add(day).Format(time.DateOnly), Expires: noon.Truncate(day).Add(2*day - time.Second)},
		{Name: "federated_token_file 2", About: "federated_token_file " + dir + "/gone"},
		{Name: "client_certificate 3", About: "client_certificate " + certificate.Certificate, Expires: noon.Add(90 * day)},
	} {
		if s[i].Name != want.Name || s[i].About != want.About || !s[i].Expires.Equal(want.Expires) || !s[i].Refused.IsZero() {
			t.Errorf("at first: %+v, want %+v", s[i], want)
		}
	}
	if !errors.Is(s[1].Problem, os.ErrNotExist) || s[0].Problem != nil || s[2].Problem != nil {
		t.Errorf("problems: %v", s)
	}

	p.refuseSecrets(t, "top-secret-1")
	for range 2 {
		if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil {
			t.Fatal(err)
		}
	}
	s = states()
	if !s[2].Worked.Equal(noon) || !s[0].Worked.IsZero() || !s[0].Refused.Equal(noon) || !s[1].Refused.Equal(noon) || !s[2].Refused.IsZero() {
		t.Errorf("refused: %+v", s)
	}
	var e *entra.Error
	if !errors.As(s[0].Refusal, &e) || e.Reason() != "invalid_client AADSTS7000222; the operator has to correct the configuration" {
		t.Errorf("refused because: %v", s[0].Refusal)
	}
	if !errors.As(s[1].Refusal, &e) || e.Reason() != "the credential can't be used; the operator has to correct the configuration" {
		t.Errorf("of no use because: %v", s[1].Refusal)
	}
	if len(refused) != 2 || refused[0].Name != s[0].Name || refused[1].Name != s[1].Name || !errors.Is(refused[0].Refusal, s[0].Refusal) {
		t.Errorf("told of %+v, want the two once each", refused)
	}
	if text := fmt.Sprintf("%+v %#v", s, s); strings.Contains(text, "top-secret") {
		t.Errorf("a secret shows: %s", text)
	}

	now.advance(10 * time.Minute) // refused again
	if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil {
		t.Fatal(err)
	}
	if s := states(); !s[0].Refused.Equal(noon) {
		t.Errorf("refused since %v, want the first time", s[0].Refused)
	}

	// Mended: a try ten minutes later finds it out.
	p.refuseSecrets(t)
	write(t, gone.TokenFile, "e30.e30.c2ln")
	now.advance(10 * time.Minute)
	if _, err := c.Refresh(t.Context(), "refresh-0", ""); err != nil {
		t.Fatal(err)
	}
	if s := states(); !s[0].Refused.IsZero() || s[0].Refusal != nil || !s[0].Worked.Equal(now.now()) || s[1].Problem != nil {
		t.Errorf("mended: %+v", s)
	}

	// A certificate that is replaced half-way is used on, and its end still known.
	write(t, certificate.Key, "nothing")
	if s := states(); s[2].Problem == nil || !s[2].Expires.Equal(noon.Add(90*day)) {
		t.Errorf("half replaced: %+v", s[2])
	}
}

// What operators' programs are told names nobody, whatever Microsoft says.
func TestReason(t *testing.T) {
	p := newIDP(t)
	p.token = refuse(400, map[string]any{
		"error": "invalid_grant", "suberror": "alice@contoso.com",
		"error_description": "AADSTS50105: The signed in user 'alice@contoso.com' is not assigned to a role.", "error_codes": []int{50105},
	})
	c, _ := p.app(t, &clock{at: noon}, entra.Credential{Secret: secret})
	_, err := c.Refresh(t.Context(), "refresh-0", "")
	var e *entra.Error
	if !errors.As(err, &e) || e.Reason() != "invalid_grant AADSTS50105; an administrator of the tenant has to act" {
		t.Errorf("Refresh = %v, told as %q", err, e.Reason())
	}
}
