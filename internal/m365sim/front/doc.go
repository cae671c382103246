// Package front is what all calls to the simulator have in common: they come in
// through a Door, which reads the body, lets faults happen, runs one call at a
// time, keeps what it changed before it is answered, and writes it down in a log.
package front
