// Package storetest is the suite that every engine of store.Store has to pass:
// what the contract promises of reading, versions, preconditions, atomicity and
// expiry, alone and with many callers at once.
//
// The engines' tests call [Run]. What only an engine can know, such as its
// files, its restarts and its crashes, it tests itself.
package storetest
