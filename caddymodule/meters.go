package caddymodule

import (
	"context"
	"log/slog"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/passthrough"
	"github.com/onesgate/onesgate/internal/signin"
)

// meters count what happens. They live as long as an engine: what is inside tells
// of it to functions of the engine's, and knows nothing of metrics. No label names a
// person; docs/watching.md tells what to make of each.
type meters struct {
	grantsLost, bookings, graphCalls, passthrough, signIns, storeErrors *prometheus.CounterVec

	confirmed, graphTook, graphWaited, commits *prometheus.HistogramVec
}

func newMeters() *meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	return &meters{
		grantsLost: counter("ones_grants_lost_total",
			"Grants that this gateway has found to be no longer honoured by Microsoft, by what they need now.", "integration", "connection"),
		bookings: counter("ones_bookings_total",
			"Bookings that this gateway has accepted, or brought to a status.", "integration", "status"),
		confirmed: histogram("ones_booking_confirmation_duration_seconds",
			"How long it took from a booking's acceptance until its room had accepted.", []float64{2, 5, 15, 60, 300, 1800, 14400}, "integration"),
		graphCalls: counter("ones_graph_calls_total",
			"Requests to Microsoft Graph, by what was asked for and how it ended.", "integration", "call", "outcome"),
		graphTook: histogram("ones_graph_call_duration_seconds",
			"How long Microsoft Graph took until its answer began.", []float64{.1, .25, .5, 1, 2.5, 5, 10, 30}, "integration", "call"),
		graphWaited: histogram("ones_graph_queue_duration_seconds",
			"How long requests to Microsoft Graph waited here for a place at their mailbox.", []float64{.01, .1, .5, 2, 10, 30}, "integration"),
		passthrough: counter("ones_passthrough_calls_total",
			"Calls of ONES' own to Microsoft Graph, by how they ended.", "integration", "outcome"),
		signIns: counter("ones_sign_ins_total",
			"Sign-ins of people, by how they ended, or whose part it is that they failed.", "integration", "outcome"),
		commits: histogram("ones_store_commit_duration_seconds",
			"How long commits to the store took, by how they ended.", []float64{.001, .005, .02, .1, .5, 2, 10}, "outcome"),
		storeErrors: counter("ones_store_errors_total",
			"Calls of the store that failed.", "call", "error"),
	}
}

// all are the meters.
func (m *meters) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.grantsLost, m.bookings, m.confirmed, m.graphCalls, m.graphTook, m.graphWaited, m.passthrough, m.signIns, m.commits, m.storeErrors,
	}
}

// begin has what is counted of an integration be there from the start: a counter shows
// its first step then.
func (m *meters) begin(integration string) {
	for _, s := range []grant.State{grant.NeedsSignIn, grant.NeedsAdminConsent} {
		m.grantsLost.WithLabelValues(integration, string(s))
	}
	for _, s := range bookingStatuses {
		m.bookings.WithLabelValues(integration, string(s))
	}
	for _, o := range signin.Outcomes {
		m.signIns.WithLabelValues(integration, string(o))
	}
	for _, o := range passthrough.Outcomes {
		m.passthrough.WithLabelValues(integration, string(o))
	}
	m.confirmed.WithLabelValues(integration)
	m.graphWaited.WithLabelValues(integration)
}

// bookingStatuses are those that are counted.
var bookingStatuses = []booking.Status{
	booking.Accepted, booking.AwaitingRoom, booking.Confirmed, booking.Declined, booking.NeedsSignIn,
	booking.Failed, booking.Expired, booking.Cancelled, booking.Released,
}

// graphCalled is told of each request to Microsoft Graph.
func (e *engine) graphCalled(ctx context.Context, integration string, c graph.Call) {
	outcome := c.Outcome()
	e.meters.graphCalls.WithLabelValues(integration, c.Name, outcome).Inc()
	e.meters.graphWaited.WithLabelValues(integration).Observe(c.Waited.Seconds())
	if outcome != graph.OutcomeBusy && outcome != graph.OutcomeGivenUp {
		e.meters.graphTook.WithLabelValues(integration, c.Name).Observe(c.Took.Seconds())
		e.recorder.Called(c.Status, c.Took)
	}
	e.log.LogAttrs(ctx, slog.LevelDebug, "Microsoft Graph was called",
		slog.String("integration", integration), slog.String("call", c.Name), slog.String("outcome", outcome), slog.Int("status", c.Status),
		slog.Duration("waited", c.Waited), slog.Duration("took", c.Took),
		slog.String("client_request_id", c.ClientRequestID), slog.String("graph_request_id", c.RequestID))
}

// bookingBecame is told what becomes of bookings.
func (e *engine) bookingBecame(b booking.Event) {
	e.meters.bookings.WithLabelValues(b.Integration, string(b.Status)).Inc()
	name := ""
	switch b.Status {
	case booking.Confirmed:
		e.meters.confirmed.WithLabelValues(b.Integration).Observe(b.Took.Seconds())
		e.recorder.Confirmed()
		return
	case booking.Failed, booking.Expired:
		name = eventBookingFailed
		e.recorder.Failed()
	case booking.Declined:
		name = eventBookingDeclined
		e.recorder.Declined()
	default:
		return
	}
	e.events.emit(name, map[string]any{
		"integration": b.Integration, "room": b.Room, "booking": b.Booking, "status": string(b.Status), "reason": b.Reason,
		"graph_request_id": b.GraphRequest,
	})
}

// passedThrough is told how calls of ONES' own to Graph have ended.
func (e *engine) passedThrough(integration string, o passthrough.Outcome) {
	e.meters.passthrough.WithLabelValues(integration, string(o)).Inc()
}

// signInEnded is told how sign-ins have ended.
func (e *engine) signInEnded(integration string, o signin.Outcome) {
	e.meters.signIns.WithLabelValues(integration, string(o)).Inc()
	e.recorder.SignedIn(o == signin.SignedIn || o == signin.ConnectedAgain)
}

var buildInfo = prometheus.NewDesc("ones_build_info", "1; the labels say what runs.", nil, prometheus.Labels{
	"version": version(), "goversion": runtime.Version(),
})

// described are the metrics that are told without being counted.
var described = slices.Concat(
	[]*prometheus.Desc{buildInfo, grantsCounted, grantsCountedAt, tokenRequests, integrationUp, credentialExpiry, credentialRefused},
	[]*prometheus.Desc{bookingsPending, pendingCountedAt, oldestPending, sessionsCounted, sessionsInUse, feedLag, diskFree, diskUsed, lastBackupAt, roomConnected, roomSeen},
)
