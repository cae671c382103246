// Package m365sim simulates the part of Microsoft 365 that the gateway talks
// to: the Microsoft identity platform (package login) and the calendars of
// Microsoft Graph (package msgraph) over mailboxes whose rooms answer
// invitations (package exchange). What it simulates is plain data (package
// world); faults are switched on while it runs, under /_sim.
//
// It is as strict as the real service and refuses in its words, so that nothing
// passes here which would fail there. It serves the demo, cmd/m365sim and tests,
// on loopback only. It imports no package of ours but its own, lest a mistake be
// shared. It sends nothing but change notifications, and those to loopback only;
// what falls due, such as a room's answer, is carried out before the next call is.
package m365sim
