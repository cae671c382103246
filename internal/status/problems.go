package status

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/peers"
)

// A Problem is something that does not work or soon won't, for people. It names no
// person and no secret.
type Problem struct {
	// What it means.
	What string `json:"what"`
	// Whose it is.
	Whose Owner `json:"whose"`
	// Do is what that one has to do.
	Do string `json:"do"`
}

// An Owner is whose a problem is.
type Owner string

const (
	Operator      Owner = "operator"      // of the gateway
	Administrator Owner = "administrator" // of the tenant
	Microsoft     Owner = "microsoft"
)

// Words are for a sentence.
func (o Owner) Words() string {
	switch o {
	case Operator:
		return "yours, who operate the gateway"
	case Administrator:
		return "the tenant's administrator's"
	}
	return "Microsoft's, or the network's"
}

const replaceCredential = "make a new secret (or certificate) for the app registration in Azure, write it on a line above the old one, and " + Reloading + "; all is well again by itself then, and nobody has to sign in again"

// Reloading is how a changed secret is taken: Caddy doesn't load a configuration again that has
// not changed, and the environment of a process stays what it was.
const Reloading = "restart the service if you changed onesgate.env, which a running one does not read again; else onesgate reload --force"

const (
	correctSecret       = "correct its value (is it the secret's id, instead of its value?)"
	registerCertificate = "register its public part in Azure, under Certificates & secrets of the app registration"
)

// What Microsoft says of credentials
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
const (
	unknownKey    = 700027  // no key that is registered has signed the assertion
	wrongSecret   = 7000215 // or one that was deleted
	expiredSecret = 7000222
)

// OfIntegration tells why Microsoft is of no help to an integration; cause is what
// the keeper of grants was answered.
func OfIntegration(cause error) Problem {
	var refused *entra.Error
	switch {
	case !errors.As(cause, &refused):
		return Problem{"the integration does not work: " + Reason(cause), Operator, "look for the cause in the log"}
	case refused.Class == entra.Transient:
		return Problem{
			"Microsoft can't be reached or gives no answer (" + refused.Reason() + "): nobody can sign in, and bookings wait. Nobody's connection is harmed", Microsoft,
			"see whether this machine reaches the internet (DNS, proxy, firewall), then Microsoft's service health; the gateway goes on trying",
		}
	}
	if refused.Code == "" { // it was never sent
		return Problem{
			"no credential of the app registration can be used: nobody can sign in, and bookings wait once the tokens of their people end, within about an hour. Nobody's connection is harmed", Operator,
			"see which file is missing or of no use, here or in the log, and put a good one in its place; the gateway takes it without a restart",
		}
	}
	p := Problem{"Microsoft refuses the app registration itself (" + refused.Reason() + "): nobody can sign in, and bookings wait once the tokens of their people end, within about an hour. Nobody's connection is harmed", Operator, ""}
	number := func(n int) bool { return slices.Contains(refused.Codes, n) }
	switch {
	case number(expiredSecret):
		p.Do = "its secret has expired: " + replaceCredential
	case number(wrongSecret):
		p.Do = "its secret is wrong: " + correctSecret + " and " + Reloading + "; if that is of no help, " + replaceCredential
	case number(unknownKey):
		p.Do = registerCertificate + "; all is well again by itself then"
	case number(700016), number(90002), number(700038):
		p.Do = "compare client_id and tenant_id with the app registration in Azure"
	case number(7000112):
		p.Do = "the app is disabled in the tenant: have it enabled under Enterprise applications in Azure"
	case refused.Code == "invalid_client":
		p.Do = replaceCredential
	default:
		p.Do = "compare client_id, tenant_id, scopes and redirect URIs (onesgate ones redirect-uris) with the app registration in Azure; the log has Microsoft's own words"
	}
	return p
}

// OfCredential tells what is wrong with a credential, or will be; nil: nothing.
// all are the app registration's, in their order; works says whether one of them does.
func OfCredential(c entra.CredentialState, all []entra.CredentialState, works bool, now time.Time) *Problem {
	is := func(what, do string) *Problem { return &Problem{what, Operator, do} }
	switch left := c.DaysLeft(now); {
	case c.Problem != nil:
		return is(fmt.Sprintf("the file of %s is of no use now: %v", c.Name, c.Problem), "put a good one in its place; the gateway takes it without a restart")
	case !c.Refused.IsZero() && (works || len(all) > 1): // else the integration's problem says it
		return is(fmt.Sprintf("Microsoft refuses %s (%s)", c.Name, Reason(c.Refusal)), onRefusal(c, all, now))
	case c.Expires.IsZero():
	case left < 0:
		return is(fmt.Sprintf("%s has expired, on %s", c.Name, dateOf(c.Expires)), AtEnd(c, all, now))
	case left <= entra.FirstWarning:
		return is(fmt.Sprintf("%s expires on %s, %s; when none is left, nobody can sign in or book", c.Name, dateOf(c.Expires), inDays(c.Expires, now)), AtEnd(c, all, now))
	}
	return nil
}

// onRefusal is what to do with a credential that Microsoft refuses. Of a secret that
// was deleted it says the same as of one that is mistyped: the new one, which is to
// take the place of one that ends, must not be given up for that.
func onRefusal(c entra.CredentialState, all []entra.CredentialState, now time.Time) string {
	var refused *entra.Error
	if !errors.As(c.Refusal, &refused) {
		return AtEnd(c, all, now)
	}
	correct := ""
	switch {
	case slices.Contains(refused.Codes, wrongSecret):
		correct = correctSecret + " and " + Reloading
	case slices.Contains(refused.Codes, unknownKey):
		correct = registerCertificate
	default:
		return AtEnd(c, all, now)
	}
	ended := !c.Expires.IsZero() && c.DaysLeft(now) < 0
	outlived := slices.ContainsFunc(all, func(o entra.CredentialState) bool {
		return !c.Expires.IsZero() && tookLately(o) && o.Expires.After(c.Expires)
	})
	if ended || outlived {
		return AtEnd(c, all, now)
	}
	return correct + "; if it is an old one that is gone from Azure, take its line out of the Caddyfile"
}

// AtEnd is what to do with a credential that ends, or has ended.
func AtEnd(c entra.CredentialState, all []entra.CredentialState, now time.Time) string {
	below, waiting, waitsBelow, refused := false, "", false, ""
	for _, o := range all {
		switch lasts := o.DaysLeft(now) > entra.FirstWarning; {
		case o.Name == c.Name:
			below = true
		case tookLately(o) && (o.Expires.IsZero() || lasts):
			return "another one works, so take the line of this one out of the Caddyfile and reload"
		case o.Expires.IsZero() || !lasts || o.Problem != nil:
		case !o.Refused.IsZero():
			refused = o.Name
		case waiting == "":
			waiting, waitsBelow = o.Name, below
		}
	}
	switch {
	case waiting == "" && refused != "":
		return refused + " is there already and lasts longer, but Microsoft refuses it: see to that one first, and once it has worked take the line of this one out of the Caddyfile"
	case waiting == "":
		return replaceCredential
	case waitsBelow:
		return waiting + " is there already and lasts longer: write it above this one and reload; once it has worked, take the line of this one out"
	}
	return waiting + " is there already and lasts longer: once it has worked, take the line of this one out of the Caddyfile and reload"
}

// tookLately says whether Microsoft took a credential when it was last shown.
func tookLately(c entra.CredentialState) bool {
	return !c.Worked.IsZero() && c.Refused.IsZero() && c.Problem == nil
}

// OfPeople tells of people who can't help themselves; nil: there are none.
func OfPeople(integration, publicURL string, n People) *Problem {
	if n.NeedsAdminConsent == 0 {
		return nil
	}
	return &Problem{
		english.Plural(n.NeedsAdminConsent, "person waits", "people wait") + " for an administrator of the tenant: the permissions are not granted, or they may not use the app", Administrator,
		"grant them at " + publicURL + "/.ones/consent/" + integration + ", or assign these people to the app under Enterprise applications in Azure",
	}
}

// OfRoom tells why a room's account is of no help, and what its mailbox should not do.
// works says whether its integration does, seen when the calendar of a connected room was last
// seen, or could first have been; zero: that is not known.
func OfRoom(r Room, publicURL string, works bool, seen, now time.Time) []Problem {
	problems := []Problem{}
	is := func(whose Owner, what, do string) { problems = append(problems, Problem{what, whose, do}) }
	switch grant.State(r.Connection) {
	case grant.NeedsSignIn:
		is(Operator, "Microsoft no longer honours the connection of the account that stands for "+r.Name+": nobody but the people who book sees its calendar",
			"have an admin connect it again at "+publicURL+"/.ones/rooms/"+r.Name+"/connect")
	case grant.NeedsAdminConsent:
		is(Administrator, "the account that stands for "+r.Name+" waits for an administrator of the tenant",
			"grant the permissions at "+publicURL+"/.ones/consent/"+r.Integration)
	case grant.Unavailable:
		is(Microsoft, "the account that stands for "+r.Name+" gets no token at the moment: nobody but the people who book sees its calendar",
			"see whether the integration "+r.Integration+" works; the gateway goes on trying")
	case grant.Connected:
		if r.Looked != nil && r.Looked.After(seen) {
			seen = *r.Looked
		}
		if !seen.IsZero() && works && now.Sub(seen) > staleLook {
			is(Microsoft, "the calendar of "+r.Name+" has not been seen for "+strings.TrimSpace(humanize.RelTime(seen, now, "", ""))+": Microsoft Graph doesn't show it",
				"see in the log why; if access is denied, give the account its rights on the room's calendar again")
		}
	}
	if r.Observed.Exposed > 0 {
		is(Administrator, english.Plural(r.Observed.Exposed, "private meeting is", "private meetings are")+" no longer private in the calendar of "+r.Name+": whoever may look into it sees what they are about",
			"have RemovePrivateProperty switched off for its mailbox: onesgate ones room-policy prints the script")
	}
	return problems
}

// staleLook is after how long a calendar should have been seen again: it is read every
// 5 minutes at least.
const staleLook = 20 * time.Minute

// OfGateway tells what is wrong with the gateway itself, its store, and bookings as a whole.
func OfGateway(p *Picture, now time.Time) []Problem {
	problems := []Problem{}
	is := func(whose Owner, what, do string) { problems = append(problems, Problem{what, whose, do}) }
	if p.KeysetProblem != "" {
		is(Operator, "the keyset can't be taken as it is now, the one from before stays in use: "+p.KeysetProblem,
			"mend the file before the next start, which would fail; onesgate ones keys list FILE tells what is in it")
	}
	if !peers.SealAlike(p.Gateways) {
		is(Operator, SealDifferently, "compare the keysets: onesgate ones keys list")
	}
	if d := p.Store.Disk; d != nil {
		switch {
		case d.Free < d.Least:
			is(Operator, "the disk of the store is full: nobody can sign in or book", "make room on it: "+humanize.IBytes(d.Least)+" have to be free")
		case d.Free < 2*d.Least:
			is(Operator, "the disk of the store is nearly full: at less than "+humanize.IBytes(d.Least)+" nobody can sign in or book", "make room on it; "+humanize.IBytes(d.Free)+" are free")
		}
	}
	if p.Store.FeedLag > slowFeed.Milliseconds() {
		is(Operator, "what other gateways have done is heard late ("+p.Store.Lag()+"): sessions that were ended there may go on here", "see whether the store answers: the database, and the network to it")
	}
	for _, g := range p.Gone {
		is(Operator, g.Words(), GoneToDo)
	}
	for _, g := range p.GoneRooms {
		is(Operator, g.Words(), g.ToDo())
	}
	if n := len(p.SharedCards); n > 0 {
		is(Operator, english.Plural(n, "card number belongs", "card numbers belong")+" to more than one person, so nobody is found by it", "correct it in the directory; whose they are: onesgate ones status --json")
	}
	if s := p.Recent.Silence; s.Calls >= fewSilent {
		is(Microsoft, "Microsoft Graph has given no answer since "+stamp(s.Since)+", or only ones of its own trouble, to "+english.Plural(s.Calls, "call", "calls")+": bookings wait. Nobody's connection is harmed",
			"ask onesgate ones doctor whether this machine reaches it, and look at Microsoft's service health; the gateway goes on trying")
	}
	if at := p.Bookings.Oldest; at != nil && now.Sub(*at) > longWait {
		is(Microsoft, "a booking waits for Microsoft 365 since "+stamp(*at)+", of "+strconv.Itoa(p.Bookings.Accepted+p.Bookings.AwaitingRoom),
			"see whether its integration works; why it waits: onesgate ones bookings list --state waiting")
	}
	if n := p.Bookings.Failed; n > 0 {
		is(Operator, english.Plural(n, "booking has", "bookings have")+" failed within 7 days", "see why: onesgate ones bookings list --state failed")
	}
	return problems
}

const (
	// slowFeed is when what others have done is heard late. A second is promised.
	slowFeed = 5 * time.Second
	// fewSilent calls of Microsoft Graph in vain, one after the other, are no accident.
	fewSilent = 5
	// longWait is how long a booking may wait for Microsoft, or for the room, unnoticed.
	longWait = time.Hour
)

// inDays tells how long it is until a credential ends, which has not ended yet.
func inDays(expires, now time.Time) string {
	left := entra.CredentialState{Expires: expires}.DaysLeft(now)
	switch {
	case left > 0:
		return "in " + english.Plural(left, "day", "days")
	case dateOf(expires) == dateOf(now):
		return "today"
	}
	return "in less than a day"
}

func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }
