// Package passthrough lets ONES call Microsoft Graph through the gateway, as a
// person who has connected once: calendar calls of that person only.
//
// What may pass is decided on a normalised copy of a call (path.go, rules.go,
// query.go); what goes to Graph are the bytes that came. What is not known is
// refused. A batch is never sent on as one: its calls are decided on and carried
// out one by one (batch.go), so that nothing in it could be read in two ways, and
// the limits of a mailbox count for each. Links in answers point back here, and to
// Graph again in a body that is sent back with them (links.go).
package passthrough
