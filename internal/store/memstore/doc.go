// Package memstore is a store.Store in memory, for tests alone: nothing of it
// outlives the process.
//
// It keeps the whole contract but for that. It goes by the clock that it is given,
// and where it waits, a bubble of virtual time (testing/synctest) passes on: a store
// has to be made in the bubble in which it is used. Tests that want faults or
// pauses embed it.
package memstore
