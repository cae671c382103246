// Package world describes what the simulator simulates: tenants with their
// apps, people and rooms, as plain data that is read from one JSON file, and the
// addresses under which Microsoft's clouds are reached here.
package world
