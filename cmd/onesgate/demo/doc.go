// Package demo runs everything on one machine: the gateway, a simulated
// Microsoft 365 and a sample ONES, all on loopback, with nothing to configure.
package demo
