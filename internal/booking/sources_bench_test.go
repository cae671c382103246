package booking

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
)

// BenchmarkSchedule is a day of a connected room that has 16 meetings, for a service:
// from its picture, and from its calendar without the network in between.
func BenchmarkSchedule(b *testing.B) {
	day := time.Now().UTC().Truncate(24 * time.Hour)
	fake := newFakeGraph()
	for i := range 16 {
		from := day.Add(time.Duration(i) * time.Hour)
		fake.foreign["boardroom@contoso.com"] = append(fake.foreign["boardroom@contoso.com"], period{from, from.Add(time.Hour)})
	}
	world := &World{
		Integrations: map[string]Integration{"contoso": {
			Name: "contoso", Graph: graph.NewClient("https://graph.example.com", &http.Client{Transport: fake}, time.Now),
		}},
		Rooms: map[string]Room{"boardroom": {Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.com", TimeZone: hongKong}},
	}
	owner := rooms.GrantOwner("contoso", "boardroom")
	views := roomview.New(roomview.Config{
		Rooms: world.Calendars, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Account: func(context.Context, roomview.Room) (roomview.Account, error) {
			return roomview.Account{ID: owner, Own: true, Mailbox: func(bool) graph.Mailbox {
				return graph.Mailbox{Key: owner, Token: func(context.Context, graph.Refused) (string, error) { return owner, nil }}
			}}, nil
		},
	})
	s := newShaky()
	svc := New(Config{
		Store: s, People: people.New(s, time.Now), World: func() *World { return world }, Views: views,
		Log: slog.New(slog.DiscardHandler), Audit: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	svc.connection = func(context.Context, string) (grant.State, error) { return grant.Connected, nil }
	read := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			schedule, err := svc.Schedule(context.Background(), Caller{Service: "ones"}, "boardroom", day, day.AddDate(0, 0, 1))
			if err != nil || len(schedule.Blocks) != 16 || schedule.AsOf == nil {
				b.Fatal(len(schedule.Blocks), err)
			}
		}
	}
	b.Run("calendar", read)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { views.Run(ctx) })
	defer work.Wait()
	defer cancel()
	for _, there := views.AsOf("boardroom"); !there; _, there = views.AsOf("boardroom") {
		time.Sleep(time.Millisecond)
	}
	b.Run("picture", read)
}
