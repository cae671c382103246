package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A siteRoute is as much of a route of Caddy's as is needed to see who gets which requests.
type siteRoute struct {
	paths    []string
	matched  bool   // not every request gets here
	group    string // no other one of the group gets the requests that do
	terminal bool   // no other one at all does
	handlers []siteHandler
}

// A siteHandler is one in a route, with the routes inside it.
type siteHandler struct {
	name   string
	routes []siteRoute
	// Of a reverse_proxy that is still JSON: where it sends requests to.
	upstreams []upstream
	// Of an ones_bookings that is still JSON: it has no service_token.
	tokenless bool
}

// answering are the handlers that answer a request themselves, as a rule.
var answering = []string{"error", "file_server", "ones_bookings", "reverse_proxy", "static_response"}

// checkRoutes says which routes of a server don't go together with ours. It has to be
// called when the first handler of ours on that server is provisioned: those before it
// are modules already, it and those behind are still JSON.
func (a *App) checkRoutes(s *caddyhttp.Server) error {
	if s == nil || a.seen[s] {
		return nil
	}
	a.seen[s] = true
	var w routeWalk
	w.walk(loadedRoutes(s.Routes, namedRoutes(s.NamedRoutes)), passed{}, "")
	a.settings.ones = united(a.settings.ones, w.behind)
	switch {
	case w.twice:
		return fmt.Errorf("ones_auth is there twice for the same requests; write one of them, or each in a handle block of its own")
	case w.unguarded:
		return errors.New("ones_bookings has neither a service_token nor ones_auth before it: nobody could be told apart; add one of them")
	case w.handler == "ones_bookings", w.gate && w.handler != "":
		return fmt.Errorf("%s at %s: paths below /.ones/ belong to ones_auth, where people sign in; use another path", w.handler, w.path)
	}
	return nil
}

// routeWalk is what was found on the way through routes.
type routeWalk struct {
	gate          bool   // there is an ones_auth
	twice         bool   // there are two for the same requests
	unguarded     bool   // there is an ones_bookings that could tell nobody apart
	path, handler string // a path of ours, and another handler that answers there

	behind []upstream // of a gate: ONES, as a rule
}

// passed says whether all of some requests have been through a gate, or perhaps some of them.
type passed struct{ all, some bool }

// walk goes through routes whose requests have been through a gate, or not, and have one
// of our paths ("": any). It returns which requests behind them have been through a gate.
func (w *routeWalk) walk(routes []siteRoute, gate passed, path string) passed {
	grouped := map[string]bool{} // groups with a gate
	for _, r := range routes {
		inside, at := gate, path
		for group := range grouped {
			inside.some = inside.some || group != r.group
		}
		if i := slices.IndexFunc(r.paths, isOurs); i >= 0 {
			at = r.paths[i]
		}
		for _, h := range r.handlers {
			switch {
			case h.name == "ones_auth":
				w.gate, w.twice = true, w.twice || inside.all
				inside, at = passed{true, true}, "" // it answers for its own paths
			case at != "" && slices.Contains(answering, h.name) && w.handler == "":
				w.path, w.handler = at, h.name
			}
			w.unguarded = w.unguarded || h.tokenless && !inside.some
			if inside.all {
				w.behind = append(w.behind, h.upstreams...)
			}
			inside = w.walk(h.routes, inside, at)
		}
		switch {
		case r.terminal:
		case r.group != "":
			if inside.some {
				grouped[r.group] = true
			}
		default:
			gate.some, gate.all = inside.some, gate.all || inside.all && !r.matched
		}
	}
	gate.some = gate.some || len(grouped) > 0
	return gate
}

// isOurs says whether a pattern of paths means some of ours.
func isOurs(pattern string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(pattern), "/.ones")
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '*')
}

// byName returns the routes that stand under a name, for whoever invokes them.
type byName func(name string) []siteRoute

func namedRoutes(all map[string]*caddyhttp.Route) byName {
	return func(name string) []siteRoute {
		route := all[name]
		if route == nil {
			return nil
		}
		others := maps.Clone(all)
		delete(others, name) // one that invokes itself would have no end
		return loadedRoutes(caddyhttp.RouteList{*route}, namedRoutes(others))
	}
}

func loadedRoutes(list caddyhttp.RouteList, invoked byName) (routes []siteRoute) {
	for _, r := range list {
		n := siteRoute{matched: len(r.MatcherSets)+len(r.MatcherSetsRaw) > 0, group: r.Group, terminal: r.Terminal}
		for _, set := range r.MatcherSets {
			for _, m := range set {
				if p, ok := m.(*caddyhttp.MatchPath); ok {
					n.paths = append(n.paths, *p...)
				}
			}
		}
		for _, h := range r.Handlers {
			n.handlers = append(n.handlers, loadedHandler(h, invoked))
		}
		for _, h := range r.HandlersRaw {
			n.handlers = append(n.handlers, rawHandler(h, invoked))
		}
		routes = append(routes, n)
	}
	return routes
}

func loadedHandler(h caddyhttp.MiddlewareHandler, invoked byName) (n siteHandler) {
	if m, ok := h.(caddy.Module); ok {
		n.name = m.CaddyModule().ID.Name()
	}
	switch h := h.(type) {
	case *caddyhttp.Subroute:
		n.routes = loadedRoutes(h.Routes, invoked)
	case *caddyhttp.Invoke:
		n.routes = invoked(h.Name)
	}
	return n
}

// rawHandler reads a handler that is still JSON; what can't be read is for Caddy to refuse.
func rawHandler(raw json.RawMessage, invoked byName) siteHandler {
	var read struct {
		Handler string `json:"handler"`
		Name    string `json:"name"`
		Routes  []struct {
			Group    string                       `json:"group"`
			Terminal bool                         `json:"terminal"`
			Match    []map[string]json.RawMessage `json:"match"`
			Handle   []json.RawMessage            `json:"handle"`
		} `json:"routes"`
		ServiceTokens []json.RawMessage `json:"service_tokens"`
		proxied
	}
	_ = json.Unmarshal(raw, &read)
	n := siteHandler{name: read.Handler, tokenless: read.Handler == "ones_bookings" && len(read.ServiceTokens) == 0}
	switch n.name {
	case "reverse_proxy":
		n.upstreams = read.upstreams()
	case "invoke":
		n.routes = invoked(read.Name)
	}
	for _, r := range read.Routes {
		inner := siteRoute{matched: len(r.Match) > 0, group: r.Group, terminal: r.Terminal}
		for _, set := range r.Match {
			var paths []string
			_ = json.Unmarshal(set["path"], &paths)
			inner.paths = append(inner.paths, paths...)
		}
		for _, h := range r.Handle {
			inner.handlers = append(inner.handlers, rawHandler(h, invoked))
		}
		n.routes = append(n.routes, inner)
	}
	return n
}
