// Package offboard sees people off: it disconnects somebody, erases all that is kept of
// somebody who leaves, and forgets those who have not been seen for long.
//
// What is kept of people lies in the rooms of others, each of which removes its own part;
// here is the order in which they do, such that an erasure that breaks off anywhere is
// found and ended later. The account page, the admin API and a daily walk call it.
package offboard
