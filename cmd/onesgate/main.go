package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/onesgate/onesgate/caddymodule"
	"github.com/onesgate/onesgate/cmd/onesgate/demo"
)

func main() {
	caddy.CustomBinaryName = "onesgate"
	caddy.CustomLongDescription = "onesgate is Caddy with a gateway to Microsoft 365 for the room booking system ONES:\nit signs people in, tells ONES who they are, and books rooms in their calendars.\n\nTry it: onesgate demo"
	caddycmd.RegisterCommand(demo.Command())
	caddycmd.Main()
}
