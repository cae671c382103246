// Package doctor looks at a gateway and what it stands on, and says in plain words what
// is wrong and how to mend it: the checks of "onesgate ones doctor".
//
// A check is a name, how it is done, and a function that returns findings. Run carries
// checks out side by side, each within a time of its own; one that fails holds up
// only those that can't mean anything without it. What can be wrong is a [Kind], all of
// which are in [Kinds]; docs/doctor.md has a paragraph about each.
//
// Nothing here changes anything: no record is written, no file is made, no booking is
// sent. No finding holds a secret.
package doctor
