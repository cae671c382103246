package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/onesgate/onesgate/internal/grant"
)

// Metrics, which Caddy serves at /metrics. No label names a person; integrations,
// credentials and states are as many as the configuration has. docs/operations.md
// tells what to make of each.
var (
	credentialExpiry = prometheus.NewDesc("ones_credential_expiry_timestamp_seconds",
		"When a credential of the app registration ends, in seconds since 1970, where it is known.", []string{"integration", "credential"}, nil)
	credentialRefused = prometheus.NewDesc("ones_credential_refused",
		"1 if Microsoft has refused a credential of the app registration and it has not worked since, else 0.", []string{"integration", "credential"}, nil)
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
	for _, d := range []*prometheus.Desc{credentialExpiry, credentialRefused} {
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
	for _, i := range e.now.Load().integrations {
		for _, c := range i.Entra.Credentials() {
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
