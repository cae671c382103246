// Package m365sim simulates the part of Microsoft 365 that the gateway talks
// to: the Microsoft identity platform (authorize, token, keys, logout) and the
// calendars of Microsoft Graph, with rooms that answer invitations.
//
// It is as strict as the real service and refuses in its words, so that nothing
// passes here which would fail there. It serves the demo, cmd/m365sim and tests,
// on loopback only. It imports no other package of ours, lest a mistake be
// shared, makes no connection of its own and starts no goroutine: what falls
// due, such as a room's answer, is carried out before the next request is.
//
// Not simulated yet: client assertions, form_post, recurrence, $batch, delta,
// findMeetingTimes, shared calendars, change notifications.
package m365sim
