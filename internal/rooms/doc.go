// Package rooms keeps which Microsoft account each room is connected with, so
// that a room's calendar can be reached while no person asks.
//
// The account's tokens lie with the grants, under an owner that is no person's
// id, and change in one commit with what is told of them here. Admins connect
// and disconnect rooms; who may be connected is decided there.
package rooms
