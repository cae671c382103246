package status

import (
	"errors"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
)

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
		if since, cause := Trouble(tt.standing, tt.credentials, tt.silence); !errors.Is(cause, tt.cause) || (cause == nil) != (tt.cause == nil) || !since.Equal(tt.since) {
			t.Errorf("%s: %v since %v, want %v since %v", name, cause, since, tt.cause, tt.since)
		}
	}
	if p := OfCredential(refused, []entra.CredentialState{refused}, false, first); p != nil {
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
		if got := Works(tt.cause, tt.all); (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
