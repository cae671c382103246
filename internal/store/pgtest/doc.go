// Package pgtest runs a real PostgreSQL server for tests, in a temporary folder,
// and lets it crash, stand still and come back.
//
// TestMain calls [Start] once; each test gets a database of its own. The server
// listens on a Unix socket alone and dies with the test program, however that
// ends. It syncs like any other: what it acknowledges has reached the disk.
package pgtest
