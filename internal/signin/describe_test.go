package signin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// patient is a store of one person, which answers nobody whose time is over.
type patient struct {
	store.Store
	entry people.Entry
}

func (s patient) Get(ctx context.Context, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	if key != "person/"+s.entry.ID {
		return store.Record{}, store.ErrNotFound
	}
	value, err := json.Marshal(s.entry)
	return store.Record{Key: key, Value: value}, err
}

// Whoever comes without a refresh token has a name and an address all the same, by which
// they are found, and known for a guest.
func TestWithoutARefreshToken(t *testing.T) {
	f := newFlow(t, nil)
	claims := entra.Claims{TenantID: flowTenant, Subject: "alice"}
	p, state, refused := f.site.admit(t.Context(), arrived{f.site.Integrations[0], entra.Tokens{Access: "a"}, claims})
	if p.Mailbox != "alice@contoso.example" || p.Name != "Alice Chan" || state != grant.NeedsSignIn || refused != nil {
		t.Errorf("admit = %+v, %s, %v", p, state, refused)
	}
	f.owner = "alice_home.example#EXT#@contoso.example"
	if _, _, refused = f.site.admit(t.Context(), arrived{f.site.Integrations[0], entra.Tokens{Access: "a"}, claims}); refused == nil {
		t.Error("a guest may enter")
	}
}

// What is known of somebody stays known while Graph keeps them waiting, and when
// they leave meanwhile: without their address nobody finds them.
func TestWhatIsKnownOutlastsGraph(t *testing.T) {
	for name, leaves := range map[string]bool{"Graph says nothing": false, "the browser leaves": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				silent := roundTrip(func(r *http.Request) (*http.Response, error) {
					if leaves {
						leave()
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
				known := patient{entry: people.Entry{Person: identity.Person{
					ID: "tid.alice", Name: "Alice", Email: "alice@contoso.example", Mailbox: "alice@contoso.example",
				}}}
				s := &Site{Config: Config{People: people.New(known, time.Now), Log: slog.New(slog.DiscardHandler)}}
				i := Integration{Graph: graph.NewClient("https://graph.example", &http.Client{Transport: silent}, time.Now)}
				p, _, refused := s.admit(ctx, arrived{
					i, entra.Tokens{Access: "a", Refresh: "r"}, entra.Claims{TenantID: "tid", Subject: "alice"},
				})
				if p.Mailbox != known.entry.Mailbox || p.Email != known.entry.Email || p.Name != "Alice" || refused != nil {
					t.Errorf("admit = %+v, %v; want what was known", p, refused)
				}
			})
		})
	}
}
