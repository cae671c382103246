package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/onesgate/onesgate/internal/grant"
)

// Metrics, which Caddy serves at /metrics. No label names a person; integrations,
// credentials and states are as many as the configuration has. docs/operations.md
// tells what to make of each.
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
)

var (
	states = []grant.State{grant.Connected, grant.NeedsSignIn, grant.NeedsAdminConsent, grant.NoMailbox}
	// outcomes of token requests, as grant.Standing counts them.
	outcomes = []string{"ok", "transient", "operator", "admin", "person", "dead"}
)

func newLostCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ones_grants_lost_total",
		Help: "Grants that this gateway has found to be no longer honoured by Microsoft, by what they need now.",
	}, []string{"integration", "connection"})
}

// collector tells metrics of the engine that its configuration holds: a registry
// lives as long as a configuration, the engine longer.
type collector struct{ app *App }

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{grantsCounted, grantsCountedAt, tokenRequests, integrationUp, credentialExpiry, credentialRefused} {
		to <- d
	}
	newLostCounter().Describe(to)
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
	standing, counted := e.standing(), e.census.latest()
	if counted != nil {
		gauge(grantsCountedAt, float64(counted.at.Unix()))
	}
	for _, i := range e.now.Load().integrations {
		if counted != nil {
			for _, s := range states {
				n := counted.grants[grantsOf{i.Name, false, s}] + counted.grants[grantsOf{i.Name, true, s}]
				gauge(grantsCounted, float64(n), i.Name, string(s))
			}
		}
		stands, credentials := standing[i.Name], i.Entra.Credentials()
		_, trouble := troubleOf(stands, credentials, i.Entra.Silence())
		if works := worksOf(trouble, credentials); works != nil {
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
		// A counter that is there from the start shows its first step.
		for _, s := range []grant.State{grant.NeedsSignIn, grant.NeedsAdminConsent} {
			e.lost.WithLabelValues(i.Name, string(s))
		}
	}
	e.lost.Collect(to)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Interface guard
var _ prometheus.Collector = collector{}
