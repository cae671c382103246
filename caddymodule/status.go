package caddymodule

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/store"
)

// status is how a gateway stands. It holds no secret.
type status struct {
	Version string `json:"version"`
	// Gateways are all that stand on the store, this one too.
	Gateways []peers.Gateway `json:"gateways"`
	// KeysetProblem is why the keyset can't be taken as it is now.
	KeysetProblem string              `json:"keyset_problem,omitempty"`
	Store         storeStatus         `json:"store"`
	Integrations  []integrationStatus `json:"integrations"`
	Rooms         []roomStatus        `json:"rooms"`
	// SharedCards are the user ids, at most ten each, of people with one card
	// number: nobody is found by it.
	SharedCards [][]string `json:"shared_cards,omitempty"`
}

type storeStatus struct {
	Engine string `json:"engine"`
	// Records by their kind, as counted at a time.
	Records map[string]int `json:"records"`
	Counted time.Time      `json:"counted_at"`
	// Disk is missing where the engine can't tell.
	Disk *diskStatus `json:"disk,omitempty"`
	// FeedLag is how old the knowledge of what other instances have done is, in
	// milliseconds.
	FeedLag int64 `json:"feed_lag_ms"`
	// LastBackup is null if there was none.
	LastBackup *lastBackup `json:"last_backup"`
}

// diskStatus is in bytes.
type diskStatus struct {
	Used uint64 `json:"used"`
	Free uint64 `json:"free"`
}

type integrationStatus struct {
	Name string `json:"name"`
}

type roomStatus struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Integration string `json:"integration"`
}

// measured is an engine that knows what it takes on its disk, in bytes.
type measured interface {
	Usage() (used, free uint64, err error)
}

// A census counts the records of a store. It reads all of them, so one that took
// long stands for a while: whoever asks often has a sixtieth of the time spent on
// counting. It may be used concurrently.
type census struct {
	mu      sync.Mutex
	records map[string]int
	at      time.Time
	stands  time.Duration
}

func (c *census) take(ctx context.Context, s store.Store) (map[string]int, time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records != nil && time.Since(c.at) < c.stands {
		return c.records, c.at, nil
	}
	begun, records := time.Now(), map[string]int{}
	err := s.Snapshot(ctx, func(r store.Record) error {
		records[kindOf(r.Key)]++
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	c.records, c.at, c.stands = records, begun, 60*time.Since(begun)
	return c.records, c.at, nil
}

func serveStatus(w http.ResponseWriter, r *http.Request, e *engine) error {
	s := status{
		Version: version(), KeysetProblem: e.keysetProblem(),
		Store:        storeStatus{Engine: e.kind, FeedLag: e.feed.Lag().Milliseconds()},
		Integrations: []integrationStatus{}, Rooms: []roomStatus{},
	}
	var err error
	s.Store.Records, s.Store.Counted, err = e.census.take(r.Context(), e.store)
	if err == nil {
		s.Store.LastBackup, err = readLastBackup(r.Context(), e.store)
	}
	if err == nil {
		s.Gateways, err = peers.List(r.Context(), e.store)
	}
	if err == nil {
		s.SharedCards, err = e.people.SharedCards(r.Context())
	}
	if m, ok := e.store.(measured); ok && err == nil {
		s.Store.Disk = new(diskStatus)
		s.Store.Disk.Used, s.Store.Disk.Free, err = m.Usage()
	}
	if err != nil {
		return storeUnavailable(err)
	}
	now := e.now.Load()
	for _, i := range now.integrations {
		s.Integrations = append(s.Integrations, integrationStatus{Name: i.Name})
	}
	for _, room := range now.world.Rooms {
		s.Rooms = append(s.Rooms, statusOf(room))
	}
	slices.SortFunc(s.Rooms, func(a, b roomStatus) int { return cmp.Compare(a.Name, b.Name) })
	return answer(w, s)
}

func statusOf(r booking.Room) roomStatus {
	return roomStatus{Name: r.Name, Title: r.Title, Integration: r.Integration}
}

// stamp is a time for people, in their zone.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
