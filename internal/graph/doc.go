// Package graph speaks with Microsoft Graph's calendars over net/http: limits
// per mailbox, retries where they are safe, bounded answers, and errors by
// their codes.
//
// It keeps nothing; whoever calls it says whose token to use, and may observe its
// calls. Of ours it imports trail alone, by which calls are followed.
package graph
