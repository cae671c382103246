// Package seed fills the store of a gateway that is stopped, as that would have filled it
// itself in years. It is for what is measured; everything goes the gateway's own ways, but
// many commits at once.
package seed
