// Package pages draws what a person sees of the gateway itself: the login page,
// their account, the questions before signing out and disconnecting, what to show
// to an administrator, the page that connects a room, the pages that say what
// went wrong, and those for whoever operates the gateway.
//
// It owns the templates, the stylesheet, the mark and every sentence on them, in
// English, Traditional and Simplified Chinese; operators read English alone. signin calls it with what is to
// be said; pages decides in which words, and sets the headers that keep the page
// safe to show (Content-Security-Policy and its kin). It is pure: no store, no
// network, no session, and it imports no other package of ours than status, whose
// picture it draws.
package pages
