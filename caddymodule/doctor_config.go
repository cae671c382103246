package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/doctor"
)

// validated says what Caddy finds wrong with a configuration, as "onesgate validate"
// does, but without a line of log and without opening the files of logs.
func validated(config []byte) error {
	var cfg *caddy.Config
	if err := json.Unmarshal(config, &cfg); err != nil {
		return err
	}
	if cfg == nil {
		return errors.New("it is empty")
	}
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "FATAL"}}, // another writer would be told of
	}}
	return caddy.Validate(cfg)
}

// A siteConfig is what doctors read of an adapted configuration besides our app.
type siteConfig struct {
	Logging struct {
		Logs map[string]logConfig `json:"logs"`
	} `json:"logging"`
	Apps struct {
		HTTP struct {
			Servers map[string]serverConfig `json:"servers"`
		} `json:"http"`
	} `json:"apps"`
}

type logConfig struct {
	Level   string   `json:"level"`
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
	Writer  struct {
		Output string `json:"output"`
	} `json:"writer"`
	Encoder encoderConfig `json:"encoder"`
}

type encoderConfig struct {
	Format string         `json:"format"`
	Wrap   *encoderConfig `json:"wrap"`
	// Fields have a fieldFilter each, if the format is "filter".
	Fields map[string]json.RawMessage `json:"fields"`
}

type fieldFilter struct {
	Filter  string `json:"filter"`
	Actions []struct {
		Parameter string `json:"parameter"`
	} `json:"actions"`
}

type serverConfig struct {
	Listen []string `json:"listen"`
	Routes any      `json:"routes"`
	// NamedRoutes are those that a site invokes by their names.
	NamedRoutes any `json:"named_routes"`
	Logs        *struct {
		Default string         `json:"default_logger_name"`
		Names   map[string]any `json:"logger_names"` // by host: a name, or a list
		Skip    []string       `json:"skip_hosts"`
		// SkipUnmapped: hosts without a name of a logger are not logged.
		SkipUnmapped bool `json:"skip_unmapped_hosts"`
		// Credentials: Caddy writes cookies and tokens as they are.
		Credentials bool `json:"should_log_credentials"`
	} `json:"logs"`
}

// handlers are those with a name that stand anywhere in a server.
func (s serverConfig) handlers(name string) []map[string]any {
	return handlers([]any{s.Routes, s.NamedRoutes}, name)
}

// handlers are those with a name that stand anywhere in a part of a configuration.
func handlers(in any, name string) (found []map[string]any) {
	switch v := in.(type) {
	case []any:
		for _, one := range v {
			found = append(found, handlers(one, name)...)
		}
	case map[string]any:
		if v["handler"] == name {
			found = append(found, v)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, handlers(v[key], name)...)
		}
	}
	return found
}

// handlerProblems are what is wrong with our handlers by themselves, each once. Caddy tells
// of these one by one, and not before nothing is wrong with the app.
func handlerProblems(config []byte) (all []error) {
	var c siteConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil // it is told already
	}
	told := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Apps.HTTP.Servers)) {
		server := c.Apps.HTTP.Servers[name]
		for _, problem := range slices.Concat(problemsOf[Auth](server, "ones_auth"), problemsOf[Bookings](server, "ones_bookings")) {
			if !told[problem.Error()] {
				all = append(all, problem)
			}
			told[problem.Error()] = true
		}
	}
	return all
}

// problemsOf judges the handlers of one kind.
func problemsOf[T any, P judged[T]](server serverConfig, name string) (all []error) {
	for _, found := range server.handlers(name) {
		text, err := json.Marshal(found)
		var h T
		if err == nil {
			err = json.Unmarshal(text, &h)
		}
		if err == nil {
			_, err = settled(P(&h))
		}
		all = append(all, each(foundIn(name, err))...)
	}
	return all
}

// siteFindings look at what stands around our app: logs and listeners.
func siteFindings(config []byte) []doctor.Finding {
	var c siteConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil // the configuration's own finding says so
	}
	named := func(check string, found ...doctor.Finding) []doctor.Finding {
		for i := range found {
			found[i].Check = check
		}
		return found
	}
	return append(named("access_log", c.accessLog()...), named("service_listener", c.serviceListeners()...)...)
}

// accessLog says whether codes and states of sign-ins can get into logs.
func (c siteConfig) accessLog() (found []doctor.Finding) {
	logged := false
	for _, name := range slices.Sorted(maps.Keys(c.Apps.HTTP.Servers)) {
		server := c.Apps.HTTP.Servers[name]
		if server.Logs == nil || len(server.handlers("ones_auth")) == 0 {
			continue
		}
		for _, logger := range server.loggers() {
			logged = true
			if sink, bare := c.writes("http.log.access"+logger, false, encoderConfig.hidesSignIns); bare {
				found = append(found, doctor.LogUnfiltered.Found("requests to the site with ones_auth are logged by the log %q, and nothing takes code and state of sign-ins out of their addresses", sink))
			}
			if !server.Logs.Credentials {
				continue
			}
			if sink, bare := c.writes("http.log.access"+logger, false, encoderConfig.hidesCredentials); bare {
				found = append(found, doctor.CredentialsLogged.Found("the log %q writes cookies and tokens of the site with ones_auth, as log_credentials in servers says", sink))
			}
		}
	}
	if sink, bare := c.writes("http.handlers.reverse_proxy", true, encoderConfig.hidesAssertions); bare {
		found = append(found, doctor.DebugUnfiltered.Found("the log %q has level DEBUG, at which Caddy writes what is sent to ONES, and nothing takes assertion, code and state out of that", sink))
	}
	if found == nil && logged {
		return []doctor.Finding{doctor.Good("code and state of sign-ins are taken out of the access log")}
	}
	if found == nil {
		return []doctor.Finding{doctor.Good("requests to the site with ones_auth are not logged")}
	}
	return found
}

// loggers are the ends of the names under which a server logs the requests of sites with
// ones_auth.
func (s serverConfig) loggers() (ends []string) {
	hosts, all := hostsWith(s.Routes, "ones_auth")
	all = all || len(handlers(s.NamedRoutes, "ones_auth")) > 0 // whoever invokes it
	mapped := false
	for host, v := range s.Logs.Names {
		if !all && !slices.Contains(hosts, host) && !strings.Contains(host, "*") {
			continue
		}
		mapped = true
		names, list := v.([]any)
		if !list {
			names = []any{v}
		}
		for _, one := range names {
			if name, ok := one.(string); ok && name != "" {
				ends = append(ends, "."+name)
			} else {
				ends = append(ends, "")
			}
		}
	}
	unseen := s.Logs.SkipUnmapped || !all && !slices.ContainsFunc(hosts, func(h string) bool { return !slices.Contains(s.Logs.Skip, h) })
	switch {
	case mapped || unseen:
	case s.Logs.Default != "":
		ends = append(ends, "."+s.Logs.Default)
	default:
		ends = append(ends, "")
	}
	slices.Sort(ends)
	return slices.Compact(ends)
}

// hostsWith are the hosts of the routes in which a handler stands; all: of any host.
func hostsWith(routes any, handler string) (hosts []string, all bool) {
	list, _ := routes.([]any)
	for _, r := range list {
		route, _ := r.(map[string]any)
		if len(handlers(route["handle"], handler)) == 0 {
			continue
		}
		matches, _ := route["match"].([]any)
		named := 0
		for _, m := range matches {
			match, _ := m.(map[string]any)
			names, _ := match["host"].([]any)
			for _, name := range names {
				if host, ok := name.(string); ok {
					hosts = append(hosts, host)
					named++
				}
			}
		}
		all = all || named == 0
	}
	return hosts, all
}

// writes returns a log that takes what a logger says, at level DEBUG if it is debug, in a
// format that doesn't hide something.
func (c siteConfig) writes(logger string, debug bool, hides func(encoderConfig) bool) (sink string, bare bool) {
	logs := maps.Clone(c.Logging.Logs)
	if logs == nil {
		logs = map[string]logConfig{}
	}
	if _, there := logs[caddy.DefaultLoggerName]; !there {
		logs[caddy.DefaultLoggerName] = logConfig{}
	}
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		log := logs[name]
		switch {
		case log.Writer.Output == "discard", !log.accepts(logger), debug && !strings.EqualFold(log.Level, "DEBUG"):
		case !hides(log.Encoder):
			return name, true
		}
	}
	return "", false
}

func (e encoderConfig) hidesSignIns() bool {
	return e.filters("request>uri", "code") && e.filters("request>uri", "state")
}

func (e encoderConfig) hidesAssertions() bool {
	return e.hidesSignIns() && e.filters("request>headers>X-Ones-Assertion", "")
}

func (e encoderConfig) hidesCredentials() bool {
	return e.filters("request>headers>Cookie", "") && e.filters("request>headers>Authorization", "") && e.filters("resp_headers>Set-Cookie", "")
}

// accepts says whether a log takes what a logger writes, as Caddy decides it: the
// longest word of include and exclude that fits the name counts.
func (l logConfig) accepts(logger string) bool {
	longest := func(words []string) (most int) {
		for _, word := range words {
			if logger == word || strings.HasPrefix(logger, word+".") {
				most = max(most, len(word))
			}
		}
		return most
	}
	in, out := longest(l.Include), longest(l.Exclude)
	if len(l.Include) > 0 && in == 0 {
		return false
	}
	return out == 0 || in > out
}

// filters says whether a field, or a parameter of a query in it, is not written as it is.
func (e encoderConfig) filters(field, parameter string) bool {
	// What is in an object a filter gives to what it wraps without the object's name, so another
	// filter does nothing there.
	if e.Wrap != nil && (e.Format != "filter" || e.Wrap.Format == "ones") && e.Wrap.filters(field, parameter) {
		return true
	}
	if e.Format == "ones" {
		_, there := neverLogged[field]
		return there
	}
	if e.Format != "filter" {
		return false
	}
	for part := field; ; {
		raw, there := e.Fields[part]
		var f fieldFilter
		_ = json.Unmarshal(raw, &f) // Caddy has read it
		switch {
		case there && f.Filter != "query":
			return true // deleted, replaced or hashed, or a rule of the operator's own
		case there && part == field:
			for _, a := range f.Actions {
				if a.Parameter == parameter {
					return true
				}
			}
		}
		cut := strings.LastIndex(part, ">")
		if cut < 0 {
			return false
		}
		part = part[:cut]
	}
}

// serviceListeners says where ONES' own server is listened for.
func (c siteConfig) serviceListeners() (found []doctor.Finding) {
	for _, name := range slices.Sorted(maps.Keys(c.Apps.HTTP.Servers)) {
		server := c.Apps.HTTP.Servers[name]
		if !slices.ContainsFunc(server.handlers("ones_bookings"), func(h map[string]any) bool {
			tokens, _ := h["service_tokens"].([]any)
			return len(tokens) > 0
		}) {
			continue
		}
		for _, listen := range server.Listen {
			at, err := caddy.ParseNetworkAddress(listen)
			switch ip := net.ParseIP(at.Host); {
			case err != nil:
			case !at.IsUnixNetwork() && (at.Host == "" || ip != nil && ip.IsUnspecified()):
				found = append(found, doctor.ServiceExposed.Found("%s listens on every interface: whoever reaches the port may try service tokens", listen))
			default:
				found = append(found, doctor.Good("%s listens where it was told to", listen))
			}
		}
	}
	if found == nil {
		return []doctor.Finding{doctor.Good("there is none: no ones_bookings has a service_token")}
	}
	return found
}

// listensFor says whether a configuration itself listens on the port of a URL, so that
// nothing stands before it on this machine.
func listensFor(config []byte, at *url.URL) bool {
	port, err := strconv.ParseUint(cmp.Or(at.Port(), map[string]string{"http": "80", "https": "443"}[at.Scheme]), 10, 16)
	var c siteConfig
	if err != nil || json.Unmarshal(config, &c) != nil {
		return false
	}
	for _, server := range c.Apps.HTTP.Servers {
		for _, listen := range server.Listen {
			on, err := caddy.ParseNetworkAddress(listen)
			if err == nil && !on.IsUnixNetwork() && on.StartPort <= uint(port) && uint(port) <= on.EndPort {
				return true
			}
		}
	}
	return false
}
