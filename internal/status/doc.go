// Package status is how a gateway stands, for whoever operates it: the picture of
// its integrations, rooms, people, bookings and store, and in plain words what is
// wrong, whose that is, and what to do.
//
// caddymodule fills the picture; the admin API sends it as JSON, and the command
// "ones status" prints it. It holds no secret, no token, and the name of nobody.
package status
