// Package reference makes a page for people out of an API's OpenAPI document: each
// call with its parameters, bodies, answers and an example for curl.
//
// The booking API calls it once. The page is one file without scripts: it needs no
// other address, and works wherever a proxy puts it.
package reference
