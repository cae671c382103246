package entra_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/entra"
)

func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		name           string
		status         int
		code, suberror string
		number         int
		want           entra.Class
	}{
		{"server error", 500, "server_error", "", 0, entra.Transient},
		{"temporarily unavailable", 400, "temporarily_unavailable", "", 0, entra.Transient},
		{"bad gateway, whatever it says", 502, "invalid_grant", "bad_token", 50173, entra.Transient},
		{"throttled loop", 400, "invalid_grant", "", 50196, entra.Transient},
		{"directory away", 400, "invalid_grant", "", 90033, entra.Transient},
		{"secret expired", 401, "invalid_client", "", 7000222, entra.Operator},
		{"secret wrong", 401, "invalid_client", "", 7000215, entra.Operator},
		{"client id unknown", 400, "unauthorized_client", "", 700016, entra.Operator},
		{"scope not registered", 400, "invalid_scope", "", 70011, entra.Operator},
		{"malformed", 400, "invalid_request", "", 900144, entra.Operator},
		{"never heard of", 400, "brand_new_error", "", 0, entra.Operator},
		{"no consent", 400, "invalid_grant", "consent_required", 65001, entra.Admin},
		{"no consent, by number", 400, "invalid_grant", "", 65001, entra.Admin},
		{"no consent, by name", 400, "consent_required", "", 0, entra.Admin},
		{"consent asked interactively", 400, "interaction_required", "consent_required", 0, entra.Admin},
		{"admin consent", 400, "invalid_grant", "", 90094, entra.Admin},
		{"not assigned", 400, "invalid_grant", "", 50105, entra.Admin},
		{"second factor", 400, "interaction_required", "basic_action", 50076, entra.Person},
		{"second factor as invalid_grant", 400, "invalid_grant", "basic_action", 50076, entra.Person},
		{"Conditional Access", 400, "invalid_grant", "message_only", 53003, entra.Person},
		{"password expired", 400, "invalid_grant", "user_password_expired", 50055, entra.Person},
		{"disabled", 400, "invalid_grant", "", 50057, entra.Person},
		{"refused without a reason", 400, "invalid_grant", "", 0, entra.Person},
		{"of another app", 400, "invalid_grant", "", 70000, entra.Person},
		{"a dead number, but no refused grant", 400, "interaction_required", "", 50173, entra.Person},
		{"bad token", 400, "invalid_grant", "bad_token", 0, entra.Dead},
		{"token expired", 400, "invalid_grant", "token_expired", 0, entra.Dead},
		{"revoked", 400, "invalid_grant", "", 50173, entra.Dead},
		{"expired", 400, "invalid_grant", "", 70008, entra.Dead},
		{"90 days unused", 400, "invalid_grant", "", 700082, entra.Dead},
		{"single-page app", 400, "invalid_grant", "", 700084, entra.Dead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			p.token = refuse(tt.status, map[string]any{"error": tt.code, "suberror": tt.suberror, "error_codes": []int{tt.number}})
			_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			var e *entra.Error
			if !errors.As(err, &e) {
				t.Fatalf("Refresh = %v, want an *entra.Error", err)
			}
			if e.Class != tt.want {
				t.Errorf("class of %v = %v, want %v", err, e.Class, tt.want)
			}
		})
	}
}

// TestRefusal: everything that Microsoft says is kept, as far as it is fit for
// a log, and nothing that was secret.
func TestRefusal(t *testing.T) {
	p := newIDP(t)
	p.token = refuse(http.StatusBadRequest, map[string]any{
		"error": "interaction_required", "suberror": "basic_action",
		"error_description": "AADSTS50076: Due to a change, use \x1b[31mMFA; you sent refresh-0-long and " + secret +
			strings.Repeat(".", 500) + "\r\nTrace ID: 0a1b2c3d-0000-4000-8000-000000000001\r\nCorrelation ID: 0a1b2c3d-0000-4000-8000-000000000002",
		"error_codes": []int{50076, 1, 2, 3, 4, 5, 6, 7, 8, 9}, "trace_id": "0a1b2c3d-0000-4000-8000-000000000001", "correlation_id": "0a1b2c3d-0000-4000-8000-000000000002",
		"claims": `{"access_token":{"polids":{}}}`,
	})
	_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0-long", "")
	var e *entra.Error
	if !errors.As(err, &e) {
		t.Fatalf("Refresh = %v, want an *entra.Error", err)
	}
	if e.Code != "interaction_required" || e.Suberror != "basic_action" || e.Status != 400 || e.TraceID != "0a1b2c3d-0000-4000-8000-000000000001" ||
		e.CorrelationID != "0a1b2c3d-0000-4000-8000-000000000002" || e.Claims != `{"access_token":{"polids":{}}}` || !slices.Equal(e.Codes, []int{50076, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("Refresh = %#v", e)
	}
	got := err.Error()
	for _, want := range []string{"refreshing the connection was refused with 400 interaction_required basic_action: AADSTS50076:", "trace id 0a1b2c3d-0000-4000-8000-000000000001", "sign in again"} {
		if !strings.Contains(got, want) {
			t.Errorf("Refresh = %q, want %q in it", got, want)
		}
	}
	for _, unwanted := range []string{"refresh-0-long", secret, "Correlation ID", "\n", "\x1b"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("Refresh = %q, want no %q in it", got, unwanted)
		}
	}
	if id := p.received().headers[0].Get("client-request-id"); e.RequestID != id || !strings.Contains(got, "request id "+id) {
		t.Errorf("Refresh = %q (request id %q), want request id %q in it", got, e.RequestID, id)
	}
	if len(got) > 1000 {
		t.Errorf("the error is %d bytes long", len(got))
	}
}

// TestIDs: for Microsoft's support, wherever Microsoft has put them.
func TestIDs(t *testing.T) {
	const trace, correlation = "0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"
	below := "AADSTS50076: x\r\nTrace ID: 0A1B2C3D-0000-4000-8000-000000000001\r\nCorrelation ID: " + correlation + "\r\nTimestamp: 2026-12-01 12:00:00Z"
	for _, tt := range []struct {
		name               string
		fields             map[string]any
		trace, correlation string
	}{
		{"in fields", map[string]any{"trace_id": trace, "correlation_id": correlation}, trace, correlation},
		{"in the description", map[string]any{"error_description": below}, trace, correlation},
		{"in both", map[string]any{"error_description": below, "trace_id": correlation}, correlation, correlation},
		{"not ids", map[string]any{"trace_id": "call 555-0100 now", "correlation_id": strings.Repeat("a", 36)}, "", ""},
		{"none", nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newIDP(t)
			fields := map[string]any{"error": "invalid_grant"}
			for name, value := range tt.fields {
				fields[name] = value
			}
			p.token = refuse(http.StatusBadRequest, fields)
			_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			var e *entra.Error
			if !errors.As(err, &e) || e.TraceID != tt.trace || e.CorrelationID != tt.correlation {
				t.Fatalf("Refresh = %v, want ids %q and %q", err, tt.trace, tt.correlation)
			}
			for _, id := range []string{tt.trace, tt.correlation, e.RequestID} {
				if !strings.Contains(err.Error(), id) {
					t.Errorf("Refresh = %q, want %q in it", err, id)
				}
			}
		})
	}
	t.Run("through the browser", func(t *testing.T) {
		e := entra.ParseCallbackError(url.Values{"error": {"access_denied"}, "error_description": {below}})
		if e.TraceID != trace || e.CorrelationID != correlation || e.RequestID != "" {
			t.Errorf("ParseCallbackError = %v", e)
		}
	})
	for name, token := range map[string]http.HandlerFunc{
		"hung up":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"of no use": refuse(http.StatusOK, nil),
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			p.token = token
			_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
			var e *entra.Error
			if !errors.As(err, &e) || e.RequestID != p.received().headers[0].Get("client-request-id") {
				t.Errorf("Refresh = %v, want the request id in it", err)
			}
		})
	}
}

func TestParseCallbackError(t *testing.T) {
	for _, tt := range []struct {
		name   string
		query  url.Values
		code   string
		number []int
		class  entra.Class
	}{
		{"cancelled", url.Values{"error": {"access_denied"}, "error_subcode": {"cancel"}, "error_description": {"AADSTS65004: User declined to consent.\r\nTrace ID: x"}}, "access_denied", []int{65004}, entra.Person},
		{"no consent", url.Values{"error": {"consent_required"}}, "consent_required", nil, entra.Admin},
		{"down", url.Values{"error": {"server_error"}}, "server_error", nil, entra.Transient},
		{"wrong request", url.Values{"error": {"invalid_request"}, "error_description": {"AADSTS900144: missing"}}, "invalid_request", []int{900144}, entra.Operator},
		{"forged number", url.Values{"error": {"access_denied"}, "error_description": {"AADSTS99999999999999999999: x"}}, "access_denied", nil, entra.Person},
		{"hostile", url.Values{"error": {strings.Repeat("x\n", 1000)}}, strings.TrimSpace(strings.Repeat("x ", 256)) + " …", nil, entra.Operator},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := entra.ParseCallbackError(tt.query)
			if e.Code != tt.code || !slices.Equal(e.Codes, tt.number) || e.Class != tt.class {
				t.Errorf("ParseCallbackError = %q, %v, %v, want %q, %v, %v", e.Code, e.Codes, e.Class, tt.code, tt.number, tt.class)
			}
			if got := e.Error(); !strings.HasPrefix(got, "sign-in was refused "+tt.code) {
				t.Errorf("Error() = %q", got)
			}
		})
	}
}
