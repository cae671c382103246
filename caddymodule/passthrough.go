package caddymodule

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/passthrough"
)

// newPassthrough makes the way to Microsoft Graph, for callers whom the API knows.
func (e *engine) newPassthrough(api booking.API) *passthrough.Handler {
	return passthrough.New(passthrough.Config{
		Caller: func(r *http.Request) (passthrough.Caller, *passthrough.Refusal) {
			c, problem := api.Caller(r)
			return passthrough.Caller{Service: c.Service, Person: c.Person, Room: c.Room}, refusal(problem)
		},
		Explain: func(ctx context.Context, c passthrough.Caller, err error) *passthrough.Refusal {
			return refusal(api.Problem(ctx, booking.Caller{Service: c.Service, Person: c.Person}, err))
		},
		Graph: func(integration string) *graph.Client { return e.now.Load().world.Integrations[integration].Graph },
		IsRoom: func(address string) bool {
			for _, room := range e.now.Load().world.Rooms {
				if strings.EqualFold(room.Address, address) {
					return true
				}
			}
			return false
		},
		Owner: func(ctx context.Context, address string) string {
			if found, err := e.people.ByEmail(ctx, address); err == nil && len(found) == 1 {
				return found[0].ID
			}
			return ""
		},
		Token:   e.grants.Token,
		Observe: e.passedThrough,
		Audit:   slog.New(&liveHandler{engine: e, name: "audit"}),
	})
}

func refusal(p *booking.Problem) *passthrough.Refusal {
	if p == nil {
		return nil
	}
	return &passthrough.Refusal{Status: p.Status, Code: p.Code, Detail: p.Detail, LoginURL: p.LoginURL, Header: p.GetHeaders()}
}

// isPassthrough says whether a request is for Microsoft Graph.
func isPassthrough(r *http.Request) bool {
	return strings.HasPrefix(r.URL.EscapedPath(), passthrough.Prefix+"/")
}

// baseURL is where the caller of a request sees the handler, before any prefix that
// handle_path has stripped: links in answers have to begin with it.
func (a *App) baseURL(r *http.Request) string {
	original := r.URL
	if before, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		original = before.URL
	}
	scheme := "http"
	switch {
	case strings.EqualFold(r.Host, a.public.Host):
		scheme = a.public.Scheme // somebody in front of us may speak TLS
	case r.TLS != nil:
		scheme = "https"
	}
	// Where a rewrite did more than strip a prefix, no link could be known to lead back.
	prefix, stripped := strings.CutSuffix(original.EscapedPath(), r.URL.EscapedPath())
	if !stripped {
		prefix = ""
	}
	return scheme + "://" + r.Host + prefix
}
