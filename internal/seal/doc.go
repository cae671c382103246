// Package seal encrypts what must not lie in the store as plain text: refresh
// tokens above all.
//
// It owns the [Keyset]: where it comes from (a [Source]), the rotation of its
// keys, and the authenticated encryption of one record under it, bound to what
// the record is (its kind) and whose it is (its id). The grant keeper, the
// sign-in cookies and the key of the assertion go through it; the application
// creates or loads the one keyset.
//
// Keys are rotated without a pause, and on any number of gateways, in this order
// (https://developers.google.com/tink/design/keysets says why):
//
//  1. Add a key. Let every gateway take the changed keyset: it can open now what
//     another one will seal with the new key.
//  2. Promote it. Let every gateway take the keyset: none seals with the old key
//     any more.
//  3. Seal anew what the old key has sealed; the records' owners do that.
//  4. Retire the old key, once no record is sealed with it and the oldest backup
//     that may be restored is younger than step 3. Let every gateway take the keyset.
//
// A step too early makes records that some gateway can't open until it has taken
// the keyset, or until the key is enabled again: no step takes a key away.
//
// It never keeps what it seals, knows no store, and shows no key to anybody:
// not in an error, not in a log, not through fmt.
package seal
