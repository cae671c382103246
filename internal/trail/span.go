package trail

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of the instrumentation.
const scope = "github.com/onesgate/onesgate"

// Tracers are those of the last request that was traced: what goes on in the background
// has no request that could tell. It may be used concurrently.
type Tracers struct {
	last atomic.Pointer[trace.TracerProvider]
}

// Learn notes the tracers of a request.
func (t *Tracers) Learn(ctx context.Context) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if now, last := span.TracerProvider(), t.last.Load(); last == nil || *last != now {
		t.last.Store(&now)
	}
}

func (t *Tracers) get() trace.TracerProvider {
	if last := t.last.Load(); last != nil {
		return *last
	}
	return nil
}

// A Span is a piece of work on a trail. Its names and values are for whoever
// may look at traces: no person, no address, nothing that a booking is about.
type Span struct{ span trace.Span }

// Start begins a piece of work; about are names and values in turn. The span has to be
// ended. Where nobody traces it is nothing.
func Start(ctx context.Context, name string, about ...string) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindInternal, about)
}

// StartCall is Start for a request to somebody else.
func StartCall(ctx context.Context, name string, about ...string) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindClient, about)
}

func start(ctx context.Context, name string, kind trace.SpanKind, about []string) (context.Context, Span) {
	tracers := trace.SpanFromContext(ctx).TracerProvider()
	if t := of(ctx); t != nil && t.tracers != nil {
		tracers = t.tracers
	}
	if id := ID(ctx); id != "" {
		about = append(about, "ones.request_id", id)
	}
	ctx, span := tracers.Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
	s := Span{span}
	s.Note(about...)
	return ctx, s
}

// Note adds names and values in turn. Empty values are left out.
func (s Span) Note(about ...string) {
	if !s.span.IsRecording() {
		return
	}
	for i := 0; i+1 < len(about); i += 2 {
		if about[i+1] != "" {
			s.span.SetAttributes(attribute.String(about[i], about[i+1]))
		}
	}
}

// End ends the work. failure is why it was in vain, in a word; "": it was not.
func (s Span) End(failure string) {
	if failure != "" {
		s.span.SetStatus(codes.Error, failure)
	}
	s.span.End()
}
