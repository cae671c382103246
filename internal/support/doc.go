// Package support makes the bundle that an operator sends to whoever helps them: files
// that tell how a gateway stands, without anything that lets somebody in, and without
// anything that tells who somebody is.
package support
