// Package signin is the browser's way in: the pages and endpoints under
// /.ones/, the sign-in flow with Microsoft, and the gate that every request to
// ONES passes.
//
// The gate strips forged identity headers, lets public paths through as
// anonymous, and sets the headers of the signed-in person. Sign-in ends with a
// session, a person in the directory and a saved grant. It knows net/http only,
// nothing of the server around it.
package signin
