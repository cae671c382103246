package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/page"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A visitor is somebody with whom a request goes on.
type visitor struct {
	account
	browser string // its record's id
	tenant  *world.Tenant
	person  *world.Person
	// interactive: they have done something, and not only been recognised.
	interactive bool
	// accepted: they consent, for the whole organization or for themselves.
	accepted, organization bool
}

// interact lets somebody sign in and consent: it shows a page, or goes on by
// what was chosen on one, or by who is signed in at the browser.
func (l *Login) interact(c *front.Call, req *request) front.Reply {
	if c.Method == http.MethodPost {
		return l.answered(c, req)
	}
	here := l.signedIn(c, req)
	switch {
	case req.prompt == "none" && len(here) == 0:
		return l.back(c, req, refuse(50058))
	case req.prompt == "none" && len(here) > 1:
		return l.back(c, req, refuse(16000))
	case req.prompt == "none":
		return l.proceed(c, req, here[0])
	case req.prompt == "login", req.prompt == "select_account", len(here) != 1,
		l.world.AccountChooser == world.ChooserAlways && req.loginHint == "":
		return l.chooser(c, req)
	}
	return l.proceed(c, req, here[0])
}

// A candidate is somebody who may be asked for.
type candidate struct {
	tenant *world.Tenant
	person *world.Person
}

// candidates are the accounts that an authority and a domain_hint leave.
func (l *Login) candidates(c *front.Call, req *request) []candidate {
	var all []candidate
	for _, t := range l.tenants(c, req.authority) {
		if req.domainHint != "" && !strings.EqualFold(req.domainHint, t.Domain) && !strings.EqualFold(req.domainHint, organizations) {
			continue
		}
		for _, p := range t.Accounts() {
			if !l.standings.Get(p.ID).Deleted {
				all = append(all, candidate{t, p})
			}
		}
	}
	return all
}

// hinted says whether a login_hint means somebody: by address, or by the claim
// of that name.
func hinted(hint string, p *world.Person) bool {
	return strings.EqualFold(hint, p.Mail) || hint == loginHint(p)
}

// signedIn are the accounts at the browser that the request may mean.
func (l *Login) signedIn(c *front.Call, req *request) []visitor {
	var here []visitor
	id, b := l.browser(c)
	for _, who := range l.candidates(c, req) {
		i := slices.IndexFunc(b.Accounts, account{TenantID: who.tenant.ID, PersonID: who.person.ID}.same)
		if i >= 0 && (req.loginHint == "" || hinted(req.loginHint, who.person)) {
			here = append(here, visitor{account: b.Accounts[i], browser: id, tenant: who.tenant, person: who.person})
		}
	}
	return here
}

// answered carries out what was chosen on one of the pages.
func (l *Login) answered(c *front.Call, req *request) front.Reply {
	if err := l.crossSite.Check(c.Request); err != nil {
		return front.Text(http.StatusForbidden, "the page was answered from another site: "+err.Error())
	}
	form, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return front.Text(http.StatusBadRequest, "the form can't be read: "+err.Error())
	}
	if form.Has("cancel") {
		return l.back(c, req, refuse(65004))
	}
	everybody := l.candidates(c, req)
	i := slices.IndexFunc(everybody, func(who candidate) bool { return strings.EqualFold(who.person.Mail, form.Get("account")) })
	if i < 0 {
		return refuse(50034).about("It is %q.", form.Get("account")).page(c)
	}
	v := visitor{tenant: everybody[i].tenant, person: everybody[i].person, interactive: true}
	if form.Get("consent") != "accept" {
		if refusal := l.barred(v.person, req.app); refusal != nil {
			return l.stop(c, req, refusal) // and is not signed in
		}
		var cookie string
		v.account, v.browser, cookie = l.signIn(c, v.tenant, v.person)
		rep := l.proceed(c, req, v)
		if cookie != "" {
			rep = rep.With("Set-Cookie", cookie)
		}
		return rep
	}
	id, b := l.browser(c)
	found := slices.IndexFunc(b.Accounts, account{TenantID: v.tenant.ID, PersonID: v.person.ID}.same)
	if found < 0 {
		return l.chooser(c, req)
	}
	v.browser = id
	v.account, v.accepted, v.organization = b.Accounts[found], true, form.Get("organization") != ""
	return l.proceed(c, req, v)
}

// proceed goes on with somebody until a code is issued, or something has to be
// asked or refused.
func (l *Login) proceed(c *front.Call, req *request, v visitor) front.Reply {
	if refusal := l.barred(v.person, req.app); refusal != nil {
		return l.stop(c, req, refusal)
	}
	if refusal := l.held(req, v); refusal != nil {
		if refusal.class == userActs && req.prompt != "none" {
			return l.chooser(c, req) // signing in will do
		}
		return l.stop(c, req, refusal)
	}
	if req.admin {
		return l.consentForAll(c, req, v)
	}
	if v.accepted {
		if refusal := l.accept(req, v); refusal != nil {
			return l.stop(c, req, refusal)
		}
	}
	scopes, lacking := req.scopes.resolve(l.consented(v.tenant, req.app, v.person), req.app)
	if len(lacking) == 0 && (req.prompt != "consent" || v.accepted) {
		return l.issueCode(c, req, v, scopes)
	}
	if req.prompt == "none" {
		return l.back(c, req, refuse(65001).silently())
	}
	if refusal := mayConsent(v.tenant, req.app, v.person); refusal != nil {
		return l.stop(c, req, refusal.about("The app %s asks for %q in %s.", req.app.Name, req.scopes.all(req.app), v.tenant.Name))
	}
	return l.consentPage(req, v)
}

// held says what keeps somebody from coming in now, or nil. Whoever has signed in
// just now has done what is wanted of users.
func (l *Login) held(req *request, v visitor) *failure {
	if now := l.standings.Get(v.person.ID); now.Condition != 0 {
		refusal := refuse(now.Condition)
		if refusal.class != userActs || !v.interactive {
			return refusal
		}
		now.Condition = 0
		l.standings.Put(v.person.ID, now)
	}
	if step := req.claims.stepUp(); len(step.AccessToken) > 0 && !v.interactive {
		refusal := refuse(50076)
		refusal.claims = step.String()
		return refusal
	}
	return nil
}

// barred says why somebody may not use an app at all, or nil.
func (l *Login) barred(p *world.Person, a *world.App) *failure {
	switch now := l.standings.Get(p.ID); {
	case now.Deleted:
		return refuse(50034).about("It is %q.", p.Mail)
	case now.Disabled:
		return refuse(50057).about("It is %q.", p.Mail)
	case a.AssignmentRequired && !p.OneOf(a.Assigned):
		return refuse(50105).about("The user is %q, the app %s.", p.Mail, a.Name)
	}
	return nil
}

// issueCode sends the browser back with a code.
func (l *Login) issueCode(c *front.Call, req *request, v visitor, scopes []string) front.Reply {
	value := "1." + newToken(720) // as long as the real ones, to find narrow limits
	l.codes.Put(fingerprint(value), code{
		grant: grant{
			TenantID: v.tenant.ID, ClientID: req.app.ClientID, PersonID: v.person.ID, Scopes: scopes, SID: v.SID,
			Expires: c.Now.Add(codeLifetime), SignIn: req.claims.String(),
		},
		Authority: req.authority.id(), RedirectURI: req.redirectURI, Nonce: req.nonce,
		Challenge: req.challenge, ChallengeMethod: req.challengeMethod,
	})
	l.use(c.Now, v.browser, v.account, req.app)
	return l.toApp(c, req, url.Values{"code": {value}, "session_state": {v.SID}})
}

type chooserPage struct {
	Tenant, App string
	People      []choice
	Scopes      []string
}

// A choice is one account of the chooser.
type choice struct {
	ID, Initials, Name, Mail, Note string
	Hinted                         bool
}

// chooser asks which account to use.
func (l *Login) chooser(c *front.Call, req *request) front.Reply {
	data := chooserPage{Tenant: "Work or school account", App: req.app.Name, Scopes: req.scopes.all(req.app)}
	if req.authority.tenant != nil {
		data.Tenant = req.authority.tenant.Name
	}
	for _, who := range l.candidates(c, req) {
		local, _, _ := strings.Cut(who.person.Mail, "@")
		one := choice{ID: "account-" + local, Initials: initials(who.person.Name), Name: who.person.Name, Mail: who.person.Mail}
		one.Hinted = req.loginHint != "" && hinted(req.loginHint, who.person)
		if who.person.NoMailbox {
			one.Note = "no mailbox"
		}
		data.People = append(data.People, one)
	}
	return page.Render(http.StatusOK, "chooser", "Pick an account", data)
}

func initials(name string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(name) {
		if b.Len() < 8 {
			b.WriteRune([]rune(word)[0])
		}
	}
	return b.String()
}
