// Command m365sim serves a simulated Microsoft 365 on loopback: sign-in pages,
// tokens and calendars, for developing and testing the gateway without a tenant.
// Without flags it serves a sample organisation. See package m365sim for what it
// simulates.
package main
