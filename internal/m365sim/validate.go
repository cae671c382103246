package m365sim

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

var optionalClaims = []string{
	"email", "extn.pager", "groups", "login_hint", "name", "preferred_username", "roles", "sid",
}

// findings collects what is wrong with a configuration, each with its place.
type findings struct {
	errs  []error
	taken map[string]string // what must be unique -> where it stands
}

func (f *findings) add(place, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(place+": "+format, args...))
}

func (f *findings) unique(place, kind, value string) {
	key := kind + " " + strings.ToLower(value)
	if other, is := f.taken[key]; is {
		f.add(place, "%s %q stands in %s too; it has to be unique", kind, value, other)
	}
	f.taken[key] = place
}

func (f *findings) guid(place, kind, value string) {
	if !guid.MatchString(value) {
		f.add(place, "%s %q is not a GUID; write it as 11111111-2222-3333-4444-555555555555", kind, value)
	}
	f.unique(place, kind, value)
}

func (f *findings) address(place, value string) {
	if local, domain, _ := strings.Cut(value, "@"); local == "" || domain == "" || strings.ContainsAny(value, " <>\"") {
		f.add(place, "%q is not a mail address", value)
	}
	f.unique(place, "address", value)
}

// validate returns everything that is wrong, joined.
func (c Config) validate() error {
	f := &findings{taken: map[string]string{}}
	if !slices.Contains([]string{"", ScopesSuperset, ScopesTables}, c.Scopes) {
		f.add("scopes", "%q is unknown; write %s or %s", c.Scopes, ScopesSuperset, ScopesTables)
	}
	if len(c.Tenants) == 0 {
		f.add("tenants", "there is none; add one")
	}
	for i, t := range c.Tenants {
		t.validate(f, fmt.Sprintf("tenants[%d]", i))
	}
	return errors.Join(f.errs...)
}

func (t Tenant) validate(f *findings, place string) {
	f.guid(place+".id", "tenant id", t.ID)
	f.unique(place+".domain", "domain", t.Domain)
	if t.Domain == "" || strings.Contains(t.Domain, "/") {
		f.add(place+".domain", "%q is not a domain name", t.Domain)
	}
	for i, a := range t.Apps {
		a.validate(f, fmt.Sprintf("%s.apps[%d]", place, i))
	}
	for i, p := range t.People {
		at := fmt.Sprintf("%s.people[%d]", place, i)
		f.guid(at+".oid", "object id", p.ID)
		f.address(at+".mail", p.Mail)
	}
	for i, r := range t.Rooms {
		at := fmt.Sprintf("%s.rooms[%d]", place, i)
		f.address(at+".address", r.Address)
		if _, err := time.LoadLocation(r.TimeZone); err != nil || r.TimeZone == "" {
			f.add(at+".time_zone", "%q is not an IANA zone; write one such as Asia/Hong_Kong", r.TimeZone)
		}
		if r.AnswerDelay < 0 {
			f.add(at+".answer_delay", "it is negative")
		}
	}
	for i, m := range t.Events {
		t.validateMeeting(f, fmt.Sprintf("%s.events[%d]", place, i), m)
	}
}

func (t Tenant) validateMeeting(f *findings, place string, m Meeting) {
	if p := t.person(m.Organizer); p == nil || p.NoMailbox {
		f.add(place+".organizer", "nobody with a mailbox has the address %q", m.Organizer)
	}
	if t.room(m.Room) == nil {
		f.add(place+".room", "no room has the address %q", m.Room)
	}
	start, err1 := time.Parse(clockTime, m.Start)
	end, err2 := time.Parse(clockTime, m.End)
	if err1 != nil || err2 != nil || !end.After(start) {
		f.add(place, "start %q and end %q are not two times of a day such as 09:00 and 10:30", m.Start, m.End)
	}
}

func (a App) validate(f *findings, place string) {
	f.guid(place+".client_id", "client id", a.ClientID)
	if len(a.Secrets) == 0 {
		f.add(place+".secrets", "there is none; a web app needs one")
	}
	for i, s := range a.Secrets {
		if s.Value == "" || s.Value == s.ID {
			f.add(fmt.Sprintf("%s.secrets[%d]", place, i), "the value is empty or the same as the id")
		}
	}
	for i, u := range a.RedirectURIs {
		if why := badRedirectURI(u); why != "" {
			f.add(fmt.Sprintf("%s.redirect_uris[%d]", place, i), "%q %s", u, why)
		}
	}
	for i, s := range a.Scopes {
		if s == "" || strings.ContainsAny(s, " /") {
			f.add(fmt.Sprintf("%s.scopes[%d]", place, i), "%q is not a bare scope name such as Calendars.ReadWrite.Shared", s)
		}
	}
	for i, c := range a.OptionalClaims {
		if !slices.Contains(optionalClaims, c) {
			f.add(fmt.Sprintf("%s.optional_claims[%d]", place, i), "%q is unknown; there are %s", c, strings.Join(optionalClaims, ", "))
		}
	}
	if a.AccessTokenLifetime < 0 {
		f.add(place+".access_token_lifetime", "it is negative")
	}
}

// badRedirectURI says what the app registration page would object to
// (https://learn.microsoft.com/entra/identity-platform/reply-url), or "".
func badRedirectURI(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return "is not an absolute URL"
	case u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1"):
		return "has to begin with https://, or http://localhost"
	case len(s) > 256:
		return "is longer than 256 characters"
	case strings.ContainsAny(s, "!$'(),;*#"):
		return "has one of the characters that are not allowed: ! $ ' ( ) , ; * #"
	case u.Path == "":
		return "has no path"
	}
	return ""
}

// sameRedirectURI says whether a redirect URI is a registered one: equal, but
// for the port of http://localhost.
func sameRedirectURI(registered, given string) bool {
	if registered == given {
		return true
	}
	r, err1 := url.Parse(registered)
	g, err2 := url.Parse(given)
	if err1 != nil || err2 != nil || r.Scheme != "http" || r.Hostname() != "localhost" || g.Hostname() != "localhost" {
		return false
	}
	r.Host, g.Host = "localhost", "localhost"
	return r.String() == g.String()
}

func (a App) allowsRedirect(uri string) bool {
	return slices.ContainsFunc(a.RedirectURIs, func(r string) bool { return sameRedirectURI(r, uri) })
}
