package booking

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/onesgate/onesgate/internal/booking/reference"
)

// APIOptions say who may call besides people with a session.
type APIOptions struct {
	// ServiceTokens are all valid; without one only sessions are let in.
	ServiceTokens []ServiceToken
}

// maxBody bounds a request's body, in bytes.
const maxBody = 64 << 10

// An API is the HTTP API over a service.
type API struct{ *api }

type api struct {
	bookings *Service
	options  APIOptions
	mux      *http.ServeMux
	openapi  []byte
	docs     []byte
	polls    chan struct{} // one for each caller who waits for changes

	persons, services, strangers *throttle
}

// NewAPI returns the handler of /v1, of /openapi.json, and of the page /docs. The gateway in front puts
// the signed-in person into the request's context (identity.NewContext) and
// refuses unsafe requests from other origins. Caddy's handle_path may strip a
// prefix: no answer holds an absolute path of the API.
func NewAPI(s *Service, o APIOptions) API {
	a := &api{
		bookings: s, options: o, mux: http.NewServeMux(), polls: make(chan struct{}, maxPolls),
		persons:   newThrottle(personRate, personBurst, s.now),
		services:  newThrottle(serviceRate, serviceBurst, s.now),
		strangers: newThrottle(strangerRate, strangerBurst, s.now),
	}
	config := huma.DefaultConfig("onesgate bookings", "1")
	config.Servers = []*huma.Server{{URL: "."}}
	config.Info.Description = "Books rooms in Microsoft 365 in people's own names."
	config.CreateHooks = nil // no $schema links, which would name a host
	config.DocsPath, config.SchemasPath = "", ""
	config.OpenAPIPath = "" // ours is made once; huma's is made by the first reader, unlocked
	config.RejectUnknownQueryParameters = true
	config.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"service": {Type: "http", Scheme: "bearer", Description: "A service token; Ones-Act-As says for whom."},
	}
	h := humago.New(a.mux, config)
	a.registerBookings(h)
	a.registerChanges(h)
	a.registerOccurrences(h)
	a.registerRooms(h)
	a.registerAvailability(h)
	a.registerUsers(h)
	a.registerFeed(h)
	var err error
	if a.openapi, err = json.Marshal(h.OpenAPI()); err != nil {
		panic("booking: the API's own description can't be written: " + err.Error()) // a slip in this package
	}
	if a.docs, err = reference.Page(h.OpenAPI(), codes()); err != nil {
		panic("booking: the API's own page can't be written: " + err.Error()) // likewise
	}
	return API{a}
}

// describes answers what needs no caller: what the API is like. done is false if
// something else was asked for.
func (a *api) describes(w http.ResponseWriter, r *http.Request) (done bool) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return false
	case r.URL.Path == pathOpenAPI:
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.openapi)
	case r.URL.Path == pathDocs:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", reference.Policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		_, _ = w.Write(a.docs)
	default:
		return false
	}
	return true
}

// What needs no caller.
const (
	pathOpenAPI = "/openapi.json"
	pathDocs    = "/docs"
)

type callerKey struct{}

// callerOf returns who sent the request that ctx belongs to.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// ServeHTTP answers what no operation is there for itself, and everything else
// after it knows who is asking.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if a.describes(w, r) {
		return
	}
	// The mux would redirect an unclean path, without the prefix that was stripped.
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path {
		writeProblem(w, newProblem(codeNotFound, "There is nothing at this path.").on(r.Context()))
		return
	}
	if allow := a.allowed(r); !strings.Contains(allow+",", methodFor(r.Method)+",") {
		if allow == "" {
			writeProblem(w, newProblem(codeNotFound, "There is nothing at this path.").on(r.Context()))
			return
		}
		p := statusProblem(http.StatusMethodNotAllowed, "Allowed here: "+allow+".")
		p.header.Set("Allow", allow)
		writeProblem(w, p.on(r.Context()))
		return
	}
	c, err := a.admit(r)
	if err != nil {
		writeProblem(w, a.problem(r.Context(), Caller{}, err))
		return
	}
	if name := doubled(r.Header); name != "" {
		writeProblem(w, newProblem(codeMalformed, name+" must be there once.").on(r.Context()))
		return
	}
	if !speaksJSON(r) {
		p := statusProblem(http.StatusUnsupportedMediaType, "")
		if r.Method == http.MethodPatch {
			p.header.Set("Accept-Patch", mergePatch+", application/json") // RFC 5789, section 3.1
		}
		writeProblem(w, p.on(r.Context()))
		return
	}
	if lines := r.Header.Values("Prefer"); len(lines) > 1 {
		r.Header.Set("Prefer", strings.Join(lines, ", ")) // one list, of which huma reads the first line only
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody+1)
	ctx := context.WithValue(r.Context(), callerKey{}, c)
	refused := ""
	if acts(r) {
		ctx = context.WithValue(ctx, refusedKey{}, &refused)
	}
	a.mux.ServeHTTP(w, r.WithContext(ctx))
	if refused != "" {
		a.bookings.audit.InfoContext(ctx, "booking refused", "by", c.by(), "user", c.id(), "room", c.Room,
			"method", r.Method, "path", r.URL.Path, "outcome", refused)
	}
}

// doubled names a header that is there twice and must not be: of two keys, or two versions,
// nobody could say which one is meant. "": there is none.
func doubled(h http.Header) string {
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		if len(h.Values(name)) > 1 {
			return name
		}
	}
	return ""
}

// refusedKey is where the code of a refusal goes, for the audit log.
type refusedKey struct{}

// acts says whether a request is to change something.
func acts(r *http.Request) bool {
	return methodFor(r.Method) != http.MethodGet && r.URL.Path != "/v1/availability" && r.URL.Path != "/v1/bookings/check"
}

// methodFor is the method whose operation serves a request.
func methodFor(method string) string {
	if method == http.MethodHead {
		return http.MethodGet
	}
	return method
}

// allowed lists the methods that there are operations for at the request's path.
func (a *api) allowed(r *http.Request) string {
	var methods []string
	probe := &http.Request{URL: r.URL, Host: r.Host}
	for _, probe.Method = range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if _, pattern := a.mux.Handler(probe); pattern != "" {
			methods = append(methods, probe.Method)
		}
	}
	if r.URL.Path == pathOpenAPI || r.URL.Path == pathDocs {
		methods = []string{http.MethodGet}
	}
	return strings.Join(methods, ", ")
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// answer turns the errors of an operation into problems.
func answer[I, O any](a *api, f func(context.Context, Caller, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		c := callerOf(ctx)
		out, err := f(ctx, c, in)
		if err != nil {
			return nil, a.problem(ctx, c, err)
		}
		return out, nil
	}
}

// operation describes one call for huma.
func operation(id, method, path, summary string, statuses ...int) huma.Operation {
	if method != http.MethodGet {
		statuses = append(slices.Clone(statuses), http.StatusRequestTimeout) // of a body that doesn't come
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		MaxBodyBytes: maxBody + 1, // huma refuses at the limit, not beyond it
		Errors: append(statuses, // and what any call may meet, Ones-Act-As among it
			http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity,
			http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable),
		Security: []map[string][]string{{"service": {}}, {}},
		Parameters: []*huma.Param{{
			Name: "Ones-Act-As", In: "header", Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{"alice@contoso.com"}},
			Description: "With a service token: the person it is for, by e-mail address, user id or card:NUMBER; or room:NAME. Lists and rooms do without.",
		}},
	}
}

// forServices describes a call that only a service may send, which asks for itself.
func forServices(o huma.Operation) huma.Operation {
	o.Parameters = nil // that is Ones-Act-As
	o.Security = []map[string][]string{{"service": {}}}
	return o
}
