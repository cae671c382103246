package world

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// GUID is how ids of tenants, apps and people look.
var GUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// OptionalClaims are those that are made of what the directory knows; any other
// one has to stand in somebody's Claims.
var OptionalClaims = []string{
	"acct", "email", "extn.pager", "family_name", "given_name", "groups", "login_hint", "roles", "sid", "upn", "xms_edov",
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
	if !GUID.MatchString(value) {
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
	if !slices.Contains([]string{"", ChooserAlways}, c.AccountChooser) {
		f.add("account_chooser", "%q is unknown; write %s or leave it out", c.AccountChooser, ChooserAlways)
	}
	c.Throttling.validate(f)
	if len(c.Tenants) == 0 {
		f.add("tenants", "there is none; add one")
	}
	for i, t := range c.Tenants {
		t.validate(f, fmt.Sprintf("tenants[%d]", i))
	}
	return errors.Join(f.errs...)
}

func (t Throttling) validate(f *findings) {
	if t.Concurrent < 0 || t.Requests < 0 || t.Window < 0 {
		f.add("throttling", "a limit is negative")
	}
	if !slices.Contains([]string{"", "seconds", "fraction", "date", "none"}, t.RetryAfter) {
		f.add("throttling.retry_after", "%q is unknown; write seconds, fraction, date or none", t.RetryAfter)
	}
}

func (t Tenant) validate(f *findings, place string) {
	f.guid(place+".id", "tenant id", t.ID)
	f.unique(place+".domain", "domain", t.Domain)
	if t.Domain == "" || strings.Contains(t.Domain, "/") {
		f.add(place+".domain", "%q is not a domain name", t.Domain)
	}
	if t.Cloud != "" && !slices.ContainsFunc(clouds, func(c cloudPaths) bool { return c.name == t.Cloud }) {
		f.add(place+".cloud", "%q is unknown; write microsoft, 21vianet, us_gov or us_gov_dod", t.Cloud)
	}
	if !slices.Contains([]string{"", ConsentAllowed}, t.UserConsent) {
		f.add(place+".user_consent", "%q is unknown; write %s or leave it out", t.UserConsent, ConsentAllowed)
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
		r.validate(f, fmt.Sprintf("%s.rooms[%d]", place, i))
	}
	t.makeIndex()
	for i, p := range t.People {
		t.validateShares(f, fmt.Sprintf("%s.people[%d]", place, i), p.Shares)
	}
	for i, r := range t.Rooms {
		at := fmt.Sprintf("%s.rooms[%d]", place, i)
		t.validateShares(f, at, r.Shares)
		for j, d := range r.Rules().Delegates {
			if t.Mailbox(d) == "" {
				f.add(fmt.Sprintf("%s.processing.resource_delegates[%d]", at, j), "nobody with a mailbox has the address %q", d)
			}
		}
	}
	for i, m := range t.Events {
		t.validateMeeting(f, fmt.Sprintf("%s.events[%d]", place, i), m)
	}
}

func (r Room) validate(f *findings, place string) {
	f.unique(place+".id", "room id", r.ID)
	if r.ID == "" {
		f.add(place+".id", "it is empty; write a short name such as boardroom")
	}
	f.address(place+".address", r.Address)
	if r.Account != "" {
		f.guid(place+".account", "object id", r.Account)
	}
	if r.Capacity < 0 {
		f.add(place+".capacity", "it is negative")
	}
	if _, err := time.LoadLocation(r.TimeZone); err != nil || r.TimeZone == "" {
		f.add(place+".time_zone", "%q is not an IANA zone; write one such as Asia/Hong_Kong", r.TimeZone)
	}
	if r.AnswerDelay < 0 {
		f.add(place+".answer_delay", "it is negative")
	}
	rules := r.Rules()
	if !slices.Contains([]string{AutoAccept, AutoUpdate, AutoNone}, rules.Automate) {
		f.add(place+".processing.automate_processing", "%q is unknown; write %s, %s or %s", rules.Automate, AutoAccept, AutoUpdate, AutoNone)
	}
	if rules.BookingWindowDays < 0 || rules.BookingWindowDays > 1080 {
		f.add(place+".processing.booking_window_in_days", "%d is not between 0 and 1080", rules.BookingWindowDays)
	}
	if rules.MaximumMinutes < 0 || rules.ConflictInstances < 0 || rules.ConflictPercentage < 0 || rules.ConflictPercentage > 100 {
		f.add(place+".processing", "a number is negative, or a percentage above 100")
	}
}

func (t Tenant) validateShares(f *findings, place string, shares []Share) {
	for i, s := range shares {
		if !slices.Contains(roles, s.Role) {
			f.add(fmt.Sprintf("%s.shares[%d].role", place, i), "%q is unknown; there are %v", s.Role, roles)
		}
		if s.With == "" {
			f.add(fmt.Sprintf("%s.shares[%d].with", place, i), "it is empty; write an address, the name of a group, or default")
		} else if !strings.EqualFold(s.With, "default") && !slices.ContainsFunc(t.People, func(p Person) bool { return p.OneOf([]string{s.With}) }) {
			f.add(fmt.Sprintf("%s.shares[%d].with", place, i), "nobody has the address %q or is in a group of that name; everybody is called default", s.With)
		}
	}
}

func (t Tenant) validateMeeting(f *findings, place string, m Meeting) {
	if p := t.Person(m.Organizer); p == nil || p.NoMailbox {
		f.add(place+".organizer", "nobody with a mailbox has the address %q", m.Organizer)
	}
	if t.Room(m.Room) == nil {
		f.add(place+".room", "no room has the address %q", m.Room)
	}
	start, err1 := time.Parse(ClockTime, m.Start)
	end, err2 := time.Parse(ClockTime, m.End)
	if err1 != nil || err2 != nil || !end.After(start) {
		f.add(place, "start %q and end %q are not two times of a day such as 09:00 and 10:30", m.Start, m.End)
	}
}

func (a App) validate(f *findings, place string) {
	f.guid(place+".client_id", "client id", a.ClientID)
	if len(a.Secrets)+len(a.Certificates)+len(a.FederatedCredentials) == 0 {
		f.add(place+".secrets", "there is no secret, certificate or federated credential; a web app needs one")
	}
	for i, c := range a.Certificates {
		if _, err := ParseCertificate(c); err != nil {
			f.add(fmt.Sprintf("%s.certificates[%d]", place, i), "%v", err)
		}
	}
	for i, c := range a.FederatedCredentials {
		if c.Issuer == "" || c.Subject == "" || c.Audience == "" || len(c.JWKS) == 0 {
			f.add(fmt.Sprintf("%s.federated_credentials[%d]", place, i), "it needs an issuer, a subject, an audience and the jwks of the issuer")
		}
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
	if a.AccessTokenLifetime < 0 {
		f.add(place+".access_token_lifetime", "it is negative")
	}
}

// ParseCertificate reads an app's certificate. Entra takes RSA keys only.
func ParseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it is no certificate in PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if _, rsaKey := cert.PublicKey.(*rsa.PublicKey); !rsaKey {
		return nil, errors.New("its key is not an RSA key")
	}
	return cert, nil
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

// AllowsRedirect says whether a redirect URI is one of the app's.
func (a *App) AllowsRedirect(uri string) bool {
	return slices.ContainsFunc(a.RedirectURIs, func(r string) bool { return sameRedirectURI(r, uri) })
}
