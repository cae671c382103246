package trail

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	parent  = "00-" + traceID + "-b7ad6b7169203331-01"
)

// follow begins the trail of a request with these headers, name and value in turn.
func follow(ctx context.Context, headers ...string) (context.Context, *httptest.ResponseRecorder) {
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	return Follow(w, r).Context(), w
}

// A request is called what its caller calls it, if that may stand in a log, and at
// Microsoft by a GUID that is always the same for it.
func TestNames(t *testing.T) {
	const guid = "5c2f0a31-7d5e-4a0b-9a53-0c9c6c1c4b1e"
	for name, tt := range map[string]struct {
		headers    []string
		want, guid string // "": a new UUID, and that one
	}{
		"a UUID":                 {[]string{Header, guid}, guid, guid},
		"a UUID in capitals":     {[]string{Header, strings.ToUpper(guid)}, strings.ToUpper(guid), guid},
		"words":                  {[]string{Header, "ONES-4711/2"}, "ONES-4711/2", "2793a4c0-3004-5d48-8fcf-328aa7e9a821"},
		"a trace":                {[]string{"traceparent", parent}, traceID, "0af76519-16cd-43dd-8448-eb211c80319c"},
		"a name and a trace":     {[]string{Header, "ONES-1", "traceparent", parent}, "ONES-1", "697a850c-e889-5ebb-92e4-db77fe15be36"},
		"nothing":                {nil, "", ""},
		"empty":                  {[]string{Header, ""}, "", ""},
		"two names":              {[]string{Header, "a", Header, "b"}, "", ""},
		"a line break":           {[]string{Header, "a\nb"}, "", ""},
		"a space":                {[]string{Header, "a b"}, "", ""},
		"an address":             {[]string{Header, "alice@contoso.com"}, "", ""},
		"a quote":                {[]string{Header, `a"b`}, "", ""},
		"not ASCII":              {[]string{Header, "é"}, "", ""},
		"too long":               {[]string{Header, strings.Repeat("x", 129)}, "", ""},
		"a bad name and a trace": {[]string{Header, "a b", "traceparent", parent}, traceID, "0af76519-16cd-43dd-8448-eb211c80319c"},
		"a trace of zeros":       {[]string{"traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01"}, "", ""},
		"no trace":               {[]string{"traceparent", "00-xyz"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, w := follow(t.Context(), tt.headers...)
			got, guid := ID(ctx), ClientRequestID(ctx)
			if w.Header().Get(Header) != got {
				t.Errorf("the answer says %q, the trail %q", w.Header().Get(Header), got)
			}
			if tt.want == "" {
				if _, err := uuid.Parse(got); err != nil || guid != got || slices.Contains(tt.headers, got) {
					t.Errorf("got %q, at Microsoft %q, want a new UUID", got, guid)
				}
				return
			}
			if got != tt.want || guid != tt.guid || ClientRequestID(ctx) != guid {
				t.Errorf("got %q, at Microsoft %q, want %q, %q", got, guid, tt.want, tt.guid)
			}
		})
	}
}

// Without a trail nothing is known, and each request to Microsoft has a name of its own.
func TestNoTrail(t *testing.T) {
	ctx := t.Context()
	Answered(ctx, "r-1")
	one, two := ClientRequestID(ctx), ClientRequestID(ctx)
	if ID(ctx) != "" || LastAnswered(ctx) != "" || MarkOf(ctx) != (Mark{}) || one == two {
		t.Error("there is a trail where none was begun")
	}
	if resumed := Resume(ctx, Mark{}, new(Tracers)); resumed != ctx {
		t.Error("a trail without a mark was taken up")
	}
	_, span := Start(ctx, "work", "a", "b")
	span.End("failed") // is nothing
}

// What Microsoft calls a request is remembered for the trail that it was on.
func TestAnswers(t *testing.T) {
	one, _ := follow(t.Context(), Header, "one")
	two, _ := follow(t.Context(), Header, "two")
	Answered(one, "r-1")
	Answered(context.WithoutCancel(one), "r-2")
	Answered(one, "")
	if got := LastAnswered(one) + " " + LastAnswered(two); got != "r-2 " {
		t.Errorf("got %q", got)
	}
}

// Work that goes on after the answer stands in the trace of the request that asked for it,
// also where another process goes on with it.
func TestSpans(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept))
	request, span := provider.Tracer("caddy").Start(t.Context(), "request")
	ctx, _ := follow(request, Header, "ONES-1")
	var tracers Tracers
	tracers.Learn(t.Context()) // nobody traces that one
	tracers.Learn(ctx)
	inner, work := Start(ctx, "accept", "ones.room", "boardroom", "ones.empty", "")
	mark := MarkOf(inner)
	work.End("")
	span.End()

	later := Resume(t.Context(), mark, &tracers)
	if ID(later) != "ONES-1" {
		t.Errorf("resumed %q", ID(later))
	}
	_, call := StartCall(later, "graph create_event")
	call.Note("http.response.status_code", "503")
	call.End("failed")
	_, untraced := Start(Resume(t.Context(), mark, new(Tracers)), "nobody traces any more")
	untraced.End("")

	spans := map[string]tracetest.SpanStub{}
	for _, s := range kept.GetSpans() {
		spans[s.Name] = s
	}
	accept, graph := spans["accept"], spans["graph create_event"]
	switch {
	case len(spans) != 3:
		t.Errorf("%d spans: %v", len(spans), spans)
	case accept.Parent.SpanID() != span.SpanContext().SpanID():
		t.Error("the work is not part of the request")
	case graph.Parent.SpanID() != accept.SpanContext.SpanID(), graph.SpanContext.TraceID() != span.SpanContext().TraceID():
		t.Error("what went on later is not in its trace")
	case accept.SpanKind != trace.SpanKindInternal, graph.SpanKind != trace.SpanKindClient:
		t.Error("kinds of spans are mixed up")
	case len(accept.Attributes) != 2 || accept.Attributes[0].Value.AsString() != "boardroom" || accept.Attributes[1].Value.AsString() != "ONES-1":
		t.Errorf("the work has the attributes %v", accept.Attributes)
	case graph.Status.Description != "failed":
		t.Errorf("the call ended with %v", graph.Status)
	}
}
