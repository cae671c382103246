// Package session keeps browser sessions: starts, looks up and ends them.
//
// The browser holds a random 256-bit id, the store only its SHA-256. A look-up
// of a session in use costs no store access and no lock that two people share.
// Sign-in starts and ends sessions; the gate in front of ONES looks them up, and
// attaches each request to its session, so that what is open ends with it.
package session
