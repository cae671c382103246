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

// classOf is the class of a refusal of the token endpoint.
func classOf(t *testing.T, status int, fields map[string]any) entra.Class {
	t.Helper()
	p := newIDP(t)
	p.token = refuse(status, fields)
	_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0", "")
	var e *entra.Error
	if !errors.As(err, &e) {
		t.Fatalf("Refresh = %v, want an *entra.Error", err)
	}
	return e.Class
}

// TestClasses: words count before numbers, and a number never ends a grant that
// the words leave alive.
func TestClasses(t *testing.T) {
	const challenge = `{"access_token":{"polids":{}}}`
	for _, tt := range []struct {
		name           string
		status         int
		code, suberror string
		number         int
		claims         string
		want           entra.Class
	}{
		{"server error", 500, "server_error", "", 0, "", entra.Transient},
		{"temporarily unavailable", 400, "temporarily_unavailable", "", 0, "", entra.Transient},
		{"too many requests", 429, "invalid_grant", "bad_token", 50173, "", entra.Transient},
		{"took too long", 408, "invalid_grant", "", 0, "", entra.Transient},
		{"bad gateway, whatever it says", 502, "invalid_grant", "bad_token", 50173, challenge, entra.Transient},
		{"throttled loop that looks like an end", 400, "invalid_grant", "bad_token", 50196, "", entra.Transient},
		{"secret expired", 401, "invalid_client", "", 0, "", entra.Operator},
		{"secret expired, with the number of a person", 401, "invalid_client", "basic_action", 50057, challenge, entra.Operator},
		{"client id unknown", 400, "unauthorized_client", "", 0, "", entra.Operator},
		{"scope not registered", 400, "invalid_scope", "", 0, "", entra.Operator},
		{"malformed", 400, "invalid_request", "", 0, "", entra.Operator},
		{"never heard of", 400, "brand_new_error", "brand_new", 1, "", entra.Operator},
		{"claims with interaction_required", 400, "interaction_required", "basic_action", 50076, challenge, entra.Person},
		{"claims with invalid_grant", 400, "invalid_grant", "", 0, challenge, entra.Person},
		{"claims beside the end of a token", 400, "invalid_grant", "bad_token", 50173, challenge, entra.Person},
		{"claims with an error of the operator's", 400, "unauthorized_client", "", 0, challenge, entra.Person},
		{"claims that are none", 400, "unauthorized_client", "", 0, "access_token", entra.Operator},
		{"no consent, by name", 400, "consent_required", "", 0, "", entra.Admin},
		{"no consent, by suberror", 400, "invalid_grant", "consent_required", 0, "", entra.Admin},
		{"consent asked interactively", 400, "interaction_required", "consent_required", 0, "", entra.Admin},
		{"done in a sign-in", 400, "invalid_grant", "basic_action", 0, "", entra.Person},
		{"done elsewhere", 400, "interaction_required", "additional_action", 0, "", entra.Person},
		{"can't be done now", 400, "invalid_grant", "message_only", 0, "", entra.Person},
		{"a new password", 400, "invalid_grant", "user_password_expired", 0, "", entra.Person},
		{"a policy for apps, of one person", 400, "unauthorized_client", "protection_policy_required", 0, "", entra.Person},
		{"a token of another client", 400, "invalid_grant", "client_mismatch", 0, "", entra.Person},
		{"a device", 400, "invalid_grant", "device_authentication_failed", 0, "", entra.Person},
		{"a word against the number of an end", 400, "invalid_grant", "basic_action", 700082, "", entra.Person},
		{"a word against the number of consent", 400, "invalid_grant", "basic_action", 65001, "", entra.Person},
		{"refused without a reason", 400, "invalid_grant", "", 0, "", entra.Person},
		{"refused for a reason that is news", 400, "invalid_grant", "brand_new", 1, "", entra.Person},
		{"a grant, with the number of the operator", 400, "invalid_grant", "", 7000222, "", entra.Person},
		{"a dead number, but no refused grant", 400, "interaction_required", "", 50173, "", entra.Person},
		{"a dead word, but no refused grant", 400, "interaction_required", "bad_token", 0, "", entra.Person},
		{"one account, as if it were the operator's", 400, "invalid_request", "", 50057, "", entra.Person},
		{"bad token", 400, "invalid_grant", "bad_token", 0, "", entra.Dead},
		{"token expired", 400, "invalid_grant", "token_expired", 0, "", entra.Dead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := map[string]any{"error": tt.code, "suberror": tt.suberror, "error_codes": []int{tt.number}}
			if tt.claims != "" {
				fields["claims"] = tt.claims
			}
			if got := classOf(t, tt.status, fields); got != tt.want {
				t.Errorf("class = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestClassOfEachCode names what Microsoft's numbers come with, and whose they
// are (https://learn.microsoft.com/entra/identity-platform/reference-error-codes;
// what else they come with is what has been seen of them).
func TestClassOfEachCode(t *testing.T) {
	for _, tt := range []struct {
		code, suberror string
		numbers        []int
		want           entra.Class
	}{
		// The person signs in again.
		{"login_required", "", []int{16000, 50058}, entra.Person},
		{"invalid_grant", "", []int{50020, 50034, 50085, 50089, 50132, 54005, 70000}, entra.Person},
		{"invalid_grant", "user_password_expired", []int{50055}, entra.Person},
		{"interaction_required", "basic_action", []int{50074, 50076, 50078, 50079, 50158}, entra.Person},
		{"interaction_required", "device_authentication_failed", []int{50097}, entra.Person},
		{"interaction_required", "", []int{700020}, entra.Person},
		{"access_denied", "cancel", []int{65004}, entra.Person},
		{"invalid_grant", "bad_token", []int{50133, 50173, 70000, 70043}, entra.Dead},
		{"invalid_grant", "token_expired", []int{700082, 700084}, entra.Dead},
		{"invalid_grant", "", []int{50173, 70008, 700082, 700084}, entra.Dead},
		{"invalid_grant", "", []int{50133, 70043}, entra.Person}, // without the word it may work again

		// An administrator acts; where that is not about consent, the person is
		// told by signing in.
		{"invalid_grant", "", []int{50053, 50057, 700003, 135010}, entra.Person},
		{"unauthorized_client", "", []int{50053, 50057, 50034, 50020}, entra.Person},
		{"interaction_required", "additional_action", []int{53000, 53001, 53002}, entra.Person},
		{"invalid_grant", "message_only", []int{53003, 530032, 53011}, entra.Person},
		{"access_denied", "", []int{500212, 500213}, entra.Person},
		{"invalid_grant", "", []int{50105}, entra.Admin},
		{"invalid_grant", "consent_required", []int{65001}, entra.Admin},
		{"invalid_grant", "", []int{65001, 90093, 90094, 90095, 900941}, entra.Admin},
		{"consent_required", "", []int{90093, 90094, 90095, 900941}, entra.Admin},
		{"invalid_resource", "", []int{500011}, entra.Operator},
		{"unauthorized_client", "", []int{7000112}, entra.Operator},

		// The configuration is wrong, or what we send.
		{"invalid_request", "", []int{50011, 500113, 900971, 50059, 50194, 650056}, entra.Operator},
		{"invalid_tenant", "", []int{90002, 90038}, entra.Operator},
		{"invalid_request", "", []int{90002, 90038}, entra.Operator},
		{"unauthorized_client", "", []int{700016}, entra.Operator},
		{"invalid_client", "", []int{7000215, 7000222, 7000218, 700025, 700027, 700030, 50012}, entra.Operator},
		{"invalid_scope", "", []int{70011, 28002, 700022}, entra.Operator},
		{"invalid_resource", "", []int{650057, 65005}, entra.Operator},
		{"invalid_request", "", []int{9002313, 900144, 90014, 90023, 90015, 900561, 501491, 50146, 501461}, entra.Operator},
		{"invalid_grant", "", []int{50147, 501481, 700005}, entra.Person}, // a code's: one sign-in has failed

		// It passes.
		{"invalid_grant", "", []int{50196}, entra.Transient},
		{"temporarily_unavailable", "", []int{50033, 50087, 90006, 90012, 90024, 90033, 90055, 90090}, entra.Transient},
		{"invalid_grant", "", []int{50033, 50087, 90006, 90012, 90024, 90033, 90055, 90090}, entra.Transient},

		// Steps of a sign-in, which no program should see.
		{"invalid_grant", "", []int{50126}, entra.Person},
		{"interaction_required", "", []int{50140, 50072, 50125, 50199, 16001}, entra.Person},
		{"invalid_request", "", []int{50126, 50140, 50072, 50125, 50199, 16001}, entra.Person},
	} {
		t.Run(strings.TrimSpace(tt.code+" "+tt.suberror), func(t *testing.T) {
			for _, number := range tt.numbers {
				fields := map[string]any{"error": tt.code, "suberror": tt.suberror, "error_codes": []int{number}}
				if got := classOf(t, http.StatusBadRequest, fields); got != tt.want {
					t.Errorf("class of AADSTS%d = %v, want %v", number, got, tt.want)
				}
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

// TestNoAddress: Microsoft names people in its messages; a log doesn't need that.
func TestNoAddress(t *testing.T) {
	const long = 480
	for given, want := range map[string]string{
		`AADSTS50057: The user account "carol@contoso.com" is disabled.`:                        `AADSTS50057: The user account "…@…" is disabled.`,
		"AADSTS50020: User account 'bob_fabrikam.com#EXT#@contoso.onmicrosoft.com' of provider": "AADSTS50020: User account '…@…' of provider",
		"AADSTS50034: The user account {o'hara.陳@例子.香港} does not exist":                         "AADSTS50034: The user account {o'…@… does not exist",
		"login_hint=a.b+c@contoso.com, or <d@contoso.com>; e@x.":                                "…@…, or <…@…>; …@…",
		"AADSTS50076: at @ 10:00 nobody@ @nowhere":                                              "AADSTS50076: at @ 10:00 nobody@ @nowhere",
		strings.Repeat("x", long) + " " + strings.Repeat("carol", 50) + "@contoso.com":          strings.Repeat("x", long) + " …@…",
	} {
		q := url.Values{"error": {"access_denied"}, "error_description": {given + "\r\nTrace ID: x"}}
		e := entra.ParseCallbackError(q)
		if e.Description != want {
			t.Errorf("%q: %q, want %q", given, e.Description, want)
		}
		if strings.Contains(e.Error(), "contoso") || strings.Contains(e.Error(), "carol") {
			t.Errorf("%q is told as %q", given, e)
		}
	}
	p := newIDP(t)
	p.token = refuse(http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": `AADSTS50057: The user account "carol@contoso.com" is disabled.`})
	_, err := p.client(t, &clock{at: noon}).Refresh(t.Context(), "refresh-0-long", "")
	if err == nil || strings.Contains(err.Error(), "carol") || !strings.Contains(err.Error(), `AADSTS50057: The user account "…@…" is disabled.`) {
		t.Errorf("Refresh = %v", err)
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
		{"not without a click", url.Values{"error": {"invalid_request"}, "suberror": {"basic_action"}}, "invalid_request", nil, entra.Person},
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
