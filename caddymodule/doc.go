// Package caddymodule makes onesgate a part of Caddy: the app "ones", the
// handlers "ones_auth" and "ones_bookings", the stores, and the Caddyfile.
//
// It is the only package that knows zap and, but for the commands that start it,
// Caddy. It reads configuration, resolves secrets, opens what has to be open, and
// wires the packages of internal together; what they do is written there.
package caddymodule
