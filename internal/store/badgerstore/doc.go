// Package badgerstore is the store engine for one gateway on one machine: an
// embedded Badger database in a folder of its own.
//
// It owns that folder: its rights, its lock, its free space. One writer
// goroutine merges the commits that wait into one durable Badger transaction,
// so that many callers share one sync of the disk. Values stay in the LSM tree
// and never reach Badger's value log, which may acknowledge what it could not
// sync and whose garbage collection has brought deleted keys back.
//
// The application opens it; everything else sees a store.Store. It encrypts
// nothing, knows nothing of what it keeps, and is never opened twice at once.
package badgerstore
