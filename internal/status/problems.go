package status

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
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

// words are for a sentence.
func (o Owner) words() string {
	switch o {
	case Operator:
		return "yours, who operate the gateway"
	case Administrator:
		return "the tenant's administrator's"
	}
	return "Microsoft's, or the network's"
}

const replaceCredential = "make a new secret (or certificate) for the app registration in Azure, write it on a line above the old one, and reload; all is well again by itself then, and nobody has to sign in again"

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
			"no credential of the app registration can be used: nobody can sign in or book. Nobody's connection is harmed", Operator,
			"see which file is missing or of no use, here or in the log, and put a good one in its place; the gateway takes it without a restart",
		}
	}
	p := Problem{"Microsoft refuses the app registration itself (" + refused.Reason() + "): nobody can sign in or book. Nobody's connection is harmed", Operator, ""}
	number := func(n int) bool { return slices.Contains(refused.Codes, n) }
	switch {
	case number(expiredSecret):
		p.Do = "its secret has expired: " + replaceCredential
	case number(wrongSecret):
		p.Do = "its secret is wrong: " + correctSecret + " and reload; if that is of no help, " + replaceCredential
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
		correct = correctSecret + " and reload"
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

// OfRoom tells why the account of a room is of no help; nil: it is, or there is none.
func OfRoom(room, integration, publicURL string, connection grant.State) *Problem {
	switch connection {
	case grant.NeedsSignIn:
		return &Problem{
			"Microsoft no longer honours the connection of the account that stands for " + room + ": nobody but the people who book sees its calendar", Operator,
			"have an admin connect it again at " + publicURL + "/.ones/rooms/" + room + "/connect",
		}
	case grant.NeedsAdminConsent:
		return &Problem{
			"the account that stands for " + room + " waits for an administrator of the tenant", Administrator,
			"grant the permissions at " + publicURL + "/.ones/consent/" + integration,
		}
	case grant.Unavailable:
		return &Problem{
			"the account that stands for " + room + " gets no token at the moment: nobody but the people who book sees its calendar", Microsoft,
			"see whether the integration " + integration + " works; the gateway goes on trying",
		}
	}
	return nil
}

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
