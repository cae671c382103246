// Package trail follows what is done for one request, from whoever has sent it to
// Microsoft and back: by its id, which stands in our log, in answers and at
// Microsoft, and as spans of OpenTelemetry where somebody traces.
//
// A trail travels in a context. What goes on after the answer takes it up again by
// its Mark. Nothing here says who somebody is. It imports no other package of ours,
// and is the only one inside that knows OpenTelemetry.
package trail
