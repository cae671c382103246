// Package roompolicy writes the PowerShell that brings room mailboxes in line with
// their lines of the Caddyfile: what the ONES manual calls to apply the booking policy
// to the Microsoft 365 room. Graph can't read these settings, let alone change them,
// so an Exchange administrator has to run it.
package roompolicy
