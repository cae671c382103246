package caddymodule

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onesgate/onesgate/internal/entra"
)

// The operator is told of each credential that ends within 60 days.
func TestWarnOfExpiry(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	s := &settings{log: zap.New(core)}
	in := func(days int) time.Time { return time.Now().AddDate(0, 0, days) }
	s.warnOfExpiry("contoso", []entra.Credential{
		{Secret: "top-secret"},
		{Secret: "top-secret", Expires: in(90)},
		{Secret: "top-secret", Expires: in(30)},
		{Secret: "top-secret", Expires: in(-1)},
	})
	if n := logs.Len(); n != 2 {
		t.Errorf("%d warnings, want 2", n)
	}
	for _, l := range logs.All() {
		fields := l.ContextMap()
		if fields["integration"] != "contoso" || strings.Contains(fields["credential"].(string), "top-secret") {
			t.Errorf("warned with %v", fields)
		}
	}
}
