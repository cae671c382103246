// Command build makes the binary that xcaddy.json describes: Caddy with
// onesgate and whatever other modules are named there.
//
//	go run ./cmd/build [-config xcaddy.json] [-output bin/caddy]
package main
