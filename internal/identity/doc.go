// Package identity says who somebody is and how ONES is told.
//
// It turns the claims of an ID token into a [Person], and a Person into the
// identity headers and the signed assertion that go upstream. It is pure: no
// store, no network, no clock of its own. The two lines of the house, a page
// and a booking, meet in Person and nowhere else.
package identity
