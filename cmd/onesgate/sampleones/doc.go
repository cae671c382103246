// Package sampleones is a stand-in for ONES, to stand behind the gateway in the
// demo and in tests: a page that greets the signed-in person, shows the rooms of
// the day and books them.
//
// It knows only what ONES would know. Who asks arrives in the X-Ones-* headers;
// rooms and bookings come from the gateway's own API, called by the page's
// script from the browser. The package keeps nothing, talks to nobody, and
// trusts the headers as ONES does: it must never be reached but through the
// gateway.
package sampleones
