// Package setup turns the fields of the ONES manual's page «Delegated permission» into
// what an operator needs to begin: a Caddyfile, the environment of the service, and what
// has to be registered at Microsoft, as a list and as a script for the Azure CLI. It
// asks for the fields in the manual's order, or reads them from a file.
//
// What is right in a Caddyfile is not known here: a Gateway says it.
package setup
