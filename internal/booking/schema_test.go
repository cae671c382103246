package booking

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// described is what description has read; all houses describe themselves alike.
var described struct {
	once   sync.Once
	router routers.Router
	err    error
}

// description is the API's own, read by somebody else's library.
func description(t *testing.T, h http.Handler) routers.Router {
	t.Helper()
	described.once.Do(func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/openapi.json", nil))
		doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
		if err == nil {
			err = doc.Validate(context.Background())
		}
		if err != nil {
			described.err = err
			return
		}
		doc.Servers = nil // relative to where the description was found
		described.router, described.err = legacy.NewRouter(doc)
	})
	if described.err != nil {
		t.Fatal(described.err)
	}
	return described.router
}

// fits checks an answer against the description, unless it describes no such call.
func (h *house) fits(r *http.Request, w *httptest.ResponseRecorder) {
	h.t.Helper()
	route, params, err := h.router.FindRoute(r)
	if err != nil {
		return
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		h.t.Errorf("%s %s: the answer isn't as described: %v", r.Method, r.URL, err)
	}
}
