package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
)

// Caddy hands no list of warnings to an option of a plugin. So whoever adapts a Caddyfile,
// and wants the list, gives one as the earlier value of the option (see adaptWith).
// For Caddy's own commands warnings are logged, by the name and with the fields with which
// these log the list that they have.

// warningsKey is where a dispenser has that list.
const warningsKey = "ones.warnings"

// warn tells the operator of what d stands on, and goes on.
func warn(d *caddyfile.Dispenser, message string) { warnAt(d, d.Line(), message) }

// warnAt tells the operator of an earlier line of the file in which d stands.
func warnAt(d *caddyfile.Dispenser, line int, message string) {
	if list, ok := d.GetContext(warningsKey).(*[]caddyconfig.Warning); ok {
		*list = append(*list, caddyconfig.Warning{File: d.File(), Line: line, Directive: "ones", Message: message})
		return
	}
	caddy.Log().Named("caddyfile").Warn(message, zap.String("file", d.File()), zap.Int("line", line))
}

// adaptWith adapts a configuration as Caddy does, without a line of log.
func adaptWith(adapter caddyconfig.Adapter, text []byte, file string) ([]byte, []caddyconfig.Warning, error) {
	var ours []caddyconfig.Warning
	config, warnings, err := adapter.Adapt(text, map[string]any{"filename": file, "ones": &ours})
	return config, append(ours, warnings...), err
}
