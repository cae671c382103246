// Command bench measures onesgate against what it is built on and against what
// operators would otherwise run: stock Caddy, Apache with mod_auth_openidc,
// oauth2-proxy; and bare nginx, as the floor.
//
// The program that is measured has a core of its own; this one is, on another core,
// Microsoft 365, ONES, and all browsers. What is compared is measured by turns, in
// rounds. First comes the CPU time per request, which depends least on everything else.
//
// With -pgo it writes a profile of a mixed load, for profile-guided optimisation.
package main
