package booking_test

import (
	"testing"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/store"
)

func TestWaiting(t *testing.T) {
	for name, tt := range map[string]struct {
		key, value string
		waiting    bool
	}{
		"accepted":      {"booking/1", `{"integration":"contoso","status":"accepted"}`, true},
		"awaiting room": {"booking/1", `{"integration":"contoso","status":"awaiting_room"}`, true},
		"needs sign-in": {"booking/1", `{"integration":"contoso","status":"needs_sign_in"}`, true},
		"confirmed":     {"booking/1", `{"integration":"contoso","status":"confirmed"}`, false},
		"cancelled":     {"booking/1", `{"integration":"contoso","status":"cancelled"}`, false},
		"damaged":       {"booking/1", `{`, false},
		"no booking":    {"grant/1", `{"integration":"contoso","status":"accepted"}`, false},
	} {
		integration, waiting := booking.Waiting(store.Record{Key: tt.key, Value: []byte(tt.value)})
		if waiting != tt.waiting || waiting && integration != "contoso" {
			t.Errorf("%s: %q, %t", name, integration, waiting)
		}
	}
}
