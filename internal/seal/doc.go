// Package seal encrypts what must not lie in the store as plain text: refresh
// tokens above all.
//
// It owns the [Keyset]: the file that holds it, and the authenticated
// encryption of one record under it, bound to what the record is (its kind) and
// whose it is (its id). The grant keeper, the sign-in cookies and the key of the
// assertion go through it; the application creates or loads the one keyset.
//
// It never keeps what it seals, knows no store, and shows no key to anybody:
// not in an error, not in a log, not through fmt.
package seal
