package pages

import "time"

// Login is the page that offers the integrations to sign in with.
type Login struct {
	Buttons []Button
	// Notice says why the page is shown, if that needs saying.
	Notice Notice
}

// A Button starts a sign-in.
type Button struct {
	// Name is the integration's; the button's id is "login-" and the name.
	Name string
	// Label is the operator's text, the same in every language; "": the usual one, in
	// the reader's.
	Label string
	// URL is where the button leads.
	URL string
	// Last is the one used last in this browser. It is shown first and the others
	// below it, less prominent.
	Last bool
}

// Logout is the page that asks before it signs somebody out.
type Logout struct {
	Name, Email string
	// Action is where the form is posted to.
	Action string
	// FormAction lists the origins, besides our own, that the POST may be
	// redirected to. Chromium applies form-action to redirects as well, and the
	// answer to this form leads to Microsoft's end_session_endpoint.
	FormAction []string
}

// Account is the page that shows somebody how they stand with Microsoft 365, and
// where they are signed in.
type Account struct {
	// Person is the id of who is shown it, by which a form is known that was shown to
	// somebody else.
	Person      string
	Name, Email string
	// Integration is its name: where the account comes from.
	Integration string
	Connection  Connection
	// SignInURL renews the connection; ConsentURL leads to ConsentHelp, "": there
	// is no such page.
	SignInURL, ConsentURL string
	// Sessions are shown in the order given.
	Sessions []AccountSession
	// EndAction takes the form that ends one session: its field "session" is the ID.
	EndAction string
	// EndAllAction takes the form that ends several: its field "which" is "others",
	// or "all" for this one as well.
	EndAllAction string
	// DisconnectURL leads to the page that asks before it disconnects. "": the
	// connection can't be ended here.
	DisconnectURL string
	// LogoutAction takes the form that signs out of this browser.
	LogoutAction string
	// FormAction is as in Logout: signing out may lead to Microsoft.
	FormAction []string
	// Admin is somebody who may connect rooms; Rooms is shown to them only.
	Admin bool
	Rooms []AccountRoom
	// Zone is that of the times in the page; nil: UTC.
	Zone *time.Location
}

// An AccountSession is a browser that somebody is signed in with.
type AccountSession struct {
	// ID names the session in a form: not its cookie.
	ID string
	// Browser is what can be told of it, "Chrome on Windows" say; "": nothing.
	Browser       string
	Started, Used time.Time
	// Current is the one that asks.
	Current bool
}

// An AccountRoom is a room that an admin may connect.
type AccountRoom struct {
	Title      string
	Connection Connection
	URL        string // of its page
}

// Disconnect is the page that asks before it gives up somebody's connection.
type Disconnect struct {
	// Person is as in Account.
	Person      string
	Name, Email string
	// Action is where the form is posted to; BackURL leads away.
	Action, BackURL string
	// FormAction is as in Logout: the answer may lead to a sign-in.
	FormAction []string
}

// ConsentHelp is the page that somebody shows to the administrator of their
// tenant, who has to allow what ONES asks for.
type ConsentHelp struct {
	// AdminURL is Microsoft's page where an administrator grants the permissions.
	AdminURL string
	// Application and Tenant are the ids by which an administrator finds them.
	Application, Tenant string
	// Permissions are the scopes asked for.
	Permissions []string
	// Detail, Reference, Correlation and Time are as in Message.
	Detail, Reference, Correlation string
	Time                           time.Time
	// TryAgainURL signs in once more; OtherAccountURL with another account. "": no link.
	TryAgainURL, OtherAccountURL string
}

// Room is the page by which an admin connects a room with an account of its own.
type Room struct {
	Title, Address string
	Connection     Connection
	// Account is the one connected, since Connected, by an admin. "": none.
	Account   string
	Connected time.Time
	By        string
	// ConnectAction takes the form that begins to connect, with nothing in it;
	// DisconnectAction the one that ends it.
	ConnectAction, DisconnectAction string
	// FormAction is as in Logout: connecting leads to Microsoft.
	FormAction []string
	// Refused is the account that has just signed in and may not stand for this
	// room. "": none was refused.
	Refused string
	// BackURL leads to the account page.
	BackURL string
	// Zone is that of the times in the page; nil: UTC.
	Zone *time.Location
}

// Message is a page that tells what happened, why, and what to do.
type Message struct {
	Kind Kind
	// Detail is a short technical word for whoever helps, "AADSTS65001" say.
	Detail string
	// Reference finds the event at Microsoft or in the log: a trace id. Correlation
	// is the id that we sent along.
	Reference, Correlation string
	// Time is when it happened, shown in UTC; the zero time is left out.
	Time time.Time
	// Actions lead on. Without any there is a link to ONES' first page.
	Actions []Action
}

// An Action is a link below a message. The first one is the main one.
type Action struct {
	Label Text
	URL   string
}
