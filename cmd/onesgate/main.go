package main

import (
	"os"
	"runtime/debug"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/onesgate/onesgate/caddymodule"
	"github.com/onesgate/onesgate/cmd/onesgate/demo"
)

// garbage is how much memory the collector may let lie about, in percent of what is alive: with
// Go's 100 a page costs up to 4 % more CPU time (docs/performance.md).
const garbage = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	caddy.CustomBinaryName = "onesgate"
	caddy.CustomLongDescription = "onesgate is Caddy with a gateway to Microsoft 365 for the room booking system ONES:\nit signs people in, tells ONES who they are, and books rooms in their calendars.\n\nTry it: onesgate demo"
	caddycmd.RegisterCommand(demo.Command())
	caddycmd.Main()
}
