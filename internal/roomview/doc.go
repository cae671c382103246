// Package roomview keeps in memory what the calendars of connected rooms show, as
// fresh as somebody needs it: a room's mailbox can't be subscribed to with delegated
// permissions (https://learn.microsoft.com/graph/outlook-change-notifications-overview),
// so it is read, by its changes, with the tokens of the account that the room is
// connected with.
//
// Each gateway keeps its own picture of each room. Nothing of it is stored, and the
// subjects of private events are not even kept.
package roomview
