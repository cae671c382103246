package pages

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// A Renderer writes pages. It may be used concurrently.
type Renderer struct {
	login, logout, message, account, disconnect, consent, room *template.Template

	status, people, bookings, journal *template.Template // the operator's

	style, mark, logo, statusStyle, statusScript asset
}

// NewRenderer returns a renderer of pages with that look. The templates are part of
// the program, so one that doesn't parse is a panic.
func NewRenderer(theme Theme) *Renderer {
	page := func(name string) *template.Template {
		return template.Must(template.New(name).Funcs(names).ParseFS(templateFiles,
			"templates/layout.html", "templates/"+name+".html"))
	}
	return &Renderer{
		login: page("login"), logout: page("logout"), message: page("message"), account: page("account"),
		disconnect: page("disconnect"), consent: page("consent"), room: page("room"),
		status: page("status"), people: page("people"), bookings: page("bookings"), journal: page("journal"),
		style: newAsset("text/css; charset=utf-8", ownPolicy, append(embedded("style.css"), theme.Color.css()...)),
		mark:  newAsset("image/svg+xml", ownPolicy, embedded("mark.svg")),
		logo:  newAsset(theme.Logo.contentType, logoPolicy, theme.Logo.body),

		statusStyle:  newAsset("text/css; charset=utf-8", ownPolicy, embedded("status.css")),
		statusScript: newAsset("text/javascript; charset=utf-8", ownPolicy, embedded("status.js")),
	}
}

// Login writes the login page with status 200.
func (r *Renderer) Login(w http.ResponseWriter, req *http.Request, data Login) {
	v := r.newView(req, "login")
	shown := loginView{Login: data}
	for _, b := range data.Buttons {
		if b.Label == "" {
			b.Label = v.Words.LoginUsual
			if len(data.Buttons) > 1 { // they would look alike
				b.Label += " (" + b.Name + ")"
			}
		}
		if b.Last && shown.Last == nil {
			shown.Last = &b
		} else {
			shown.Others = append(shown.Others, b)
		}
	}
	v.Title, v.Data = v.Words.LoginTitle, shown
	write(w, r.login, http.StatusOK, "'none'", v)
}

// Logout writes the page that asks before signing out, with status 200.
func (r *Renderer) Logout(w http.ResponseWriter, req *http.Request, data Logout) {
	v := r.newView(req, "logout")
	v.Title, v.Data = v.Words.LogoutTitle, data
	write(w, r.logout, http.StatusOK, formAction(data.FormAction), v)
}

// Account writes the account page with status 200.
func (r *Renderer) Account(w http.ResponseWriter, req *http.Request, data Account) {
	v := r.newView(req, "account")
	v.zone = data.Zone
	v.Title = v.Words.AccountTitle
	mendable := data.Connection == NeedsSignIn || data.Connection == NeedsConsent || data.Connection == NoMailbox
	v.Data = accountView{
		Account: data,
		SignIn:  data.SignInURL != "" && mendable,
		Consent: data.ConsentURL != "" && data.Connection == NeedsConsent,
		Several: len(data.Sessions) > 1,
	}
	write(w, r.account, http.StatusOK, formAction(data.FormAction), v)
}

// Disconnect writes the page that asks before disconnecting, with status 200.
func (r *Renderer) Disconnect(w http.ResponseWriter, req *http.Request, data Disconnect) {
	v := r.newView(req, "disconnect")
	v.Title, v.Data = v.Words.DisconnectTitle, data
	write(w, r.disconnect, http.StatusOK, formAction(data.FormAction), v)
}

// ConsentHelp writes the page that tells what an administrator has to allow. It
// is NeedsAdminConsent in full, and has its status.
func (r *Renderer) ConsentHelp(w http.ResponseWriter, req *http.Request, data ConsentHelp) {
	v := r.newView(req, NeedsAdminConsent.String())
	s := v.catalogue.messages[NeedsAdminConsent]
	v.Title = s.Title
	shown := consentView{ConsentHelp: data, sentences: s}
	for _, name := range data.Permissions {
		// A scope may be written with its resource: "https://graph.microsoft.com/User.Read".
		means := v.catalogue.permissions[name[strings.LastIndexByte(name, '/')+1:]]
		shown.Asked = append(shown.Asked, permission{name, cmp.Or(means, v.Words.PermissionOther)})
	}
	v.Data = shown
	write(w, r.consent, NeedsAdminConsent.Status(), "'none'", v)
}

// Room writes the page that connects a room: with status 200, or that of
// RoomAccountRefused if an account was refused.
func (r *Renderer) Room(w http.ResponseWriter, req *http.Request, data Room) {
	v := r.newView(req, "room")
	v.zone = data.Zone
	v.Title = fmt.Sprintf(v.Words.RoomTitle, data.Title)
	s, status := v.catalogue.messages[RoomAccountRefused], http.StatusOK
	if data.Refused != "" {
		status = RoomAccountRefused.Status()
	}
	v.Data = roomView{Room: data, Refusal: s}
	write(w, r.room, status, formAction(data.FormAction), v)
}

// Message writes a message page with the status of its kind.
func (r *Renderer) Message(w http.ResponseWriter, req *http.Request, data Message) {
	kind := kinds[data.Kind]
	v := r.newView(req, kind.name)
	s := v.catalogue.messages[data.Kind]
	v.Title = s.Title
	if len(data.Actions) == 0 {
		data.Actions = []Action{{ActionHome, "/"}}
	}
	v.Data = messageView{Message: data, sentences: s, Helper: v.catalogue.faults[kind.fault]}
	write(w, r.message, data.Kind.Status(), "'none'", v)
}
