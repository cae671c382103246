// Package grant keeps the delegated grants: the refresh token that a person (or
// a room) has given us, and the access tokens made from it, sealed in the store and
// open in memory.
//
// A grant is refreshed on demand and once, however many ask at however many
// instances; a new refresh token is durable before the access token that came with
// it is used. One that nobody uses is kept alive. What fails for everybody, an
// expired secret or an outage, is met for all at once and touches no grant. When
// the sealing keys are rotated, all grants are sealed anew.
//
// Sign-in saves grants; bookings and pages take tokens and the state of the
// connection from here. It never speaks with Microsoft but through entra, and never
// ends a grant for a fault that is not the grant's.
package grant
