// Package exchange simulates the mailboxes behind Microsoft Graph: calendars,
// meetings with a copy for each attendee, series, and the attendants that answer
// for rooms. It knows no HTTP; package msgraph is its face. Nothing here may be
// used concurrently: the simulator's door lets one call in at a time.
//
// Not simulated: mail. Who is told what by mail shows only in calendars.
package exchange
