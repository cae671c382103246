// Command onesgate is Caddy with onesgate's modules, and the demo.
package main
