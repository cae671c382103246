package pages

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// names are the phrases that templates name themselves.
var names = template.FuncMap{
	"ActionSignIn":       func() Text { return ActionSignIn },
	"ActionOtherAccount": func() Text { return ActionOtherAccount },
	"ActionHome":         func() Text { return ActionHome },
	"ActionAccount":      func() Text { return ActionAccount },
	"ActionAskAdmin":     func() Text { return ActionAskAdmin },
}

// view is what every template sees.
type view struct {
	Lang      Lang
	Kind      string // which page this is, for data-kind
	Title     string
	StylePath string
	MarkPath  string
	LogoPath  string // "": the mark instead
	// Operator says that the page is for operators: wide, in English, with a script.
	Operator  bool
	Data      any
	Words     *words
	catalogue *catalogue
	zone      *time.Location // nil: UTC
}

func (r *Renderer) newView(req *http.Request, kind string) *view {
	return r.newViewIn(Match(req.Header.Get("Accept-Language")), kind)
}

func (r *Renderer) newViewIn(lang Lang, kind string) *view {
	c := catalogues[lang]
	v := &view{
		Lang: lang, Kind: kind, StylePath: StylePath, MarkPath: MarkPath,
		Words: &c.words, catalogue: c,
	}
	if r.HasLogo() {
		v.LogoPath = LogoPath
	}
	return v
}

// StatusPath and its like are for the operator's pages.
func (*view) StatusPath() string { return StatusPath }

// StatusStylePath: see StatusPath.
func (*view) StatusStylePath() string { return StatusStylePath }

// StatusScriptPath: see StatusPath.
func (*view) StatusScriptPath() string { return StatusScriptPath }

// StatusPeoplePath: see StatusPath.
func (*view) StatusPeoplePath() string { return StatusPeoplePath }

// StatusBookingsPath: see StatusPath.
func (*view) StatusBookingsPath() string { return StatusBookingsPath }

// Text is a phrase in the reader's language.
func (v *view) Text(t Text) string { return v.catalogue.texts[t] }

// Notice is a notice in the reader's language, "" for none.
func (v *view) Notice(n Notice) string { return v.catalogue.notices[n] }

// Standing and RoomStanding say how somebody's and a room's connection stand.
func (v *view) Standing(c Connection) standing { return standingOf(v.catalogue.connections, c) }

// RoomStanding: see Standing.
func (v *view) RoomStanding(c Connection) standing { return standingOf(v.catalogue.rooms, c) }

// standingOf returns the words for a connection; one that is not known is Unavailable.
func standingOf(words map[Connection]standing, c Connection) standing {
	if s, ok := words[c]; ok {
		return s
	}
	return words[Unavailable]
}

// A moment is a time for programs and for people.
type moment struct{ ISO, Text string }

// Moment writes a time in the reader's language and the page's zone, which it names.
func (v *view) Moment(t time.Time) moment {
	zone := v.zone
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	name := "UTC"
	if _, offset := t.Zone(); offset != 0 {
		name = t.Format("UTC-07:00")
	}
	return moment{t.Format(time.RFC3339), t.Format(v.catalogue.time) + " " + name}
}

// loginView is the login page with its buttons in the order they are shown.
type loginView struct {
	Login
	Last   *Button // nil: none was used last
	Others []Button
}

// accountView is an account with what follows from it.
type accountView struct {
	Account
	SignIn, Consent bool // whether these links are of use
	Several         bool // there are sessions besides this one
}

// consentView is the help with its sentences.
type consentView struct {
	ConsentHelp
	sentences
	Asked []permission
}

// A permission is a scope and what an administrator is told of it.
type permission struct{ Name, Means string }

// roomView is a room with what is said of a refused account.
type roomView struct {
	Room
	Refusal sentences
}

// messageView is a message with its sentences.
type messageView struct {
	Message
	sentences
	Helper string
}

// write renders the page first and sends it then, so that nobody gets half a page.
func write(w http.ResponseWriter, t *template.Template, status int, formAction string, v *view) {
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, "layout", v); err != nil {
		// Data is typed and the tests render every page: only a defect gets here.
		http.Error(w, "The page could not be drawn.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.Lang))
	h.Add("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	// Nothing is inline, so no nonce is needed: no style and no script but those
	// the policy names, and it names no script, but on the operator's pages.
	policy := "default-src 'none'; "
	if v.Operator {
		policy += "script-src 'self'; connect-src 'self'; "
	}
	h.Set("Content-Security-Policy", policy+"style-src 'self'; img-src 'self'; form-action "+
		formAction+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", referrer(formAction))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the browser has gone: nobody to tell
}

// referrer is the policy of a page: the address of none is told to anybody, but a
// page with a form has to name its origin, or the browser sends "Origin: null"
// and the form is taken for another site's (Fetch, "Origin" header).
func referrer(formAction string) string {
	if formAction == "'none'" {
		return "no-referrer"
	}
	return "same-origin"
}

// formAction is the value of the directive: our own origin and those given. What
// is not an http(s) origin is left out, so that nothing given can end the
// directive and begin another.
func formAction(origins []string) string {
	value := "'self'"
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" ||
			strings.ContainsAny(u.Host, ";, '\"*") {
			continue
		}
		value += " " + u.Scheme + "://" + u.Host
	}
	return value
}
