// Package backup writes all records of a store into one encrypted stream, and
// brings them into an empty store again, whichever engines the two stand on.
//
// A stream is a header, the records of one moment in the order of their keys,
// and a trailer with their number and hash, all of it encrypted with age
// (https://age-encryption.org/v1): nobody reads or changes it without the key,
// and one that was cut off is recognised. Nothing is compressed: what matters in
// it is sealed already.
//
// It knows records and no more. What a record means, and so which ones are
// better not brought back, is said by a [Rule] of the caller.
package backup
