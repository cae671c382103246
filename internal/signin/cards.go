package signin

import (
	"context"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/identity"
)

// warnOfUselessCard tells the operator of a card number that ONES doesn't get.
func (s *Site) warnOfUselessCard(i Integration, claims entra.Claims, p identity.Person) {
	if _, ok := i.Rules.Card(claims.All); !ok {
		s.Log.Warn("a card number is not of the form that card_format says, and is left out", "user", p.ID, "integration", i.Name)
	}
}

// warnOfSharedCard tells the operator of a card number that two people have.
func (s *Site) warnOfSharedCard(ctx context.Context, p identity.Person) error {
	if p.CardNumber == "" {
		return nil
	}
	holders, err := s.People.ByCard(ctx, p.CardNumber)
	if err != nil || len(holders) < 2 {
		return err
	}
	ids := make([]string, len(holders))
	for i, h := range holders {
		ids[i] = h.ID
	}
	s.Log.WarnContext(ctx, "a card number belongs to more than one person, so nobody is found by it; mend it in the directory", "users", ids)
	return nil
}
