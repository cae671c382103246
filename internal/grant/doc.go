// Package grant keeps the delegated grants: the refresh token that a person (or
// a room) has given us, sealed in the store, and the access tokens made from it,
// in memory.
//
// A grant is refreshed on demand and once, however many ask; a new refresh token
// is durable before the access token that came with it is used. When the sealing
// keys are rotated, it seals all grants anew. Sign-in saves grants; bookings and
// pages take tokens and the state of the connection from here. It never speaks
// with Microsoft but through entra, and never ends a grant for a fault that is
// not the grant's.
package grant
