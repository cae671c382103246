// Package store says what onesgate needs of a place to keep things: ordered,
// transactional records with versions and expiry, and a feed of what commits
// announce.
//
// It owns the contract and the helpers written once above it. The engines
// (badgerstore) implement it; storetest holds the suite that each of them has
// to pass. Sessions, grants, people and the booking journal are written
// against [Store] alone and don't know which engine they stand on.
package store
