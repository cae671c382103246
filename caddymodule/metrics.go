package caddymodule

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/status"
)

// Metrics, which Caddy serves at /metrics; of what is counted see meters. No label names a
// person; integrations, rooms, credentials and states are as many as the configuration has.
// docs/watching.md tells what to make of each.
var (
	grantsCounted = prometheus.NewDesc("ones_grants",
		"Grants of people and rooms in the store, by what their owners can do with them, when they were last counted.", []string{"integration", "state"}, nil)
	grantsCountedAt = prometheus.NewDesc("ones_grants_counted_timestamp_seconds",
		"When the grants were last counted, in seconds since 1970.", nil, nil)
	tokenRequests = prometheus.NewDesc("ones_token_requests_total",
		"Requests of this gateway to Microsoft's token endpoint for grants, by how they ended, or whose fault it was that they failed.", []string{"integration", "outcome"}, nil)
	integrationUp = prometheus.NewDesc("ones_integration_up",
		"1 if Microsoft has given tokens to the integration the last time, 0 while it refuses that or gives no answer, as this gateway knows; missing until it was asked.", []string{"integration"}, nil)
	credentialExpiry = prometheus.NewDesc("ones_credential_expiry_timestamp_seconds",
		"When a credential of the app registration ends, in seconds since 1970, where it is known.", []string{"integration", "credential"}, nil)
	credentialRefused = prometheus.NewDesc("ones_credential_refused",
		"1 if Microsoft has refused a credential of the app registration and it has not worked since, else 0.", []string{"integration", "credential"}, nil)
	bookingsPending = prometheus.NewDesc("ones_bookings_pending",
		"Bookings in the store that are on their way, by their status, when they were last counted.", []string{"integration", "status"}, nil)
	pendingCountedAt = prometheus.NewDesc("ones_bookings_pending_counted_timestamp_seconds",
		"When the bookings that are on their way were last counted, in seconds since 1970.", nil, nil)
	oldestPending = prometheus.NewDesc("ones_bookings_oldest_pending_timestamp_seconds",
		"When the oldest of the bookings that are on their way was accepted, by their status, in seconds since 1970; missing if there is none.", []string{"integration", "status"}, nil)
	sessionsCounted = prometheus.NewDesc("ones_sessions",
		"Sessions in the store, when they were last counted, with the grants.", nil, nil)
	sessionsInUse = prometheus.NewDesc("ones_sessions_in_use",
		"Sessions in this gateway's memory: those that were used here in the last 20 minutes.", nil, nil)
	feedLag = prometheus.NewDesc("ones_store_feed_lag_seconds",
		"How old this gateway's knowledge of what others have done in the store is.", nil, nil)
	diskFree = prometheus.NewDesc("ones_store_disk_free_bytes",
		"What is free on the disk of the store; missing where the engine can't tell.", nil, nil)
	diskUsed = prometheus.NewDesc("ones_store_disk_used_bytes",
		"What the store takes on its disk; missing where the engine can't tell.", nil, nil)
	lastBackupAt = prometheus.NewDesc("ones_backup_timestamp_seconds",
		"When the last backup of the store was made, in seconds since 1970; missing if there was none.", nil, nil)
	roomConnected = prometheus.NewDesc("ones_room_connected",
		"1 if an account stands for the room whose connection is good, else 0.", []string{"integration", "room"}, nil)
	roomSeen = prometheus.NewDesc("ones_room_seen_timestamp_seconds",
		"When this gateway last saw the calendar of a connected room, in seconds since 1970; missing if it has not.", []string{"integration", "room"}, nil)
)

var (
	states = []grant.State{grant.Connected, grant.NeedsSignIn, grant.NeedsAdminConsent, grant.NoMailbox}
	// outcomes of token requests, as grant.Standing counts them.
	outcomes = []string{"ok", "transient", "operator", "admin", "person", "dead"}
)

// collector tells metrics of the engine that its configuration holds: a registry
// lives as long as a configuration, the engine longer.
type collector struct{ app *App }

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range described {
		to <- d
	}
	for _, m := range newMeters().all() {
		m.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	select {
	case <-c.app.started:
	default:
		return
	}
	if c.app.engine != nil {
		c.app.engine.collect(to)
	}
}

// collect tells how things stand, without asking Microsoft or the store.
func (e *engine) collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(buildInfo, 1)
	e.collectStore(gauge)
	standing, counted := e.standing(), e.census.latest()
	if counted != nil {
		gauge(grantsCountedAt, float64(counted.at.Unix()))
		gauge(sessionsCounted, float64(counted.records[status.KindSessions]))
	}
	seen := e.glance.Load()
	if seen != nil {
		gauge(pendingCountedAt, float64(seen.at.Unix()))
		if seen.backup != nil {
			gauge(lastBackupAt, float64(seen.backup.At.Unix()))
		}
	}
	for _, i := range e.now.Load().integrations {
		if counted != nil {
			for _, s := range states {
				n := counted.grants[grantsOf{i.Name, false, s}] + counted.grants[grantsOf{i.Name, true, s}]
				gauge(grantsCounted, float64(n), i.Name, string(s))
			}
		}
		stands, credentials := standing[i.Name], i.Entra.Credentials()
		_, trouble := status.Trouble(stands, credentials, i.Entra.Silence())
		if works := status.Works(trouble, credentials); works != nil {
			gauge(integrationUp, boolean(*works), i.Name)
		}
		for _, outcome := range outcomes {
			to <- prometheus.MustNewConstMetric(tokenRequests, prometheus.CounterValue, float64(stands.Requests[outcome]), i.Name, outcome)
		}
		for _, c := range credentials {
			if !c.Expires.IsZero() {
				gauge(credentialExpiry, float64(c.Expires.Unix()), i.Name, c.Name)
			}
			gauge(credentialRefused, boolean(!c.Refused.IsZero()), i.Name, c.Name)
		}
		if seen != nil {
			e.collectGlance(gauge, seen, i.Name)
		}
		e.meters.begin(i.Name)
	}
	for _, m := range e.meters.all() {
		m.Collect(to)
	}
}

// collectStore tells how the store and what is in memory of it stand.
func (e *engine) collectStore(gauge func(*prometheus.Desc, float64, ...string)) {
	gauge(sessionsInUse, float64(e.sessions.InUse()))
	lag := e.feed.Lag().Seconds()
	if e.feed.Lag() == math.MaxInt64 {
		lag = math.Inf(1) // nobody knows
	}
	gauge(feedLag, lag)
	if m, ok := e.store.(measured); ok {
		if used, free, err := m.Usage(); err == nil {
			gauge(diskUsed, float64(used))
			gauge(diskFree, float64(free))
		}
	}
}

// collectGlance tells what was last seen of an integration in the store, and how fresh
// the pictures of its rooms are.
func (e *engine) collectGlance(gauge func(*prometheus.Desc, float64, ...string), seen *glance, integration string) {
	counts := map[booking.Status]int{}
	for _, p := range seen.pending {
		if p.Integration == integration {
			counts[p.Status] = p.Count
			gauge(oldestPending, float64(p.Oldest.Unix()), integration, string(p.Status))
		}
	}
	for _, s := range []booking.Status{booking.Accepted, booking.AwaitingRoom, booking.NeedsSignIn, booking.Changing} {
		gauge(bookingsPending, float64(counts[s]), integration, string(s))
	}
	for name, room := range seen.rooms {
		if room.integration != integration {
			continue
		}
		gauge(roomConnected, boolean(room.connected), integration, name)
		if at, ok := e.views.AsOf(name); ok {
			gauge(roomSeen, float64(at.Unix()), integration, name)
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Interface guard
var _ prometheus.Collector = collector{}
