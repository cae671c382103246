// Package integration tells the stories of onesgate with the real binary:
// a real browser, a gateway that is killed and reloaded, and the simulated
// Microsoft 365 in this process, so that it outlives the gateway.
package integration
