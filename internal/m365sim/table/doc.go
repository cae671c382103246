// Package table keeps the simulator's state: maps of records that a restart
// finds again if they are given a file. A file holds one line of JSON for each
// change; when it is opened with more changes than records, it is written anew,
// shorter. What was committed survives the end of the process, at any moment; it is not forced to
// the disk, since nobody relies on a simulator's data after a power cut.
//
// Nothing here may be used concurrently.
package table
