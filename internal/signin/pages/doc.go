// Package pages draws what a person sees of the gateway itself: the login page,
// their account, the questions before signing out and disconnecting, what to show
// to an administrator, the page that connects a room, and the pages that say what
// went wrong.
//
// It owns the templates, the stylesheet, the mark and every sentence on them, in
// English, Traditional and Simplified Chinese. signin calls it with what is to
// be said; pages decides in which words, and sets the headers that keep the page
// safe to show (Content-Security-Policy and its kin). It is pure: no store, no
// network, no session, and it imports no other package of ours.
package pages
