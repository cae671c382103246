package m365sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// contract reads the description of Graph's calendars.
func contract(t *testing.T, base string) routers.Router {
	t.Helper()
	file := cmp.Or(os.Getenv("ONESGATE_GRAPH_OPENAPI"), "../../../shared/graph/openapi-calendar.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("reference data is absent: no description of Graph at %s; name one in ONESGATE_GRAPH_OPENAPI", file)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: base + "/v1.0"}}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// Everything that Graph's side answers fits the description.
func TestAnswersFitTheContract(t *testing.T) {
	w := newWorld(t)
	router := contract(t, w.base)
	m := w.as(alice)
	check := func(method, path string, body any, want int) answer {
		t.Helper()
		a := m.call(method, path, body, "Prefer", `outlook.timezone="China Standard Time"`)
		if a.StatusCode != want {
			t.Fatalf("%s %s: %d %s, want %d", method, path, a.StatusCode, a.body, want)
		}
		if err := fits(t.Context(), router, a); err != nil {
			t.Errorf("%s %s: %v", method, path, err)
		}
		return a
	}
	body := meeting("Review", boardroom, 2, 3)
	body["transactionId"], body["isOnlineMeeting"] = "t-1", true
	body["location"] = map[string]any{"displayName": "Boardroom", "locationEmailAddress": boardroom}
	body["singleValueExtendedProperties"] = []any{map[string]any{"id": "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours", "value": "v"}}
	id := check(http.MethodPost, "/me/events", body, http.StatusCreated).json(t)["id"].(string)
	const window = "?startDateTime=2026-11-24T00:00:00Z&endDateTime=2026-11-25T00:00:00Z"
	expand := "?$expand=" + url.QueryEscape("singleValueExtendedProperties($filter=id eq 'String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours')")
	check(http.MethodGet, "/me/events/"+id+expand, nil, http.StatusOK)
	check(http.MethodGet, "/me/events/"+id+"?$select=subject", nil, http.StatusOK)
	check(http.MethodGet, "/me/events", nil, http.StatusOK)
	check(http.MethodGet, "/me/calendarView"+window, nil, http.StatusOK)
	check(http.MethodGet, "/me/calendar/calendarView"+window, nil, http.StatusOK)
	check(http.MethodGet, "/me/calendar", nil, http.StatusOK)
	check(http.MethodGet, "/me/calendars", nil, http.StatusOK)
	check(http.MethodPost, "/me/calendar/getSchedule", scheduleBody(boardroom, "nobody@contoso.example"), http.StatusOK)
	check(http.MethodPatch, "/me/events/"+id, map[string]any{"subject": "Renamed"}, http.StatusOK)
	check(http.MethodPost, "/me/events/"+id+"/cancel", map[string]any{"comment": "no"}, http.StatusAccepted)
	check(http.MethodGet, "/me/events/"+id, nil, http.StatusNotFound)
	check(http.MethodGet, "/me", nil, http.StatusForbidden)
	check(http.MethodGet, "/me/calendarView", nil, http.StatusBadRequest)
	id = check(http.MethodPost, "/me/calendar/events", meeting("Review", garden, 2, 3), http.StatusCreated).json(t)["id"].(string)
	check(http.MethodDelete, "/me/events/"+id, nil, http.StatusNoContent)
}

// fits validates an answer, as JSON that everything said in the description.
func fits(ctx context.Context, router routers.Router, a answer) error {
	req := httptest.NewRequestWithContext(ctx, a.Request.Method, a.Request.URL.String(), nil)
	route, params, err := router.FindRoute(req)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params},
		Status:                 a.StatusCode,
		Header:                 a.Header,
		Body:                   io.NopCloser(bytes.NewReader([]byte(a.body))),
		Options:                &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true},
	})
}

// The check itself can fail.
func TestContractRefuses(t *testing.T) {
	w := newWorld(t)
	router := contract(t, w.base)
	a := w.as(alice).call(http.MethodGet, "/me/calendar", nil)
	a.body = strings.Replace(a.body, `"canEdit":true`, `"canEdit":"yes"`, 1)
	if err := fits(t.Context(), router, a); err == nil {
		t.Error("a wrong answer passes")
	}
}
