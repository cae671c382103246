package seed

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

// Integration is the one that all people come through.
const Integration = "contoso"

const tenant = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10"

// Person is the i-th of those who don't exist otherwise.
func Person(i int) *identity.Person {
	mail := fmt.Sprintf("person-%d@contoso.example", i)
	return &identity.Person{
		ID: fmt.Sprintf("%s.%043d", tenant, i), TenantID: tenant, Integration: Integration, Email: mail, Mailbox: mail, Name: fmt.Sprintf("Person %d", i),
		Groups: []string{"staff", "facilities"}, DefaultGroups: []string{"staff"}, CardNumber: fmt.Sprintf("%08d", i),
	}
}

// Sessions begins n sessions, the i-th of the person that who names, and returns the
// values of their cookies.
func Sessions(ctx context.Context, s store.Store, n int, who func(i int) *identity.Person) (cookies []string, err error) {
	h := &hoard{Store: s}
	registry := session.New(h, time.Now, slog.New(slog.DiscardHandler), func() time.Duration { return 0 })
	defer registry.Close()
	const day = 24 * time.Hour
	cookies = make([]string, n)
	for i := range n {
		cookies[i], _, err = registry.Start(ctx, session.Opening{
			Person: who(i), Life: session.Life{Idle: 2 * day, Max: 7 * day}, Browser: "Chrome on Linux",
		})
		if err != nil {
			return nil, err
		}
	}
	return cookies, h.flush(ctx)
}

// Grants connects the first n people, as if each had signed in now and the access token
// had run out: refresh tokens are as long as Microsoft's.
func Grants(ctx context.Context, s store.Store, keys *seal.Keyset, n int) error {
	h := &hoard{Store: s}
	keeper := grant.New(grant.Config{
		Store: h, Seal: keys, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Client: func(string) (*entra.Client, bool) { return nil, false }, // nothing is refreshed
	})
	defer keeper.Close()
	tokens := entra.Tokens{Refresh: strings.Repeat("r", 1200), Expires: time.Now().Add(-time.Hour)}
	for i := range n {
		if err := keeper.Save(ctx, Person(i).ID, Integration, tokens, grant.Connected); err != nil {
			return err
		}
	}
	return h.flush(ctx)
}
