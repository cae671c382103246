// Package booking keeps what people have booked, brings it to their Microsoft
// calendars, and tells what the room has answered.
//
// It owns the journal of bookings, the promise that an accepted booking becomes
// exactly one event, and the HTTP API under /v1. The journal is durable before
// an answer goes out; a [Service] under Run and FollowUp carries each open booking
// on until it is confirmed, declined, cancelled, or at its end. Several instances
// may work on one store: a turn of a booking is claimed in the journal, by moving
// the time when it is due.
//
// The Caddy module calls it. It never writes into a room's calendar: the person
// is the organizer and the room is invited.
package booking
