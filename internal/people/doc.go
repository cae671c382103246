// Package people keeps the persons who have signed in at least once: who ONES
// may book for, found by id, e-mail address or card number.
//
// A sign-in writes here; bookings on behalf of somebody look up here, and note that
// they were seen. An erasure begins and ends here. It holds no session and no token.
package people
