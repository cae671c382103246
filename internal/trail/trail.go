package trail

import (
	"context"
	"net/http"
	"regexp"
	"sync/atomic"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Header is where a caller says what a request is called, and where our answer
// repeats it.
const Header = "X-Request-Id"

// acceptable is what an id of a caller's may be: it goes into logs and answers as it is.
var acceptable = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}$`)

// requests is the namespace of the GUIDs that are made from ids which are none (RFC 9562,
// section 5.5).
var requests = uuid.MustParse("6f2b0d5c-9a57-4c0e-8f0e-3b1d6a7c2e94")

// A trail is that of one request. Its fields but the last don't change.
type trail struct {
	id      string
	tracers trace.TracerProvider // nil: nobody traces
	// answered is what Microsoft has called the last request that it answered.
	answered atomic.Pointer[string]
}

type key struct{}

func of(ctx context.Context) *trail {
	t, _ := ctx.Value(key{}).(*trail)
	return t
}

// Follow begins the trail of a request that has come in, and names it in the answer. It
// is called what its caller calls it, in X-Request-Id or in traceparent
// (https://www.w3.org/TR/trace-context/), else by a new UUID. Whoever calls
// chooses that name: nothing may be decided by it.
func Follow(w http.ResponseWriter, r *http.Request) *http.Request {
	id := named(r.Header)
	w.Header().Set(Header, id)
	return r.WithContext(context.WithValue(r.Context(), key{}, &trail{
		id: id, tracers: trace.SpanFromContext(r.Context()).TracerProvider(),
	}))
}

func named(h http.Header) string {
	if ids := h.Values(Header); len(ids) == 1 && acceptable.MatchString(ids[0]) {
		return ids[0]
	}
	if parent := h.Values("Traceparent"); len(parent) == 1 {
		if span := readParent(parent[0]); span.HasTraceID() {
			return span.TraceID().String()
		}
	}
	return uuid.NewString()
}

// ID is what the request is called that something is done for; "": it is done for none.
func ID(ctx context.Context) string {
	if t := of(ctx); t != nil {
		return t.id
	}
	return ""
}

// ClientRequestID is what Microsoft is told as the name of a request to it: that of the
// trail, as the GUID that Microsoft demands, or one made from it, always the same. Without a
// trail it is a new one.
func ClientRequestID(ctx context.Context) string {
	id := ID(ctx)
	if id == "" {
		return uuid.NewString()
	}
	if guid, err := uuid.Parse(id); err == nil {
		return guid.String()
	}
	return uuid.NewSHA1(requests, []byte(id)).String()
}

// Answered notes what Microsoft calls a request that it has answered.
func Answered(ctx context.Context, id string) {
	if t := of(ctx); t != nil && id != "" {
		t.answered.Store(&id)
	}
}

// LastAnswered is what Microsoft has called the last request that it answered on this
// trail; "": there was none.
func LastAnswered(ctx context.Context) string {
	if t := of(ctx); t != nil {
		if id := t.answered.Load(); id != nil {
			return *id
		}
	}
	return ""
}

// A Mark is what is kept of a trail by work that goes on after the answer, maybe in
// another process.
type Mark struct {
	ID string `json:"id,omitempty"`
	// Parent is the span that goes on, as a traceparent; "": nobody traces.
	Parent string `json:"parent,omitempty"`
}

// MarkOf is the mark of ctx's trail; zero: there is none.
func MarkOf(ctx context.Context) Mark {
	m := Mark{ID: ID(ctx)}
	if span := trace.SpanContextFromContext(ctx); m.ID != "" && span.IsValid() {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		m.Parent = carrier["traceparent"]
	}
	return m
}

// Resume takes a trail up at its mark, with the tracers of the requests that come in by
// now. A zero mark is none.
func Resume(ctx context.Context, m Mark, tracers *Tracers) context.Context {
	if m.ID == "" {
		return ctx
	}
	ctx = context.WithValue(ctx, key{}, &trail{id: m.ID, tracers: tracers.get()})
	if span := readParent(m.Parent); span.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, span)
	}
	return ctx
}

func readParent(parent string) trace.SpanContext {
	carrier := propagation.MapCarrier{"traceparent": parent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}
