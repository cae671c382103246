package main

import "time"

// A plan says how much is measured, and how long.
type plan struct {
	rounds      int           // of what is measured by turns
	window      time.Duration // of one program in one round
	connections int           // that are busy at once
	rate        int           // requests a second, where latency is measured
	starts      int           // of each program

	only string // parts with this in their names; "": all of them

	optimised bool // also what is built with profiles, which takes minutes
	peers     bool // also what isn't Go's, and oauth2-proxy

	stored  []int // sessions: one gateway for each number of them
	active  int   // of them, at most
	sockets int   // WebSockets that are open at once

	grants, signedIn, bookings int // in the store at the start that is measured

	stream int64 // bytes, each way
	idle   time.Duration
}

// full is what the documentation shows.
func full() plan {
	return plan{
		rounds: 7, window: 5 * time.Second, connections: 16, rate: 1000, starts: 5,
		optimised: true, peers: true,
		stored: []int{10, 1_000, 10_000, 100_000, 1_000_000}, active: 10_000, sockets: 4000,
		grants: 1_000_000, signedIn: 100_000, bookings: 10_000,
		stream: 1 << 30, idle: 30 * time.Second,
	}
}

// short tries everything.
func short() plan {
	return plan{
		rounds: 3, window: time.Second, connections: 16, rate: 1000, starts: 2,
		optimised: true, peers: true,
		stored: []int{10, 1_000, 10_000}, active: 1000, sockets: 200,
		grants: 10_000, signedIn: 1_000, bookings: 100,
		stream: 64 << 20, idle: 3 * time.Second,
	}
}

// smoke is the least that touches every part: for the test.
func smoke() plan {
	return plan{
		rounds: 1, window: 200 * time.Millisecond, connections: 4, rate: 200, starts: 1,
		peers:  true,
		stored: []int{10, 100}, active: 50, sockets: 20,
		grants: 200, signedIn: 100, bookings: 10,
		stream: 1 << 20, idle: 200 * time.Millisecond,
	}
}
