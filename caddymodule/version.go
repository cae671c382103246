package caddymodule

import "runtime/debug"

// modulePath is the Go module that this package belongs to.
const modulePath = "github.com/onesgate/onesgate"

// version is ours, in whatever binary this was built into; "(devel)" if it was
// not built from a version.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}
